"""Which (user, item) pairs are rated: a weighted draw of different cells of the (U, I) table.

The weight of a cell is the activity of its user (log-normal) times the popularity of its item,
1 / (r + 10) for the r-th.  Drawing without replacement, one after the other with probability
proportional to weight, can be done in two ways of one law: keep the n cells of largest
log(weight) + Gumbel noise, which needs the whole table; or draw with replacement and skip what was
drawn before, which needs only what is kept, and time where the table is nearly full.
"""

import numpy as np
from numpy.typing import NDArray

from npcf.errors import SettingError

TABLE = 50_000_000  # cells; beyond it no array of the table's size is made
FULLEST = 0.5  # of such a table: skipping takes some 10 draws a rating there, and ever more beyond
ROUND = 2**22  # draws at a time

Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]


def draw_pairs(n_users: int, n_items: int, n: int, rng: np.random.Generator) -> Pairs:
    """Draw n different cells so that every user and every item occurs; rows from 1."""
    activity = rng.normal(0, 1, n_users)
    popularity = -np.log(rng.permutation(n_items) + 10.0)
    if n_users * n_items <= TABLE:
        cells = _by_largest_keys(activity, popularity, n, rng)
    else:
        cells = _by_skipping(np.exp(activity), np.exp(popularity), n, rng)
    users, items = np.divmod(rng.permutation(cells), n_items)
    return users + 1, items + 1


def _by_largest_keys(
    activity: NDArray[np.float64], popularity: NDArray[np.float64], n: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    n_users, n_items = len(activity), len(popularity)
    keys = activity[:, None] + popularity + rng.gumbel(size=(n_users, n_items))
    keys[np.arange(n_users), keys.argmax(axis=1)] = np.inf  # everybody's favourite cell is in
    keys[keys.argmax(axis=0), np.arange(n_items)] = np.inf
    largest: NDArray[np.int64] = np.argpartition(-keys.ravel(), n - 1)[:n]
    largest.sort(kind="stable")  # the order inside a partition is the processor's choice
    return largest


def _by_skipping(
    activity: NDArray[np.float64], popularity: NDArray[np.float64], n: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    n_users, n_items = len(activity), len(popularity)
    if n > FULLEST * n_users * n_items:
        problem = f"{n} of {n_users * n_items} cells are more than {FULLEST:.0%} of a large table"
        raise SettingError("n_ratings", problem, "Lower it, or make the table smaller.", value=n)
    user_ends, item_ends = activity.cumsum(), popularity.cumsum()
    # a first cell for everybody and for everything; these stay whatever follows
    users = np.concatenate([np.arange(n_users), _draw(user_ends, n_items, rng)])
    items = np.concatenate([_draw(item_ends, n_users, rng), np.arange(n_items)])
    cells = np.unique(users * n_items + items)
    while len(cells) < n:
        size = min(ROUND, 2 * (n - len(cells)) + 1000)
        drawn = _draw(user_ends, size, rng) * n_items + _draw(item_ends, size, rng)
        different, first = np.unique(drawn, return_index=True)
        place = np.minimum(np.searchsorted(cells, different), len(cells) - 1)
        first = np.sort(first[cells[place] != different])[: n - len(cells)]  # the earliest drawn
        cells = np.concatenate([cells, drawn[first]])
        cells.sort(kind="stable")
    return cells


def _draw(ends: NDArray[np.float64], size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw positions with probability proportional to the steps of `ends`."""
    found: NDArray[np.int64] = np.searchsorted(ends, rng.random(size) * ends[-1], side="right")
    found[found == len(ends)] -= 1  # rounding may reach the end itself
    return found

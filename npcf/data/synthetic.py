"""Synthetic ratings drawn from known parameters: something to train on without any file.

The pairs are a weighted draw, without replacement, of cells of the (U, I) table.  The weight of a
cell is the activity of its user (log-normal) times the popularity of its item, 1 / (r + 10) for the
r-th.  Two ways of drawing have one law: keep the n cells of largest log(weight) + Gumbel noise,
which needs the whole table; or draw with replacement and skip repeats, which needs only what is
kept, and time where the table is nearly full.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from npcf._types import FloatArray, Params
from npcf.data.ratings import Ratings
from npcf.data.recovery import Recovery, recovery, scores
from npcf.data.vocabulary import NA, Vocabulary
from npcf.errors import SettingError, require_count, require_number

Y_RANGE = (0.0, 5.5)
BIAS_OF_THE_MEAN = 0.6  # sigmoid_range(0.6) = 3.55, about where MovieLens lies
TABLE = 50_000_000  # cells; beyond it no array of the table's size is made
FULLEST = 0.5  # of such a table: skipping takes some 10 draws a rating there, and ever more beyond
ROUND = 2**22  # draws at a time

FIRST = "Quiet Broken Golden Distant Hidden Paper Crimson Frozen Hollow Electric Lonely Borrowed"
SECOND = "Harbour Letter Orchard Engine Winter Lantern Border Garden Signal Island Mirror Parade"


Rows = NDArray[np.int64]


class Planted(NamedTuple):
    """Ratings and the parameters they were drawn from, rows as in `ratings` (row 0 is `#na#`)."""

    ratings: Ratings
    params: Params
    expected: FloatArray  # (n,) the rating each would have had without noise and rounding
    noise: float

    def truth_rmse(self, index: NDArray[np.int64]) -> float:
        """Return the RMSE of the truth itself on the ratings at `index`: no model can do better."""
        error = self.expected[index] - self.ratings.rating[index]
        return float(np.sqrt(np.mean(error**2)))

    def recovery(
        self, params: Mapping[str, Any], index: NDArray[np.int64] | None = None
    ) -> Recovery:
        """Return how close the tables of a trained model are to the truth.

        Scores are compared on the ratings at `index` (all if None), factors up to a rotation.
        """
        part = self.ratings if index is None else self.ratings.take(index)
        return recovery(self.params, params, part.users, part.items)


def planted(
    n_users: int = 600,
    n_items: int = 300,
    n_ratings: int | None = None,
    n_factors: int = 3,
    noise: float = 0.6,
    seed: int = 0,
    *,
    density: float | None = None,
    duplicates: int = 0,
) -> Planted:
    """Draw ratings 1 … 5 from known factors and biases.

    rating = clip(round(sigmoid_range(P[u] . Q[i] + b[u] + c[i], 0, 5.5) + N(0, noise)), 1, 5)

    Parameters
    ----------
    n_ratings : different (user, item) pairs, 20,000 by default; every user and item occurs.
    density : the share of all pairs that is rated, instead of `n_ratings`.
    noise : standard deviation, in stars.
    duplicates : how many of the pairs are rated once more, with noise of its own.

    Popularity is long-tailed, as in MovieLens.  Memory grows with the ratings, not with the table.
    """
    n_users, n_items = require_count("n_users", n_users), require_count("n_items", n_items)
    n_factors = require_count("n_factors", n_factors)
    duplicates = require_count("duplicates", duplicates, 0)
    noise = require_number("noise", noise)
    n = _how_many(n_users, n_items, n_ratings, density)
    if duplicates > n:
        problem = f"{duplicates} of {n} ratings cannot be repeated once"
        raise SettingError("duplicates", problem, "Lower it.", value=duplicates)
    rng = np.random.default_rng(None if seed is None else require_count("seed", seed, 0, np.inf))
    params = _draw_params(n_users, n_items, n_factors, rng)
    users, items = draw_pairs(n_users, n_items, n, rng)
    if duplicates:
        again = rng.choice(n, duplicates, replace=False)
        order = rng.permutation(n + duplicates)
        users, items = (np.concatenate([c, c[again]])[order] for c in (users, items))
    expected = Y_RANGE[1] / (1 + np.exp(-scores(params, users, items)))
    rating = np.clip(np.round(expected + noise * rng.standard_normal(len(users))), 1, 5)
    titles = [NA, *_invent_titles(n_items, rng)]
    ratings = Ratings(
        users.astype(np.int32), items.astype(np.int32), rating.astype(np.float32),
        Vocabulary(np.arange(1, n_users + 1)), Vocabulary(np.arange(1, n_items + 1)),
        titles, ("user", "item", "rating"),
    )  # fmt: skip
    return Planted(ratings, params, expected, noise)


def _how_many(n_users: int, n_items: int, n_ratings: int | None, density: float | None) -> int:
    """Return the number of different pairs, or raise if not everybody could occur."""
    if n_ratings is not None and density is not None:
        raise SettingError("density", "says n_ratings a second time", "Give one of the two.")
    name, n = "n_ratings", 20_000
    if density is not None:
        name, n = "density", round(require_number("density", density, 0, 1) * n_users * n_items)
    elif n_ratings is not None:
        n = require_count("n_ratings", n_ratings)
    if not n_users + n_items <= n <= n_users * n_items:
        problem = f"must lie in [{n_users + n_items}, {n_users * n_items}] ratings "
        problem += f"so that everybody occurs and no pair twice, got {n}"
        value = n if density is None else density
        raise SettingError(name, problem, "Change the sizes.", value=value)
    return n


def _draw_params(n_users: int, n_items: int, n_factors: int, rng: np.random.Generator) -> Params:
    scale = n_factors**-0.25  # so that a dot of K products has the same spread for any K
    params = {
        "user_factors": 0.8 * scale * rng.standard_normal((n_users + 1, n_factors)),
        "item_factors": 0.8 * scale * rng.standard_normal((n_items + 1, n_factors)),
        "user_bias": 0.4 * rng.standard_normal(n_users + 1),
        "item_bias": BIAS_OF_THE_MEAN + 0.6 * rng.standard_normal(n_items + 1),
    }
    for table in params.values():
        table[0] = 0  # `#na#`
    return params


def _invent_titles(n: int, rng: np.random.Generator) -> list[str]:
    """Return n different titles such as 'The Quiet Harbour (1987)'."""
    names = [f"The {first} {second}" for first in FIRST.split() for second in SECOND.split()]
    order = rng.permutation(len(names))
    titles = []
    for i in range(n):
        sequel, place = divmod(i, len(names))
        name = names[order[place]] + (f" {sequel + 1}" if sequel else "")
        titles.append(f"{name} ({rng.integers(1950, 2000)})")
    return titles


def draw_pairs(n_users: int, n_items: int, n: int, rng: np.random.Generator) -> tuple[Rows, Rows]:
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
) -> Rows:
    n_users, n_items = len(activity), len(popularity)
    keys = activity[:, None] + popularity + rng.gumbel(size=(n_users, n_items))
    keys[np.arange(n_users), keys.argmax(axis=1)] = np.inf  # everybody's favourite cell is in
    keys[keys.argmax(axis=0), np.arange(n_items)] = np.inf
    largest: Rows = np.argpartition(-keys.ravel(), n - 1)[:n]
    largest.sort(kind="stable")  # the order inside a partition is the processor's choice
    return largest


def _by_skipping(
    activity: NDArray[np.float64], popularity: NDArray[np.float64], n: int, rng: np.random.Generator
) -> Rows:
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


def _draw(ends: NDArray[np.float64], size: int, rng: np.random.Generator) -> Rows:
    """Draw positions with probability proportional to the steps of `ends`."""
    found: Rows = np.searchsorted(ends, rng.random(size) * ends[-1], side="right")
    found[found == len(ends)] -= 1  # rounding may reach the end itself
    return found

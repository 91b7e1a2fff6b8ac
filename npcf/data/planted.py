"""Invented ratings whose truth is known: what there is to train on when there is no file."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from npcf._types import FloatArray, Params
from npcf.data.ratings import Ratings
from npcf.errors import SettingError, require_count, require_number

Y_RANGE = (0.0, 5.5)
BIAS_OF_THE_MEAN = 0.6  # sigmoid_range(0.6) = 3.55, about where MovieLens lies

FIRST = "Quiet Broken Golden Distant Hidden Paper Crimson Frozen Hollow Electric Lonely Borrowed"
SECOND = "Harbour Letter Orchard Engine Winter Lantern Border Garden Signal Island Mirror Parade"


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


def planted(
    n_users: int = 600,
    n_items: int = 300,
    n_ratings: int = 20_000,
    n_factors: int = 3,
    noise: float = 0.6,
    seed: int = 0,
) -> Planted:
    """Draw ratings 1 … 5 from known factors and biases.

    rating = clip(round(sigmoid_range(P[u] . Q[i] + b[u] + c[i], 0, 5.5) + N(0, noise)), 1, 5)

    Popularity is long-tailed, as in MovieLens: the weight of the r-th item is 1 / (r + 10), the
    activity of users log-normal.  No pair occurs twice; every user and every item occurs.
    """
    n_users, n_items = require_count("n_users", n_users), require_count("n_items", n_items)
    n_ratings, n_factors = (
        require_count("n_ratings", n_ratings),
        require_count("n_factors", n_factors),
    )
    noise = require_number("noise", noise)
    if not n_users + n_items <= n_ratings <= n_users * n_items:
        raise SettingError(
            "n_ratings",
            f"must lie in [{n_users + n_items}, {n_users * n_items}] so that everybody occurs and "
            f"no pair twice, got {n_ratings}",
            "Change the sizes.",
        )
    rng = np.random.default_rng(seed)
    params = _draw_params(n_users, n_items, n_factors, rng)
    users, items = _draw_pairs(n_users, n_items, n_ratings, rng)
    logit = (params["user_factors"][users] * params["item_factors"][items]).sum(1)
    logit += params["user_bias"][users] + params["item_bias"][items]
    expected = Y_RANGE[1] / (1 + np.exp(-logit))
    rating = np.clip(np.round(expected + noise * rng.standard_normal(n_ratings)), 1, 5)
    titles = np.array(_invent_titles(n_items, rng))
    frame = pd.DataFrame(
        {"user": users, "item": items, "rating": rating, "title": titles[items - 1]}
    )
    return Planted(Ratings.from_frame(frame, title="title"), params, expected, noise)


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


def _draw_pairs(
    n_users: int, n_items: int, n_ratings: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw distinct cells of the (U, I) table with probability by activity times popularity.

    The n cells of largest log(weight) + Gumbel noise are a weighted draw without replacement.
    """
    activity = rng.normal(0, 1, n_users)
    popularity = -np.log(rng.permutation(n_items) + 10.0)
    keys = activity[:, None] + popularity + rng.gumbel(size=(n_users, n_items))
    keys[np.arange(n_users), keys.argmax(axis=1)] = np.inf  # everybody's favourite cell is in
    keys[keys.argmax(axis=0), np.arange(n_items)] = np.inf
    cells = np.argpartition(-keys.ravel(), n_ratings - 1)[:n_ratings]
    users, items = np.divmod(rng.permutation(cells), n_items)
    return users + 1, items + 1


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

"""What goes into the workbook: a table of ratings, ids, and weights to begin with."""

import math
from typing import Any, NamedTuple

import numpy as np

from npcf._types import FloatArray, IdArray, Params
from npcf.errors import DataError, require_count

LARGEST = 1_000  # users and movies: a tab holds a formula for each pair
MOST_FACTORS = 50
SMALLEST = 4  # users and movies of `planted`, which wants more ratings than it has of both
DENSITY, MOST_DRAWN = 0.9, 2_000  # of drawn ratings; the lesson's table has 206 of 225


class RatingTable(NamedTuple):
    """The ratings of some users for some movies, NaN where there is none, and two weight tables."""

    users: tuple[Any, ...]  # U ids
    movies: tuple[Any, ...]  # I ids
    rating: FloatArray  # (U, I)
    params: Params  # user_factors (U, K), item_factors (I, K), user_bias (U,), item_bias (I,)

    @property
    def pairs(self) -> tuple[IdArray, IdArray]:
        """The rows and columns that are rated, (n,) each, row by row."""
        rows, cols = np.nonzero(~np.isnan(self.rating))
        return rows, cols


def drawn_table(n_users: int, n_movies: int, n_factors: int, seed: int) -> RatingTable:
    """Return a table of synthetic ratings (`npcf.data.planted`), with random weights."""
    from npcf.data import planted

    _check_sizes(n_users, n_movies, n_factors, seed)
    sizes = max(n_users, SMALLEST), max(n_movies, SMALLEST)
    n = sizes[0] * sizes[1]  # all are rated where the table is cut from a larger one
    if sizes == (n_users, n_movies):
        n = max(n_users + n_movies, min(round(DENSITY * n), MOST_DRAWN))
    ratings = planted(*sizes, n, n_factors, seed=seed).ratings
    table = np.full(sizes, np.nan)
    table[ratings.users - 1, ratings.items - 1] = ratings.rating
    table = table[:n_users, :n_movies]
    ids = tuple(range(1, n_users + 1)), tuple(range(1, n_movies + 1))
    return RatingTable(*ids, table, _weights(n_users, n_movies, n_factors, seed))


def top_table(
    ratings: Any, n_users: int, n_movies: int, n_factors: int, seed: int, aggfunc: str = "error"
) -> RatingTable:
    """Return the ratings of the users with most ratings for the movies with most, as the lesson.

    Ties are broken by the order of the ids.  DataError where there are fewer users or movies, where
    none of them rated any of these, or where a pair occurs twice (`npcf.data.crosstab`).
    """
    import pandas as pd

    from npcf.data import crosstab
    from npcf.data.validate import require_ratings

    require_ratings("ratings", ratings)
    _check_sizes(n_users, n_movies, n_factors, seed)
    users = _most_rated("users", ratings.users, ratings.user_vocab, n_users)
    movies = _most_rated("movies", ratings.items, ratings.item_vocab, n_movies)
    kept = ratings.take(np.isin(ratings.users, users) & np.isin(ratings.items, movies))
    if not len(kept):
        cure = "Ask for more users and movies."
        raise DataError("data", "has no rating of these users for these movies", cure)
    frame = pd.DataFrame({"user": kept.users, "item": kept.items, "rating": kept.rating})
    if isinstance(aggfunc, str) and aggfunc == "error":
        _refuse_repeats(frame, ratings)
    table = crosstab(frame, aggfunc).reindex(index=users, columns=movies)
    ids = (
        tuple(_label(ratings.user_vocab, row) for row in users),
        tuple(_label(ratings.item_vocab, row) for row in movies),
    )
    weights = _weights(n_users, n_movies, n_factors, seed)
    return RatingTable(*ids, table.to_numpy(np.float64), weights)


def _check_sizes(n_users: int, n_movies: int, n_factors: int, seed: int) -> None:
    require_count("n_users", n_users, 1, LARGEST)
    require_count("n_movies", n_movies, 1, LARGEST)
    require_count("n_factors", n_factors, 1, MOST_FACTORS)
    require_count("seed", seed, 0, math.inf)


def _most_rated(side: str, rows: Any, vocab: Any, n: int) -> IdArray:
    counts = np.bincount(rows, minlength=len(vocab))
    counts[: vocab.first_row] = -1  # #na# is nobody
    if n > len(vocab.ids):
        problem = f"has {len(vocab.ids)} {side}, fewer than {n}"
        raise DataError("data", problem, f"Ask for fewer: n_{side}={len(vocab.ids)}.", value=n)
    return np.sort(np.argsort(-counts, kind="stable")[:n])


def _label(vocab: Any, row: int) -> Any:
    """Return the id of a row as a number or text of Python, which a cell can hold."""
    label = vocab.label(row)
    return label.item() if hasattr(label, "item") else label


def _refuse_repeats(frame: Any, ratings: Any) -> None:
    """Raise DataError naming a pair that occurs twice by its ids, not by its rows."""
    repeats = frame.duplicated(["user", "item"]).to_numpy()
    if repeats.any():
        row = frame.iloc[int(repeats.argmax())]
        user = _label(ratings.user_vocab, int(row["user"]))
        movie = _label(ratings.item_vocab, int(row["item"]))
        problem = f"has user {user!r} with movie {movie!r} twice"
        cure = 'Say what the cell holds: aggfunc="mean", "sum" or "last".'
        raise DataError("data", problem, cure, value=(user, movie))


def _weights(n_users: int, n_movies: int, n_factors: int, seed: int) -> Params:
    """Return weights uniform in [0, 1), as the lesson's RAND() draws them, to six digits."""
    rng = np.random.default_rng(seed)
    shapes = {"user_factors": (n_users, n_factors), "item_factors": (n_movies, n_factors),
              "user_bias": (n_users,), "item_bias": (n_movies,)}  # fmt: skip
    return {name: rng.random(shape).round(6) for name, shape in shapes.items()}

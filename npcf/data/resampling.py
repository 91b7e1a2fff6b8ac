"""Which ratings train and which validate, four ways; each answer is (training, validation) indices.

    k_fold          every rating validates once, in one of n_splits parts whose sizes differ by one
    leave_one_out   one rating of each user who has two or more validates; the others train
    by_time         the latest validate: every training rating is earlier than every validation one
    by_user         whole users validate: how good is the model for people it has never met?

The two indices of a split are disjoint, sorted, and together hold every rating once.  All chance
comes from `rng`: the same generator state gives the same split.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npcf.data.kinds import require_ratings
from npcf.data.ratings import Ratings
from npcf.errors import DataError, require_count, require_number, require_rng

Index = NDArray[np.int64]
Split = tuple[Index, Index]


def k_fold(ratings: Ratings, n_splits: int, rng: np.random.Generator) -> Iterator[Split]:
    """Return an iterator over `n_splits` splits; n_splits = len(ratings) leaves out one each time.

    The first n % n_splits parts have one rating more.
    """
    n = len(require_ratings("ratings", ratings))
    if require_count("n_splits", n_splits, 2) > n:
        raise DataError("ratings", f"{n} are too few for {n_splits} parts", "Lower n_splits.")
    order = require_rng("rng", rng).permutation(n)
    return (_split(n, part) for part in np.array_split(order, n_splits))


def leave_one_out(ratings: Ratings, rng: np.random.Generator) -> Split:
    """Return the split in which one rating, drawn at random, of each user validates.

    Users with a single rating stay in training, so every user that validates also trains.
    """
    require_ratings("ratings", ratings)
    order = require_rng("rng", rng).permutation(np.flatnonzero(_has_user(ratings)))
    _, first, count = np.unique(ratings.users[order], return_index=True, return_counts=True)
    chosen = order[first[count > 1]]
    if not len(chosen):
        raise DataError("ratings", "no user has two ratings", "Use k_fold.")
    return _split(len(ratings), chosen)


def by_time(ratings: Ratings, valid_pct: float = 0.2) -> Split:
    """Return the split in which the latest int(valid_pct * n) ratings validate.

    Ratings of the very moment at which the cut falls all train, so validation may be smaller: a
    training rating is never as late as a validation rating.
    """
    require_ratings("ratings", ratings)
    n, timestamps = len(ratings), ratings.timestamps
    if timestamps is None:
        raise DataError("ratings", "have no timestamps", "Read them with a timestamp column.")
    n_valid = _share(valid_pct, n, "ratings")
    last_of_training = np.partition(timestamps, n - n_valid - 1)[n - n_valid - 1]
    chosen = np.flatnonzero(timestamps > last_of_training)
    if not len(chosen):
        raise DataError(
            "ratings",
            f"the latest {n - int((timestamps < last_of_training).sum())} are of one moment, "
            f"{last_of_training}",
            "Raise valid_pct, or use k_fold.",
        )
    return _split(n, chosen)


def by_user(ratings: Ratings, valid_pct: float, rng: np.random.Generator) -> Split:
    """Return the split in which all ratings of int(valid_pct * number of users) users validate."""
    users = np.unique(require_ratings("ratings", ratings).users[_has_user(ratings)])
    n_valid = _share(valid_pct, len(users), "users")
    chosen = require_rng("rng", rng).permutation(users)[:n_valid]
    return _split(len(ratings), np.flatnonzero(np.isin(ratings.users, chosen)))


def _has_user(ratings: Ratings) -> NDArray[np.bool_]:
    """Which ratings name a user; those of `#na#` are of different people, and stay in training."""
    known: NDArray[np.bool_] = ratings.users >= ratings.user_vocab.first_row
    return known


def _share(valid_pct: float, n: int, what: str) -> int:
    """Return int(valid_pct * n), or raise unless both parts have something."""
    n_valid = int(require_number("valid_pct", valid_pct, 0, 1, open_high=True) * n)
    if not 0 < n_valid < n:
        raise DataError(
            "valid_pct",
            f"{valid_pct:g} of {n} {what} are {n_valid}",
            "Change valid_pct or give more ratings.",
            value=valid_pct,
        )
    return n_valid


def _split(n: int, chosen: Any) -> Split:
    valid = np.zeros(n, bool)
    valid[chosen] = True
    return np.flatnonzero(~valid), np.flatnonzero(valid)

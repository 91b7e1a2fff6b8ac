"""Training and validation indices: fastai's split for a seed, and four others.

    split_indices   the split that fastai's `RandomSplitter` makes for a seed
    k_fold          every rating validates once, in one of n_splits parts whose sizes differ by one
    leave_one_out   one rating of each user who has two or more validates; the others train
    by_time         the latest validate: every training rating is earlier than every validation one
    by_user         whole users validate: how good is the model for people it has never met?

Each split is (training, validation) positions, disjoint, together every rating once; all but
fastai's are sorted.  All randomness comes from `seed` or `rng`.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npcf.data.ratings import Ratings
from npcf.data.validate import require_ratings
from npcf.errors import DataError, SettingError, require_count, require_number, require_rng

FEW = 2**12  # places that are swapped one after the other
MOST = 2**32 // 20  # beyond it torch draws 64 bits a number
Index = NDArray[np.int64]
Split = tuple[Index, Index]


def torch_randperm(n: int, seed: int) -> Index:
    """Return `torch.manual_seed(seed); torch.randperm(n)` without torch.

    torch shuffles from the front (Fisher-Yates): r[i] <-> r[i + draw % (n - i)] for i = 0 … n - 2,
    with one raw 32-bit output of MT19937 a swap, seeded by its authors' init_genrand.
    """
    n, seed = require_count("n", n, 0), require_count("seed", seed, 0, np.inf)
    if n >= MOST or seed >= 2**32:
        cure = "Use k_fold or by_user, which draw from NumPy's generators."
        raise SettingError("n", f"n < {MOST} and seed < 2**32 needed", cure)
    # Only the legacy seeding is init_genrand; over the full range randint returns raw outputs.
    generator = np.random.RandomState(seed)  # noqa: NPY002
    draws = generator.randint(0, 2**32, max(n - 1, 0), dtype=np.uint32)
    result, i = np.arange(n, dtype=np.int64), 0
    while n - i > FEW:
        places = np.arange(i, i + math.isqrt(n - i))
        partners = places + draws[places] % (n - places)
        end = i + _independent(partners - i)
        here, there = slice(i, end), partners[: end - i]
        result[here], result[there] = result[there], result[here].copy()
        i = end
    rest, left = result[i:].tolist(), n - i
    for k, draw in enumerate(draws[i:].tolist()):
        j = k + draw % (left - k)
        rest[k], rest[j] = rest[j], rest[k]
    result[i:] = rest
    return result


def _independent(partners: Index) -> int:
    """Return how many of the first swaps k <-> partners[k] >= k can be made at once.

    Those before the first that meets a place again: a partner twice, or a partner that is itself
    one of the k.  Among sqrt(n) swaps of n places there is about one.
    """
    order = np.argsort(partners, kind="stable")
    again = order[1:][partners[order][1:] == partners[order][:-1]]
    inside = partners[partners > np.arange(len(partners))]
    return int(min(again.min(initial=len(partners)), inside.min(initial=len(partners))))


def split_indices(n: int, valid_pct: float = 0.2, seed: int = 42) -> Split:
    """Return fastai's split: the first int(valid_pct * n) of `torch_randperm(n, seed)` validate."""
    valid_pct = require_number("valid_pct", valid_pct, 0, 1, open_high=True)
    order = torch_randperm(n, seed)
    cut = int(valid_pct * n)
    return order[cut:], order[:cut]


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
        latest = n - int((timestamps < last_of_training).sum())
        problem = f"the latest {latest} are of one moment, {last_of_training}"
        raise DataError("ratings", problem, "Raise valid_pct, or use k_fold.")
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
        problem = f"{valid_pct:g} of {n} {what} are {n_valid}"
        cure = "Change valid_pct or give more ratings."
        raise DataError("valid_pct", problem, cure, value=valid_pct)
    return n_valid


def _split(n: int, chosen: Any) -> Split:
    valid = np.zeros(n, bool)
    valid[chosen] = True
    return np.flatnonzero(~valid), np.flatnonzero(valid)

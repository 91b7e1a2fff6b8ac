"""Training and validation ratings for a seed: the same split fastai makes."""

import math

import numpy as np
from numpy.typing import NDArray

from npcf.errors import SettingError, require_count, require_number

FEW = 2**12  # places that are swapped one after the other
MOST = 2**32 // 20  # beyond it torch draws 64 bits a number


def torch_randperm(n: int, seed: int) -> NDArray[np.int64]:
    """Return `torch.manual_seed(seed); torch.randperm(n)` without torch.

    torch shuffles from the front (Fisher-Yates): r[i] <-> r[i + draw % (n - i)] for i = 0 … n - 2,
    with one raw 32-bit output of MT19937 a swap, seeded by its authors' init_genrand.
    """
    n, seed = require_count("n", n, 0), require_count("seed", seed, 0, np.inf)
    if n >= MOST or seed >= 2**32:
        raise SettingError(
            "n",
            f"n < {MOST} and seed < 2**32 needed",
            "Use k_fold or by_user, which draw from NumPy's generators.",
        )
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


def _independent(partners: NDArray[np.int64]) -> int:
    """Return how many of the first swaps k <-> partners[k] >= k can be made at once.

    Those before the first that meets a place again: a partner twice, or a partner that is itself
    one of the k.  Among sqrt(n) swaps of n places there is about one.
    """
    order = np.argsort(partners, kind="stable")
    again = order[1:][partners[order][1:] == partners[order][:-1]]
    inside = partners[partners > np.arange(len(partners))]
    return int(min(again.min(initial=len(partners)), inside.min(initial=len(partners))))


def split_indices(
    n: int, valid_pct: float = 0.2, seed: int = 42
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (training positions, validation positions) of n ratings; together, each once.

    The first int(valid_pct * n) of `torch_randperm(n, seed)` validate: fastai's `RandomSplitter`.
    """
    valid_pct = require_number("valid_pct", valid_pct, 0, 1, open_high=True)
    order = torch_randperm(n, seed)
    cut = int(valid_pct * n)
    return order[cut:], order[:cut]

"""Training and validation ratings for a seed: the same split fastai makes."""

import numpy as np
from numpy.typing import NDArray

from npcf.errors import SettingError, require_count, require_number

MOST = 2**32 // 20  # beyond it torch draws 64 bits a number


def torch_randperm(n: int, seed: int) -> NDArray[np.int64]:
    """Return `torch.manual_seed(seed); torch.randperm(n)` without torch.

    torch shuffles from the front (Fisher-Yates): r[i] <-> r[i + draw % (n - i)] for i = 0 … n - 2,
    with one raw 32-bit output of MT19937 a swap, seeded by its authors' init_genrand.
    """
    n, seed = require_count("n", n, 0), require_count("seed", seed, 0, np.inf)
    if n >= MOST or seed >= 2**32:
        raise SettingError("n", f"n < {MOST} and seed < 2**32 needed", "Split by other means.")
    # Only the legacy seeding is init_genrand; over the full range randint returns raw outputs.
    generator = np.random.RandomState(seed)  # noqa: NPY002
    draws = generator.randint(0, 2**32, max(n - 1, 0), dtype=np.uint32).tolist()
    result = list(range(n))
    for i, draw in enumerate(draws):
        j = i + draw % (n - i)
        result[i], result[j] = result[j], result[i]
    return np.array(result, np.int64)


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

"""Which ratings stand in which batch."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def epoch_batches(n: int, bs: int, seed: int, epoch: int, drop_last: bool) -> list[NDArray[Any]]:
    """Return the row numbers 0 … n - 1 in batches of `bs`, in an order drawn for this epoch."""
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(n)
    n_batches = n // bs if drop_last else -(-n // bs)
    return [order[bs * i : bs * (i + 1)] for i in range(n_batches)]

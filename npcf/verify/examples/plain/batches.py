"""Which ratings stand in which batch."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[Any]


def epoch_batches(n: int, bs: int, seed: int, epoch: int, drop_last: bool) -> list[Rows]:
    """Return the row numbers 0 … n - 1 in batches of `bs`, in an order drawn for this epoch."""
    order = shuffled(generator(seed, epoch), n)
    return cut(order, bs, n_batches(n, bs, drop_last))


def generator(seed: int, epoch: int) -> np.random.Generator:
    """Return the generator of one epoch."""
    return np.random.default_rng([seed, epoch])


def shuffled(rng: np.random.Generator, n: int) -> Rows:
    """Return 0 … n - 1 in any order."""
    return rng.permutation(n)


def n_batches(n: int, bs: int, drop_last: bool) -> int:
    """Return how many batches n ratings make: whole ones, or a smaller last one too."""
    return n // bs if drop_last else -(-n // bs)


def cut(order: Rows, bs: int, n_batches: int) -> list[Rows]:
    """Return an order in batches."""
    return [order[bs * i : bs * (i + 1)] for i in range(n_batches)]

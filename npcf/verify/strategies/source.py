"""Many numbers from one draw: bytes and a seed, read as floats and as ids.

Hypothesis spends about a third of a millisecond on an array drawn entry by entry for every ten of
them.  Here all the numbers of an input are one draw of bytes.  A byte names a plain number (zero,
one, minus one, two …) or says "take the next one from the generator": a number with all the digits
of its dtype.  Shrinking makes bytes small, and so a counter-example's numbers plain.

Every array has a largest shape and takes the bytes of that whole, of which a part is used: when
the sizes shrink, the numbers that stay are the same.
"""

import math
from typing import Any

import numpy as np
from hypothesis import strategies as st

from npcf._types import FloatArray

LIMIT = 4  # |entry|; with K <= 6 a logit stays below 100, and saturated problems go far beyond
N_PLAIN = 64  # bytes below are plain numbers
N_ORDINARY = 192  # bytes below, drawn evenly up to the limit; above, at ever smaller scales
_QUARTERS = sorted((n / 4 for n in range(-16, 17)), key=lambda x: (x % 1, abs(x), -x))
PLAIN = np.array([*_QUARTERS, -0.0, *[0.0] * (N_PLAIN - len(_QUARTERS) - 1)])

seeds = st.integers(0, 2**16 - 1)


class Source:
    """Hands out drawn bytes, each array its own."""

    def __init__(self, data: bytes, seed: int):
        self._bytes, self._at = np.frombuffer(data, np.uint8), 0
        self._rng = np.random.Generator(np.random.PCG64(seed))

    def take(self, largest: tuple[int, ...], shape: tuple[int, ...]) -> Any:
        """Return uint8 of `shape`, the corner of the next `largest`."""
        size = math.prod(largest)
        block = self._bytes[self._at : self._at + size].reshape(largest)
        self._at += size
        return block[tuple(map(slice, shape))]

    def floats(
        self,
        dtype: Any,
        largest: tuple[int, ...],
        shape: tuple[int, ...],
        limit: float = LIMIT,
    ) -> FloatArray:
        """Return floats of `shape` in [-limit, limit]: one in eight is 0, one in eight plain.

        Plain numbers are quarters in [-4, 4].  A quarter of all is small, down to 2**-15 limit,
        so that sums have terms of different size.
        """
        kinds = self.take(largest, shape)
        noise = self._rng.uniform(-limit, limit, largest)[tuple(map(slice, shape))]
        halvings = np.maximum(kinds.astype(np.int64) - N_ORDINARY, 0) // 4
        numbers = np.where(kinds < N_PLAIN, PLAIN[kinds % N_PLAIN], np.ldexp(noise, -halvings))
        return np.ascontiguousarray(numbers, dtype)

    def slots(self, largest: int, size: int, at_least: int = 0) -> tuple[Any, Any]:
        """Return (positions, bytes) of those of the first `size` slots that are in use.

        A slot whose byte is 0 is not: shrinking takes out any rating, and not only the last.
        """
        kinds = self.take((largest,), (size,)).astype(np.int64)
        used = kinds > 0
        while used.sum() < at_least:
            used[int(used.argmin())] = True
        positions = np.flatnonzero(used)
        return positions, np.maximum(kinds[positions], 1) - 1

    def ids(self, largest: int, at: Any, n_rows: int, dtype: Any = np.int64) -> Any:
        """Return row numbers below `n_rows` for the slots `at`, in any order, repeated or not."""
        return (self.take((largest,), (largest,))[at] % max(n_rows, 1)).astype(dtype)

    def ratings(self, dtype: Any, largest: int, at: Any) -> FloatArray:
        """Return ratings from 1 to 5 for the slots `at`: half stars, or with all digits."""
        kinds = self.take((largest,), (largest,))[at]
        noise = self._rng.uniform(1, 5, largest)[at]
        rating: FloatArray = np.where(kinds < 128, 1 + kinds % 9 / 2, noise).astype(dtype)
        return rating


def sources(size: int) -> st.SearchStrategy[Source]:
    """Return a strategy for sources of `size` bytes."""
    data = st.binary(min_size=size, max_size=size)
    return st.builds(Source, data, seeds)

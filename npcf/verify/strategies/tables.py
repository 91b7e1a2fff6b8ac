"""Inputs of the lookup and of the row-wise dot product."""

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from npcf._types import FloatArray
from npcf.verify.strategies.source import sources
from npcf.verify.strategies.values import dtypes

MAX_ROWS, MAX_WIDTH, MAX_BATCH = 4, 3, 8
MAX_FACTORS, MAX_PAIRS = 9, 6
_lookup_sources = sources(MAX_ROWS * MAX_WIDTH + MAX_BATCH * (MAX_WIDTH + 1))
_rows, _widths = [st.integers(low, MAX_ROWS) for low in (0, 1)], st.integers(0, MAX_WIDTH)
_batches = [st.integers(low, MAX_BATCH) for low in range(MAX_BATCH + 1)]
_pairs = st.integers(0, MAX_PAIRS)
_pair_sources: dict[int, Any] = {}


class Lookup(NamedTuple):
    """A table, ids into it, and an upstream gradient for the rows they name."""

    weight: FloatArray  # (N, K)
    ids: Any  # (B,)
    d_out: FloatArray  # (B, K)

    @property
    def dtype(self) -> Any:
        """The dtype of the table."""
        return self.weight.dtype


class RowPairs(NamedTuple):
    """Two equal stacks of rows, and an upstream gradient."""

    left: FloatArray  # (B, K)
    right: FloatArray  # (B, K)
    d_out: FloatArray  # (B,)

    @property
    def dtype(self) -> Any:
        """The dtype of the rows."""
        return self.left.dtype


@st.composite
def lookups(draw: st.DrawFn, min_batch: int = 0, min_rows: int = 1) -> Lookup:
    """Up to 8 draws from at most 4 rows of at most 3 factors; in both dtypes.

    No factors are lawful: results are then empty.  So, with min_rows=0, is a table without rows, of
    which nothing is drawn.
    """
    n = draw(_rows[1 if min_batch else min_rows])
    k, b = draw(_widths), draw(_batches[min_batch]) if n else 0
    dtype, source = draw(dtypes), draw(_lookup_sources)
    at, rows = source.slots(MAX_BATCH, b, min_batch)
    ids = rows % max(n, 1)
    weight = source.floats(dtype, (MAX_ROWS, MAX_WIDTH), (n, k))
    d_out = source.floats(dtype, (MAX_BATCH, MAX_WIDTH), (MAX_BATCH, k))[at]
    return Lookup(weight, ids, d_out)


@st.composite
def row_pairs(draw: st.DrawFn, max_factors: int = MAX_FACTORS) -> RowPairs:
    """Up to 6 rows, from no factor to more than NumPy adds in one sweep.

    |dot| <= 16 max_factors.  In some the right rows nearly undo the left ones: the dot cancels.
    """
    if max_factors not in _pair_sources:
        size = MAX_PAIRS * (2 * max_factors + 2)
        _pair_sources[max_factors] = st.integers(0, max_factors), sources(size)
    widths, pair_sources = _pair_sources[max_factors]
    b, k, cancels = draw(_pairs), draw(widths), draw(st.booleans())
    dtype, source = draw(dtypes), draw(pair_sources)
    at, _ = source.slots(MAX_PAIRS, b)
    largest = MAX_PAIRS, max_factors
    left, right = (source.floats(dtype, largest, (MAX_PAIRS, k))[at] for _ in range(2))
    if cancels and k > 1:
        half = k // 2
        left[:, half : 2 * half] = left[:, :half]
        right[:, half : 2 * half] = np.nextafter(-right[:, :half], dtype.type(0))
    d_out = source.floats(dtype, (MAX_PAIRS,), (MAX_PAIRS,))[at]
    return RowPairs(left, right, d_out)

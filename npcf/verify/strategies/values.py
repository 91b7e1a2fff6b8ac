"""Floats, dtypes, memory layouts, and vectors."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from npcf._types import FloatArray
from npcf.verify.strategies.source import LIMIT, sources

DTYPES: tuple[np.dtype[Any], ...] = (np.dtype(np.float32), np.dtype(np.float64))
LAYOUTS = ("C", "F", "strided", "reversed", "read-only")
MAX_SIZE = 8

dtypes = st.sampled_from(DTYPES)
layouts = st.sampled_from(LAYOUTS)
_vector_sources = sources(2 * MAX_SIZE)
_sizes = [st.integers(low, MAX_SIZE) for low in range(MAX_SIZE + 1)]


def values(limit: float = LIMIT) -> st.SearchStrategy[float]:
    """Floats in [-limit, limit], exact in float32: zeros, small, and ordinary ones."""
    return st.floats(-limit, limit, width=32, allow_subnormal=False)


def lay_out(array: FloatArray, layout: str) -> FloatArray:
    """Return equal numbers in another memory layout."""
    if layout == "F":
        return np.asfortranarray(array)
    if layout == "strided":
        wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
        wide[..., ::2] = array
        return wide[..., ::2]
    if layout == "reversed":
        return np.ascontiguousarray(array[::-1])[::-1]
    result = np.array(array, order="C")
    result.flags.writeable = layout != "read-only"
    return result


@st.composite
def vectors(draw: st.DrawFn, limit: float = 200, min_size: int = 0) -> FloatArray:
    """One-dimensional arrays, also strided and read-only; wide enough to saturate a sigmoid.

    Up to 8 entries in [-limit, limit], many of them below 4.
    """
    size, source = draw(_sizes[min_size]), draw(_vector_sources)
    at, _ = source.slots(MAX_SIZE, size, min_size)
    array = source.floats(draw(dtypes), (MAX_SIZE,), (MAX_SIZE,), limit)[at]
    return lay_out(array, draw(layouts))


def special_numbers(dtype: Any) -> FloatArray:
    """Return the numbers at which formats end: what hostile and extreme inputs are made of."""
    info = np.finfo(dtype)
    smallest, tiny, huge = info.smallest_subnormal, info.tiny, info.max
    return np.array(
        [np.nan, np.inf, -np.inf, -0.0, smallest, -smallest, tiny, -tiny / 2, huge, -huge,
         np.sqrt(huge), np.sqrt(tiny)], dtype,
    )  # fmt: skip


def with_specials(array: FloatArray, kinds: Any) -> FloatArray:
    """Return `array` with a special number wherever `kinds`, bytes of its shape, is above 191."""
    specials = special_numbers(array.dtype)
    return np.where(kinds > 191, specials[kinds % len(specials)], array)

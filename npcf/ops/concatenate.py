r"""Concatenate: the numbers of several arrays side by side in one row.

    out_b = [first_b, second_b, ...]       (B, K1), (B, K2), ...  ->  out (B, K1 + K2 + ...)

Along the last axis; the axes before it are the same for all.

Derivation.  Every number of `out` is a copy of one number of one part, with derivative 1:

    d_first_b = d_out_b[:K1],  d_second_b = d_out_b[K1 : K1 + K2],  ...

the same cuts, in the other direction.

Rounding.  None: both halves copy.  A part that was broadcast to B rows before (the posted
CharConcatRNN does that with its hidden state) gets the sum of its rows from whoever broadcast it.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from npcf._types import FloatArray
from npcf.errors import (
    ShapeError,
    UsageError,
    require_count,
    require_dtype,
    require_floats,
    require_gradient,
    require_same_dtype,
    require_type,
)
from npcf.ops.caches import require_cache


class ConcatenateCache(NamedTuple):
    """What `concatenate_backward` needs."""

    leading: tuple[int, ...]  # (B,)
    widths: tuple[int, ...]  # K1, K2, ...
    dtype: np.dtype[Any]


def concatenate_forward(parts: Sequence[FloatArray]) -> tuple[FloatArray, ConcatenateCache]:
    """Return (the parts (B, K1), (B, K2), ... side by side, cache).

    Raises ShapeError where the axes before the last differ: nothing is broadcast.
    Source: `torch.cat(parts, dim=-1)`.
    """
    arrays = check_parts(parts)
    widths = tuple(part.shape[-1] for part in arrays)
    cache = ConcatenateCache(arrays[0].shape[:-1], widths, arrays[0].dtype)
    return np.concatenate(arrays, axis=-1), cache


def concatenate_backward(d_out: FloatArray, cache: ConcatenateCache) -> tuple[FloatArray, ...]:
    """Map d_out (B, K1 + K2 + ...) to (d_first (B, K1), d_second (B, K2), ...)."""
    cache = require_cache(cache, ConcatenateCache)
    cure = "Pass the cache as the forward returned it."
    shape = *require_type("cache.leading", cache.leading, tuple, cure), 0
    widths = require_type("cache.widths", cache.widths, tuple, cure)
    ends = np.cumsum([0, *(require_count("cache.widths", width, 0) for width in widths)])
    dtype = cache.dtype if cache.dtype == object else require_dtype("cache.dtype", cache.dtype)
    d_out = require_gradient(d_out, (*shape[:-1], int(ends[-1])), dtype)
    return tuple(d_out[..., start:end].copy() for start, end in pairwise(ends))


def check_parts(parts: Any) -> list[FloatArray]:
    """Check the arguments once."""
    cure = "Pass the arrays as a list: [first, second]."
    parts = require_type("parts", parts, (list, tuple), cure)
    if not parts:
        raise UsageError("parts", "is empty", cure)
    arrays = [require_floats(f"parts[{i}]", part) for i, part in enumerate(parts)]
    require_same_dtype(**{f"parts[{i}]": part for i, part in enumerate(arrays)})
    for i, part in enumerate(arrays):
        if not part.ndim or part.shape[:-1] != arrays[0].shape[:-1]:
            problem = f"shape {part.shape} does not match parts[0] of shape {arrays[0].shape}"
            cure = "Only the last axis may differ; a single row becomes B rows by np.broadcast_to."
            raise ShapeError(f"parts[{i}]", problem, cure)
    return arrays

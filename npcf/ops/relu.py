r"""Rectifier: what is negative becomes zero.

    out_b = max(x_b, 0)                          x (B,)  ->  out (B,); any shape

Derivation.  The slope is 1 where x_b > 0 and 0 where x_b < 0.  At 0 there is none; torch takes 0,
and so do we:

    d_x_b = d_out_b if x_b > 0 else 0            d_x (B,)

A unit that is negative for every row of every batch gets no gradient, and stays so: it is dead.

Rounding.  None: both halves copy.  NaN stays NaN, and passes its gradient on, as in torch.
"""

from typing import Any, NamedTuple

import numpy as np

from npcf._types import FloatArray
from npcf.errors import DTypeError, require_floats, require_gradient, require_type
from npcf.ops.caches import CURE, require_cache


class ReluCache(NamedTuple):
    """What `relu_backward` needs."""

    off: Any  # (B,) of bool: where x <= 0
    dtype: np.dtype[Any]


def relu_forward(x: FloatArray) -> tuple[FloatArray, ReluCache]:
    """Return (max(x, 0) (B,), cache); of complex x the real part decides."""
    x = require_floats("x", x)
    off = x.real <= 0
    return np.where(off, x.dtype.type(0), x), ReluCache(off, x.dtype)


def relu_backward(d_out: FloatArray, cache: ReluCache) -> FloatArray:
    """Map d_out (B,) to d_x (B,)."""
    d_out, off = check_relu_gradient(d_out, cache)
    return np.where(off, d_out.dtype.type(0), d_out)


def check_relu_gradient(d_out: FloatArray, cache: ReluCache) -> tuple[FloatArray, Any]:
    """Check the backward's arguments once, for this file and its compiled twin."""
    off = require_type(
        "cache.off", require_cache(cache, ReluCache).off, (np.ndarray, np.bool_), CURE
    )
    if off.dtype != bool:
        raise DTypeError("cache.off", f"dtype {off.dtype} is not bool", CURE)
    return require_gradient(d_out, off.shape, cache.dtype), off

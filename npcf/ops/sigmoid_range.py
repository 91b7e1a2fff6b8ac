r"""Sigmoid range: squash any number into the interval of possible ratings.

    s_b   = 1 / (1 + exp(-x_b))
    out_b = s_b * (high - low) + low            x (B,)  ->  out (B,), in [low, high]

Derivation.  ds/dx = exp(-x) / (1 + exp(-x))**2 = s (1 - s), and d out / ds = high - low, so

    d_x_b = d_out_b * (high - low) * (1 - s_b) * s_b                 d_x (B,)

multiplied from left to right: the order of PyTorch's kernel, hence equal to it to the bit for the
same s.  The backward uses the saved s, not x: it costs no second exp.

Where it ends.  exp(-x) overflows to inf for x below -88.7 (float32) or -709.8 (float64); then
s = 0 exactly, as in torch, and the overflow is silenced because 1/inf = 0 is the right limit.  On
the other side s = 1 exactly from x = 16.64 (float32) or 36.74 (float64) on: there 1 - s = 0 and
the gradient is exactly zero.  A prediction that saturates upwards no longer learns.

Rounding.  |error of s| <= gamma_(2+c) s + tiny, where c is the error of the library's exp in units
of u and tiny the smallest normal number; out: gamma_(4+c) R s + u |out| + R tiny, R = high - low.
The backward, given s: gamma_4 |d_out R s (1 - s)| + 3 eta max(1, |d_out R|).  Its *relative* error
is unbounded where s is near 1, because 1 - s cancels: a tolerance for it must be absolute.
"""

from typing import NamedTuple

import numpy as np

from npcf._types import FloatArray
from npcf.errors import SettingError, require_floats, require_gradient, require_number
from npcf.ops.caches import cached_floats, cached_number, require_cache


class SigmoidRangeCache(NamedTuple):
    """What `sigmoid_range_backward` needs: the sigmoid's output and the range's height."""

    s: FloatArray  # (B,), in [0, 1]
    height: float  # high - low


def sigmoid_range_forward(
    x: FloatArray, low: float, high: float
) -> tuple[FloatArray, SigmoidRangeCache]:
    """Map x (B,) into [low, high]; return (out (B,), cache).

    NaN stays NaN; inf and -inf give high and low.  Raises SettingError if low > high.
    Source: fastai `sigmoid_range`.
    """
    x, low, high = check_range(x, low, high)
    with np.errstate(over="ignore"):  # exp(-x) = inf gives s = 0, the right limit
        s = 1 / (1 + np.exp(-x))
    return s * (high - low) + low, SigmoidRangeCache(s, high - low)


def sigmoid_range_backward(d_out: FloatArray, cache: SigmoidRangeCache) -> FloatArray:
    """Map d_out (B,) to d_x (B,)."""
    d_out, cache = check_range_gradient(d_out, cache)
    d_s = d_out * cache.height
    d_x: FloatArray = d_s * (1 - cache.s) * cache.s
    return d_x


def check_range(x: FloatArray, low: float, high: float) -> tuple[FloatArray, float, float]:
    """Check the arguments once, for this file and its compiled twin."""
    low = require_number("low", low, low=-np.inf)
    high = require_number("high", high, low=-np.inf)
    if low > high:
        raise SettingError(
            "y_range", f"low {low:g} lies above high {high:g}", "Give the lower end first."
        )
    return require_floats("x", x), low, high


def check_range_gradient(
    d_out: FloatArray, cache: SigmoidRangeCache
) -> tuple[FloatArray, SigmoidRangeCache]:
    """Check the backward's arguments once, for this file and its compiled twin."""
    cache = require_cache(cache, SigmoidRangeCache)
    s, height = cached_floats("cache.s", cache.s), cached_number("cache.height", cache.height)
    return require_gradient(d_out, s.shape, s.dtype), SigmoidRangeCache(s, height)

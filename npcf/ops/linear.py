r"""Linear layer: every output a weighted sum of all inputs, plus a number of its own.

    out_bo = sum_i x_bi weight_oi + bias_o        x (B, I), weight (O, I), bias (O,)  ->  out (B, O)

In torch's layout, `x @ weight.T + bias`: a row of `weight` holds what one output is made of.  x may
have more leading axes, (..., I); rows of all of them are rows of one batch.  Without a bias
(`bias=None`) nothing is added, and its gradient is None.

Derivation.  Let d_out_bo = dL/d out_bo.  An input x_bi reaches the loss through all outputs of its
own row, a weight through its own output in every row, a bias likewise:

    d_x_bi      = sum_o d_out_bo weight_oi            d_x      = d_out @ weight         (B, I)
    d_weight_oi = sum_b d_out_bo x_bi                 d_weight = d_out.T @ x            (O, I)
    d_bias_o    = sum_b d_out_bo                      d_bias   = column sums of d_out   (O,)

Each product has the one order of axes that fits: contract what the gradient does not have.

Rounding.  In any order of the additions |error of out| <= gamma_(I+1) (sum_i |x_bi weight_oi| +
|bias_o|) + I eta; d_x: gamma_O sum_o |d_out_bo weight_oi| + O eta; d_weight: gamma_B sum_b
|d_out_bo x_bi| + B eta; d_bias: gamma_(B-1) sum_b |d_out_bo|.
"""

import math
from typing import NamedTuple

from npcf._types import FloatArray
from npcf.errors import (
    ShapeError,
    require_flag,
    require_floats,
    require_gradient,
    require_same_dtype,
)
from npcf.ops.caches import cached_floats, require_cache


class LinearCache(NamedTuple):
    """What `linear_backward` needs: references, not copies."""

    x: FloatArray  # (..., I)
    weight: FloatArray  # (O, I)
    has_bias: bool


def linear_forward(
    x: FloatArray, weight: FloatArray, bias: FloatArray | None = None
) -> tuple[FloatArray, LinearCache]:
    """Return (x @ weight.T + bias (..., O), cache).

    Raises ShapeError if a row of `x` has not as many numbers as a row of `weight`, or `bias` not
    one number a row.  Source: `torch.nn.Linear`.
    """
    x, weight, bias = check_linear(x, weight, bias)
    out: FloatArray = x @ weight.T
    return out if bias is None else out + bias, LinearCache(x, weight, bias is not None)


def linear_backward(
    d_out: FloatArray, cache: LinearCache
) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    """Map d_out (..., O) to (d_x (..., I), d_weight (O, I), d_bias (O,) or None)."""
    d_out, (x, weight, has_bias) = check_linear_gradient(d_out, cache)
    n_rows = math.prod(x.shape[:-1])  # of all leading axes; -1 could not be told from no entries
    d_rows, rows = d_out.reshape(n_rows, len(weight)), x.reshape(n_rows, weight.shape[1])
    d_x: FloatArray = d_out @ weight
    return d_x, d_rows.T @ rows, d_rows.sum(axis=0) if has_bias else None


def check_linear(
    x: FloatArray, weight: FloatArray, bias: FloatArray | None
) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    """Check the arguments once."""
    x, weight = require_floats("x", x), require_floats("weight", weight, ndim=2)
    _require_fit(x=x, weight=weight)
    if bias is not None:
        bias = require_floats("bias", bias, ndim=1)
        require_same_dtype(weight=weight, bias=bias)
        if len(bias) != len(weight):
            problem = f"shape {bias.shape} does not fit weight of shape {weight.shape}"
            raise ShapeError("bias", problem, "There is one number for each row of weight.")
    return x, weight, bias


def check_linear_gradient(d_out: FloatArray, cache: LinearCache) -> tuple[FloatArray, LinearCache]:
    """Check the backward's arguments once."""
    cache = require_cache(cache, LinearCache)
    x = cached_floats("cache.x", cache.x)
    weight = cached_floats("cache.weight", cache.weight, ndim=2)
    _require_fit(**{"cache.x": x, "cache.weight": weight})
    has_bias = require_flag("cache.has_bias", cache.has_bias)
    d_out = require_gradient(d_out, (*x.shape[:-1], len(weight)), x.dtype)
    return d_out, LinearCache(x, weight, has_bias)


def _require_fit(**arrays: FloatArray) -> None:
    """Raise unless rows of x and of weight have as many numbers, of one dtype."""
    require_same_dtype(**arrays)
    (name, x), (other, weight) = arrays.items()
    if x.ndim < 2 or x.shape[-1] != weight.shape[1]:
        problem = f"shape {x.shape} does not fit {other} of shape {weight.shape}"
        cure = "x is (B, I) where weight is (O, I); a single row is x[None]."
        raise ShapeError(name, problem, cure)

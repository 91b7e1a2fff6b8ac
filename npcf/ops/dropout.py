r"""Dropout: a part of the numbers is set to zero, and the others grow to make up for it.

    out_b = x_b / (1 - p) if keep_b else 0       x (B,), keep (B,) of bool  ->  out (B,); any shape

`keep` is drawn anew for every batch, True with probability 1 - p, so that the mean of out_b over
all draws is x_b; or it is given.  In evaluation (`training=False`) nothing is dropped: out = x.

Derivation.  keep is data.  out_b is x_b times a constant, 1 / (1 - p) or 0, so

    d_x_b = d_out_b / (1 - p) if keep_b else 0       d_x (B,)

Rounding.  The factor 1 / (1 - p) is rounded once to double and once to the dtype of x (torch rounds
1 - p to that dtype and divides there): gamma_3 |exact| + eta in both halves.

The other random numbers of a run are drawn from the generator that one passes; torch draws its
own.  So a mask of torch's is to be passed, where two runs are to agree.
"""

from typing import Any, NamedTuple

import numpy as np

from npcf._types import FloatArray
from npcf.errors import (
    DTypeError,
    as_array,
    optional_rng,
    require_flag,
    require_floats,
    require_gradient,
    require_number,
    require_same_shape,
)
from npcf.ops.caches import cached_floats, require_cache


class DropoutCache(NamedTuple):
    """What `dropout_backward` needs."""

    factor: FloatArray  # (B,): 1 / (1 - p) or 0


def dropout_forward(
    x: FloatArray,
    p: float = 0.5,
    keep: Any = None,
    *,
    rng: np.random.Generator | None = None,
    training: bool = True,
) -> tuple[FloatArray, DropoutCache]:
    """Drop each number of `x` (B,) with probability `p`; return (out (B,), cache).

    `keep` (B,) of bool says which stay; None draws it from `rng`, a fresh generator for None.
    Source: `torch.nn.Dropout`.
    """
    x, p = require_floats("x", x), require_number("p", p, high=1.0)
    if not require_flag("training", training):
        return x.copy(), DropoutCache(np.ones(x.shape, x.real.dtype))
    rng = optional_rng(rng)
    keep = rng.random(x.shape) >= p if keep is None else check_keep(keep, x)
    factor = keep * x.real.dtype.type(1 / (1 - p) if p < 1 else 0)
    return x * factor, DropoutCache(factor)


def dropout_backward(d_out: FloatArray, cache: DropoutCache) -> FloatArray:
    """Map d_out (B,) to d_x (B,)."""
    factor = cached_floats("cache.factor", require_cache(cache, DropoutCache).factor)
    d_x: FloatArray = require_gradient(d_out, factor.shape, factor.dtype) * factor
    return d_x


def check_keep(keep: Any, x: FloatArray) -> Any:
    """Return the mask, an array of bool of the shape of `x`, or raise."""
    keep = as_array("keep", keep)
    if keep.dtype != bool:
        cure = "Pass True where a number stays: keep != 0."
        raise DTypeError("keep", f"dtype {keep.dtype} is not bool", cure)
    require_same_shape(x=x, keep=keep)
    return keep

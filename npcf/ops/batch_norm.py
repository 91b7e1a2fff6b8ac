r"""Batch normalisation: every column of a batch gets mean 0 and variance 1, then its own scale.

    mean_k  = (1 / B) sum_b x_bk                      x (B, K)
    c_bk    = x_bk - mean_k                           deviations
    var_k   = (1 / B) sum_b c_bk**2                   divided by B, not by B - 1
    r_k     = 1 / sqrt(var_k + eps)
    out_bk  = c_bk r_k weight_k + bias_k              weight, bias (K,)  ->  out (B, K)

In evaluation `mean` and `var` are given (the running ones) and are constants.

Derivation.  Write h_bk = c_bk r_k and g_bk = d_out_bk weight_k = dL/dh_bk; columns do not meet, so
drop k.  For the parameters, d_weight = sum_b d_out_b h_b and d_bias = sum_b d_out_b.  x_a reaches
every h_b of its column, by its own deviation, by the mean, and by the variance:

    d c_b / d x_a  = [a = b] - 1 / B
    d var / d x_a  = (2 / B) sum_b c_b ([a = b] - 1 / B) = (2 / B) c_a         (sum_b c_b = 0)
    d r / d var    = -(1 / 2) (var + eps)**(-3/2) = -(1 / 2) r**3
    d h_b / d x_a  = r ([a = b] - 1 / B) - c_b r**3 c_a / B

and summed over b with g_b,

    d_x_a = r (g_a - (1 / B) sum_b g_b - h_a (1 / B) sum_b g_b h_b)

From g its mean is taken, and its share of h: what is left is orthogonal to 1 and, but for eps, to
h.  Shifting or stretching a column changes nothing, so no gradient may point there.  With a
constant mean and var (evaluation) the last two terms are absent: d_x = g r.

A batch of one row has no variance: h is 0 whatever x is.  torch refuses it in training; so do we.

Rounding.  Three sums of B terms follow one another; see `npcf.verify.bounds.batch_norm` for the
running error, which covers torch's order too (x r weight + (bias - mean r weight)).

Source: Ioffe and Szegedy 2015; `torch.nn.BatchNorm1d`.
"""

from typing import Any, NamedTuple

import numpy as np

from npcf._types import FloatArray
from npcf.errors import (
    EmptyBatchError,
    ShapeError,
    UsageError,
    require_flag,
    require_floats,
    require_gradient,
    require_number,
    require_same_dtype,
)
from npcf.ops.caches import cached_floats, require_cache

SHAPES = "x is (B, K), everything else (K,)."


class BatchNormCache(NamedTuple):
    """What `batch_norm_backward` needs, and what the running statistics are made of."""

    h: FloatArray  # (B, K), normalised
    root: FloatArray  # (K,): 1 / sqrt(var + eps)
    weight: FloatArray  # (K,)
    mean: FloatArray  # (K,)
    var: FloatArray  # (K,)
    training: bool  # whether mean and var were the batch's own


def batch_norm_forward(
    x: FloatArray,
    weight: FloatArray,
    bias: FloatArray,
    mean: FloatArray | None = None,
    var: FloatArray | None = None,
    eps: float = 1e-5,
) -> tuple[FloatArray, BatchNormCache]:
    """Normalise the columns of `x` (B, K); return (out (B, K), cache).

    By the batch's own mean and variance, or by `mean` and `var` (K,) where they are given.
    Raises ShapeError on a single row without them.
    """
    x, weight, bias, mean, var, eps = check_batch_norm(x, weight, bias, mean, var, eps)
    training = mean is None
    if mean is None or var is None:
        mean = x.mean(axis=0)
        deviation = x - mean
        var = (deviation * deviation).mean(axis=0)  # no abs: the complex step goes through
    else:
        deviation = x - mean
    root = 1 / np.sqrt(var + x.dtype.type(eps))
    h = deviation * root
    cache = BatchNormCache(h, root, weight, mean, var, training)
    return h * weight + bias, cache


def batch_norm_backward(
    d_out: FloatArray, cache: BatchNormCache
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Map d_out (B, K) to (d_x (B, K), d_weight (K,), d_bias (K,))."""
    d_out, cache = check_batch_norm_gradient(d_out, cache)
    d_bias, d_weight = d_out.sum(axis=0), (d_out * cache.h).sum(axis=0)
    scale = cache.root * cache.weight
    if not cache.training:
        return d_out * scale, d_weight, d_bias
    n = d_out.dtype.type(len(d_out))
    d_x: FloatArray = (d_out - d_bias / n - cache.h * (d_weight / n)) * scale
    return d_x, d_weight, d_bias


def batch_norm_running(
    running_mean: FloatArray,
    running_var: FloatArray,
    cache: BatchNormCache,
    momentum: float = 0.1,
) -> tuple[FloatArray, FloatArray]:
    """Return the running mean and variance (K,) after a batch, as new arrays.

        running <- (1 - momentum) running + momentum batch's

    torch's momentum weighs the new.  The variance that enters is the unbiased one, var B / (B - 1).
    """
    cache = require_cache(cache, BatchNormCache)
    momentum = require_number("momentum", momentum, high=1.0)
    mean = require_floats("running_mean", running_mean, ndim=1)
    var = require_floats("running_var", running_var, ndim=1)
    _require_columns(cache.mean, running_mean=mean, running_var=var)
    n = len(cache.h)
    number = mean.dtype.type
    keep, new = number(1 - momentum), number(momentum)
    return (
        keep * mean + new * cache.mean,
        keep * var + number(momentum * (n / (n - 1)) if n > 1 else 0) * cache.var,
    )


def check_batch_norm(
    x: Any, weight: Any, bias: Any, mean: Any, var: Any, eps: Any
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray | None, FloatArray | None, float]:
    """Check the arguments once."""
    x = require_floats("x", x, ndim=2)
    given = {"weight": weight, "bias": bias, "mean": mean, "var": var}
    if (mean is None) != (var is None):
        cure = "Give both, the running ones, or none: then they are the batch's own."
        raise UsageError("var" if var is None else "mean", "is given alone", cure)
    found = {
        name: None if a is None and name in ("mean", "var") else require_floats(name, a, ndim=1)
        for name, a in given.items()
    }
    arrays = {name: a for name, a in found.items() if a is not None}
    _require_columns(np.empty(x.shape[1], x.dtype), **arrays)
    if mean is None and len(x) < 2:
        if not len(x):
            raise EmptyBatchError("x", "an empty batch has no mean", "Skip empty batches.")
        problem = f"a batch of one row, shape {x.shape}, has no variance"
        raise ShapeError("x", problem, "Give it mean and var, the running ones, or more rows.")
    return x, *found.values(), require_number("eps", eps)


def check_batch_norm_gradient(
    d_out: FloatArray, cache: BatchNormCache
) -> tuple[FloatArray, BatchNormCache]:
    """Check the backward's arguments once."""
    cache = require_cache(cache, BatchNormCache)
    h = cached_floats("cache.h", cache.h, ndim=2)
    columns = {name: cached_floats(f"cache.{name}", getattr(cache, name), ndim=1)
               for name in ("root", "weight", "mean", "var")}  # fmt: skip
    _require_columns(np.empty(h.shape[1], h.dtype), **columns)
    training = require_flag("cache.training", cache.training)
    d_out = require_gradient(d_out, h.shape, h.dtype)
    return d_out, cache._replace(h=h, training=training, **columns)


def _require_columns(like: FloatArray, **arrays: FloatArray) -> None:
    """Raise unless all arrays have one number for each column, in the dtype of `like`."""
    for name, array in arrays.items():
        if array.shape != like.shape:
            problem = f"shape {array.shape} is not that of one row of x, {like.shape}"
            raise ShapeError(name, problem, SHAPES)
        require_same_dtype(x=like, **{name: array})

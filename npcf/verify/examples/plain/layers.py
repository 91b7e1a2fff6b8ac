"""Layers of networks, forward and backward."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npcf.verify.examples.plain.checks import check_dtypes, check_gradient, check_shapes

Array = NDArray[Any]


def linear_forward(x: Array, weight: Array, bias: Array) -> tuple[Array, Any]:
    """out_bo = sum_i x_bi weight_oi + bias_o."""
    if x.ndim != 2 or (len(bias), x.shape[1]) != weight.shape or bias.ndim != 1:
        raise ValueError(f"the shapes {x.shape}, {weight.shape}, {bias.shape} do not fit")
    check_dtypes(x, weight, bias)
    return x @ weight.T + bias, (x.copy(), weight.copy())


def linear_backward(d_out: Array, cache: Any) -> tuple[Array, Array, Array]:
    """d_x = d_out weight, d_weight = d_out.T x, d_bias = sum_b d_out_b."""
    x, weight = cache
    check_gradient(d_out, (len(x), len(weight)), x.dtype)
    return d_out @ weight, d_out.T @ x, d_out.sum(axis=0)


def relu_forward(x: Array) -> tuple[Array, Any]:
    """Return out = max(x, 0)."""
    return np.maximum(x, 0), x.copy()


def relu_backward(d_out: Array, cache: Any) -> Array:
    """d_x = d_out where x > 0, else 0."""
    x = cache
    check_gradient(d_out, x.shape, x.dtype)
    d_x: Array = np.where(x > 0, d_out, np.zeros_like(d_out))
    return d_x


def concatenate_forward(parts: Sequence[Array]) -> tuple[Array, Any]:
    """out_b = [first_b, second_b, ...]."""
    check_shapes(*(part[:, :0] for part in parts))
    check_dtypes(*parts)
    out = np.concatenate(parts, axis=1)
    return out, ([part.shape[1] for part in parts], out.shape, out.dtype)


def concatenate_backward(d_out: Array, cache: Any) -> list[Array]:
    """Return the columns that came from each part."""
    widths, shape, dtype = cache
    check_gradient(d_out, shape, dtype)
    found, start = [], 0
    for width in widths:
        found.append(d_out[:, start : start + width].copy())
        start += width
    return found


def dropout_forward(x: Array, p: float, keep: Array) -> tuple[Array, Any]:
    """Return x / (1 - p) where `keep`, else 0."""
    check_shapes(x, keep)
    if keep.dtype != bool:
        raise TypeError("keep is True or False")
    factor = keep * x.dtype.type(1 / (1 - p))
    return x * factor, factor


def dropout_backward(d_out: Array, cache: Any) -> Array:
    """d_x = d_out times the same factor."""
    factor = cache
    check_gradient(d_out, factor.shape, factor.dtype)
    d_x: Array = d_out * factor
    return d_x


def batch_norm_forward(
    x: Array, weight: Array, bias: Array, mean: Array | None, var: Array | None, eps: float
) -> tuple[Array, Any]:
    """Return (x - mean) / sqrt(var + eps) weight + bias; None: the batch's own statistics."""
    own = mean is None or var is None
    given = [a for a in (mean, var) if a is not None]
    check_shapes(np.empty(x.shape[1]), weight, bias, *given)
    check_dtypes(x, weight, bias, *given)
    if mean is None or var is None:
        if len(x) < 2:
            raise ValueError("one row has no variance")
        mean = x.mean(axis=0)
        var = np.mean((x - mean) ** 2, axis=0)
    root = 1 / np.sqrt(var + x.dtype.type(eps))
    h = (x - mean) * root
    return h * weight + bias, (h, root * weight, own)


def batch_norm_backward(d_out: Array, cache: Any) -> tuple[Array, Array, Array]:
    """d_x = root weight (d_out - mean d_out - h mean (d_out h)); given statistics: the first."""
    h, scale, own = cache
    check_gradient(d_out, h.shape, h.dtype)
    d_bias, d_weight = d_out.sum(axis=0), (d_out * h).sum(axis=0)
    if not own:
        return d_out * scale, d_weight, d_bias
    rows = d_out.dtype.type(len(d_out))
    return (d_out - d_bias / rows - h * (d_weight / rows)) * scale, d_weight, d_bias

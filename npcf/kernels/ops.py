"""Compiled `npcf.ops`: same names, same arguments, same results, loops spelled out.

Each function validates its input with the reference's own checks, allocates, and passes contiguous
arrays to a `_..._into` loop that only fills them.  Compiled code never sees an unchecked id, which
would read foreign memory: ids are copied first, and a cache is checked again when it comes back,
since callers can change both (`npcf.ops.caches`).

Equal to the reference to the bit: lookup, scatter, row dot of up to 128 factors, bias, both
backwards of dot and MSE, the sigmoid's backward given the same s.  Within the derived bound: longer
row dots, the mean (added here from left to right, by NumPy in pairs) and the sigmoid (another
library's exp).

Run with NUMBA_DISABLE_JIT=1 to step through the loops as plain Python.
"""

from typing import Any

import numpy as np

from npcf import ops
from npcf._types import FloatArray
from npcf.errors import require_flag, require_floats
from npcf.kernels._jit import jit
from npcf.kernels.pairwise import dot
from npcf.ops.bias import BiasCache, check_bias, check_bias_gradient
from npcf.ops.embedding import EmbeddingCache, check_lookup, check_lookup_gradient
from npcf.ops.mse import MSECache, check_loss, check_loss_gradient
from npcf.ops.relu import ReluCache, check_relu_gradient
from npcf.ops.row_dot import RowDotCache, check_dot_gradient, check_rows
from npcf.ops.sigmoid_range import SigmoidRangeCache, check_range, check_range_gradient

contiguous = np.ascontiguousarray  # one memory layout: one compiled signature a dtype


def _flat(argument: str, array: FloatArray) -> FloatArray:
    """Return an array of a cache, (n,) contiguous, if loops are compiled for its dtype."""
    return contiguous(require_floats(argument, array)).reshape(-1)


@jit
def _gather_into(out, weight, ids):  # out (B, K), weight (N, K), ids (B,)
    for b in range(ids.size):
        for k in range(weight.shape[1]):
            out[b, k] = weight[ids[b], k]


@jit
def _scatter_add_into(d_weight, ids, d_out):  # d_weight (N, K), ids (B,), d_out (B, K)
    for b in range(ids.size):  # in batch order: the sum is reproducible
        for k in range(d_weight.shape[1]):
            d_weight[ids[b], k] += d_out[b, k]


@jit
def _row_dot_into(out, left, right):  # out (B,), left and right (B, K)
    for b in range(out.size):
        out[b] = dot(left[b], right[b])


@jit
def _scale_rows_into(out, d_out, other):  # out (B, K), d_out (B,), other (B, K)
    for b in range(d_out.size):
        for k in range(other.shape[1]):
            out[b, k] = d_out[b] * other[b, k]


@jit
def _add_biases_into(out, dot, user_bias, item_bias, users, items):  # all (B,) but the tables
    for b in range(out.size):
        out[b] = dot[b] + user_bias[users[b]] + item_bias[items[b]]


@jit
def _sigmoid_into(s, x, one):  # s, x (B,); `one` of their dtype: a literal would promote float32
    for b in range(x.size):
        s[b] = one / (one + np.exp(-x[b]))


@jit
def _sigmoid_gradient_into(d_x, d_out, s, height, one):  # d_x, d_out, s (B,)
    for b in range(s.size):
        d_x[b] = d_out[b] * height * (one - s[b]) * s[b]


@jit
def _rectify_into(out, off, x, zero):  # out, off, x (B,)
    for b in range(x.size):
        off[b] = x[b] <= zero
        out[b] = zero if off[b] else x[b]


@jit
def _rectified_gradient_into(d_x, d_out, off, zero):  # d_x, d_out, off (B,)
    for b in range(off.size):
        d_x[b] = zero if off[b] else d_out[b]


@jit
def _sum_of_squares_into(total, error):  # total (1,) zero, error (B,)
    for b in range(error.size):
        total[0] += error[b] * error[b]


@jit
def _mse_gradient_into(d_pred, error, scale, d_loss):  # d_pred, error (B,)
    for b in range(error.size):
        d_pred[b] = scale * error[b] * d_loss


def embedding_forward(
    weight: FloatArray,
    ids: Any,
    padding_idx: int | None = None,
    scale_grad_by_freq: bool = False,
) -> tuple[FloatArray, EmbeddingCache]:
    """Compiled `npcf.ops.embedding_forward`."""
    weight, ids, padding_idx = check_lookup(weight, ids, padding_idx)
    n_rows, n_factors = weight.shape
    out = np.empty((ids.size, n_factors), weight.dtype)
    _gather_into(out, contiguous(weight), contiguous(ids).ravel())
    by_freq = require_flag("scale_grad_by_freq", scale_grad_by_freq)
    cache = EmbeddingCache(ids, (n_rows, n_factors), padding_idx, weight.dtype, by_freq)
    return out.reshape(*ids.shape, n_factors), cache


def embedding_backward(d_out: FloatArray, cache: EmbeddingCache) -> FloatArray:
    """Compiled `npcf.ops.embedding_backward`."""
    d_out, cache, d_weight = check_lookup_gradient(d_out, cache)
    d_rows = _flat("d_out", d_out).reshape(cache.ids.size, d_weight.shape[1])
    _scatter_add_into(d_weight, contiguous(cache.ids).ravel(), d_rows)
    if cache.padding_idx is not None:
        d_weight[cache.padding_idx] = 0
    return d_weight


def row_dot_forward(left: FloatArray, right: FloatArray) -> tuple[FloatArray, RowDotCache]:
    """Compiled `npcf.ops.row_dot_forward`."""
    left, right = check_rows(left, right)
    out = np.empty(len(left), left.dtype)
    _row_dot_into(out, contiguous(left), contiguous(right))
    return out, RowDotCache(left, right)


def row_dot_backward(d_out: FloatArray, cache: RowDotCache) -> tuple[FloatArray, FloatArray]:
    """Compiled `npcf.ops.row_dot_backward`."""
    d_out, (left, right) = check_dot_gradient(d_out, cache)
    left, right, d_out = contiguous(left), contiguous(right), _flat("d_out", d_out)
    d_left, d_right = np.empty_like(left), np.empty_like(right)
    _scale_rows_into(d_left, d_out, right)
    _scale_rows_into(d_right, d_out, left)
    return d_left, d_right


def bias_forward(
    dot: FloatArray, user_bias: FloatArray, item_bias: FloatArray, users: Any, items: Any
) -> tuple[FloatArray, BiasCache]:
    """Compiled `npcf.ops.bias_forward`."""
    checked = check_bias(dot, user_bias, item_bias, users, items)
    out = np.empty_like(checked.dot)
    _add_biases_into(out, *map(contiguous, checked))
    n_users, n_items = checked.user_bias.size, checked.item_bias.size
    return out, BiasCache(checked.users, checked.items, n_users, n_items, out.dtype)


def bias_backward(d_out: FloatArray, cache: BiasCache) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Compiled `npcf.ops.bias_backward`."""
    d_out, cache, d_user_bias, d_item_bias = check_bias_gradient(d_out, cache)
    d_rows = _flat("d_out", d_out)[:, None]  # a bias is a table of one column
    _scatter_add_into(d_user_bias[:, None], contiguous(cache.users), d_rows)
    _scatter_add_into(d_item_bias[:, None], contiguous(cache.items), d_rows)
    return d_out.copy(), d_user_bias, d_item_bias


def sigmoid_range_forward(
    x: FloatArray, low: float, high: float
) -> tuple[FloatArray, SigmoidRangeCache]:
    """Compiled `npcf.ops.sigmoid_range_forward`."""
    x, low, high = check_range(x, low, high)
    s = np.empty(x.shape, x.dtype)
    with np.errstate(over="ignore"):  # for the loops as plain Python; compiled code never warns
        _sigmoid_into(s.reshape(-1), contiguous(x).ravel(), x.dtype.type(1))
    return s * (high - low) + low, SigmoidRangeCache(s, high - low)


def sigmoid_range_backward(d_out: FloatArray, cache: SigmoidRangeCache) -> FloatArray:
    """Compiled `npcf.ops.sigmoid_range_backward`."""
    d_out, (s, height) = check_range_gradient(d_out, cache)
    d_x, number = np.empty(s.shape, s.dtype), s.dtype.type
    flat = d_x.reshape(-1), _flat("d_out", d_out), _flat("cache.s", s)
    _sigmoid_gradient_into(*flat, number(height), number(1))
    return d_x


def mse_forward(pred: FloatArray, rating: Any) -> tuple[Any, MSECache]:
    """Compiled `npcf.ops.mse_forward`."""
    pred, rating = check_loss(pred, rating)
    error = pred - rating
    total = np.zeros(1, error.dtype)
    _sum_of_squares_into(total, contiguous(error).ravel())
    return total[0] / error.dtype.type(error.size), MSECache(error)


def mse_backward(d_loss: Any, cache: MSECache) -> FloatArray:
    """Compiled `npcf.ops.mse_backward`."""
    error, d_loss = check_loss_gradient(d_loss, cache)
    d_pred, scale = np.empty(error.shape, error.dtype), error.dtype.type(2 / error.size)
    _mse_gradient_into(d_pred.reshape(-1), _flat("cache.error", error), scale, d_loss)
    return d_pred


def relu_forward(x: FloatArray) -> tuple[FloatArray, ReluCache]:
    """Compiled `npcf.ops.relu_forward`, of real numbers."""
    x = require_floats("x", x)
    if x.dtype.kind == "c":
        return ops.relu_forward(x)
    out, off = np.empty(x.shape, x.dtype), np.empty(x.shape, np.bool_)
    _rectify_into(out.reshape(-1), off.reshape(-1), contiguous(x).ravel(), x.dtype.type(0))
    return out, ReluCache(off, x.dtype)


def relu_backward(d_out: FloatArray, cache: ReluCache) -> FloatArray:
    """Compiled `npcf.ops.relu_backward`, of real numbers."""
    d_out, off = check_relu_gradient(d_out, cache)
    if d_out.dtype.kind != "f":
        return ops.relu_backward(d_out, cache)
    d_x = np.empty(off.shape, d_out.dtype)
    flat = d_x.reshape(-1), _flat("d_out", d_out), contiguous(off).ravel()
    _rectified_gradient_into(*flat, d_out.dtype.type(0))
    return d_x

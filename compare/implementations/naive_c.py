"""Plain C loops as an implementation of the protocol, through ctypes.

Nothing reaches a loop before ids, shapes and dtypes were judged: C would read foreign memory.
Without a compiler the import fails and says so.
"""

import math
from typing import Any

import numpy as np

from compare.implementations.naive_compiler import (
    Array,
    arrays_of,
    call,
    row_numbers,
)

LIBRARY = "libm"


def embedding_forward(weight: Array, ids: Array) -> tuple[Array, Any]:
    """Copy rows."""
    (weight,) = arrays_of(weight)
    if weight.ndim != 2:
        raise ValueError(f"a table has two axes, got {weight.shape}")
    ids = row_numbers(ids, weight).copy()
    out = np.empty((len(ids), weight.shape[1]), weight.dtype)
    call("embedding_forward", out.dtype, out, weight, ids, *map(int, out.shape))
    return out, (out, weight.shape, ids)


def embedding_backward(d_out: Array, cache: Any) -> Array:
    """Scatter, and add."""
    like, shape, ids = cache
    d_out, _ = arrays_of(d_out, like)
    d_weight = np.zeros(shape, d_out.dtype)
    call("embedding_backward", d_out.dtype, d_weight, d_out, ids, *map(int, d_out.shape))
    return d_weight


def row_dot_forward(left: Array, right: Array) -> tuple[Array, Any]:
    """Add from left to right."""
    left, right = arrays_of(left, right)
    out = np.empty(len(left), left.dtype)
    call("row_dot_forward", out.dtype, out, left, right, *map(int, left.shape))
    return out, (out, left, right)


def row_dot_backward(d_out: Array, cache: Any) -> tuple[Array, Array]:
    """Scale the rows of the other side."""
    like, left, right = cache
    d_out, _ = arrays_of(d_out, like)
    d_left, d_right = np.empty_like(left), np.empty_like(right)
    for gradient, other in ((d_left, right), (d_right, left)):
        call("row_dot_backward", d_out.dtype, gradient, d_out, other, *map(int, left.shape))
    return d_left, d_right


def bias_forward(
    dot: Array, user_bias: Array, item_bias: Array, users: Array, items: Array
) -> tuple[Array, Any]:
    """Add two numbers to each."""
    (user_bias,), (item_bias,) = arrays_of(user_bias), arrays_of(item_bias)
    users, items = row_numbers(users, user_bias), row_numbers(items, item_bias)
    dot, *_ = arrays_of(dot, user_bias[users], item_bias[items])
    out = np.empty_like(dot)
    call("bias_forward", dot.dtype, out, dot, user_bias, item_bias, users, items, len(dot))
    return out, (out, users.copy(), items.copy(), len(user_bias), len(item_bias))


def bias_backward(d_out: Array, cache: Any) -> tuple[Array, Array, Array]:
    """Scatter twice: a bias is a table of one column."""
    like, users, items, *sizes = cache
    d_out, _ = arrays_of(d_out, like)
    tables = []
    for ids, size in zip((users, items), sizes, strict=True):
        tables.append(np.zeros(size, d_out.dtype))
        call("embedding_backward", d_out.dtype, tables[-1], d_out, ids, len(d_out), 1)
    return d_out, tables[0], tables[1]


def sigmoid_range_forward(x: Array, low: float, high: float) -> tuple[Array, Any]:
    """Squash."""
    if not low <= high:
        raise ValueError(f"low {low} is above high {high}")
    (x,) = arrays_of(x)
    out, s, real = np.empty_like(x), np.empty_like(x), x.dtype.type
    height = real(high - low)
    call("sigmoid_range_forward", x.dtype, out, s, x, real(low), height, x.size)
    return out, (s, height)


def sigmoid_range_backward(d_out: Array, cache: Any) -> Array:
    """Differentiate from the sigmoid's output."""
    s, height = cache
    d_out, _ = arrays_of(d_out, s)
    d_x: Array = np.empty_like(s)
    call("sigmoid_range_backward", s.dtype, d_x, d_out, s, height, s.size)
    return d_x


def mse_forward(pred: Array, rating: Array) -> tuple[Array, Any]:
    """Add squares from left to right."""
    pred, rating = arrays_of(pred, np.asarray(rating).astype(np.asarray(pred).dtype))
    if pred.size == 0:
        raise ValueError("an empty batch has no mean")
    loss, error = np.zeros((), pred.dtype), np.empty_like(pred)
    call("mse_forward", pred.dtype, loss, error, pred, rating, pred.size)
    return loss, error


def mse_backward(d_loss: Any, cache: Any) -> Array:
    """Scale the errors."""
    d_pred: Array = np.empty_like(cache)
    call("mse_backward", cache.dtype, d_pred, cache, cache.dtype.type(d_loss), cache.size)
    return d_pred


def sgd_step(
    w: Array, g: Array, buf: Array | None, *, lr: float, momentum: float, dampening: float,
    nesterov: bool, weight_decay: float, decoupled: bool,
) -> tuple[Array, Array | None]:  # fmt: skip
    """Step on copies."""
    first = buf is None
    w, g, kept = arrays_of(w, g, np.zeros_like(w) if buf is None else buf)
    decay, shrink = _decay(lr, weight_decay, decoupled)
    numbers = (float(lr), float(momentum), float(dampening), bool(nesterov), decay, shrink)
    call("sgd_step", w.dtype, w, g, kept, first, *numbers, w.size)
    return w, kept if momentum else None


def adam_step(
    w: Array, g: Array, m: Array, v: Array, t: int, *, lr: float, betas: tuple[float, float],
    eps: float, weight_decay: float, decoupled: bool,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Step on copies."""
    w, g, m, v = arrays_of(w, g, m, v)
    beta1, beta2 = map(float, betas)
    scale, root = lr / (1 - beta1 ** int(t)), math.sqrt(1 - beta2 ** int(t))
    decay, shrink = _decay(lr, weight_decay, decoupled)
    numbers = (float(scale), root, beta1, beta2, float(eps), decay, shrink)
    call("adam_step", w.dtype, w, g, m, v, *numbers, w.size)
    return w, m, v


def _decay(lr: float, weight_decay: float, decoupled: bool) -> tuple[float, float]:
    """Return (decay of the gradient, factor of the weights)."""
    if decoupled:
        return 0.0, float(1 - lr * weight_decay)
    return float(weight_decay), 1.0

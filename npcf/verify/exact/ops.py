"""The exact value of every operation: its formula, in fractions."""

from fractions import Fraction
from typing import Any

import numpy as np

from npcf._types import FloatArray
from npcf.verify.exact import numbers
from npcf.verify.exact.numbers import each, fractions, grid


def lookup(weight: FloatArray, ids: Any) -> Any:
    """Return weight[ids]."""
    return fractions(weight)[np.asarray(ids, np.intp)]


def one_hot(weight: FloatArray, ids: Any) -> Any:
    """Return H @ weight, H the one-hot matrix of ids."""
    return lookup(weight, ids)


def embedding_backward(
    ids: Any,
    d_out: FloatArray,
    n_rows: int,
    *,
    padding_idx: int | None = None,
    scale_grad_by_freq: bool = False,
) -> Any:
    """Return d_weight (N, K): rows of d_out summed over equal ids, or their mean."""
    ids = np.ravel(np.asarray(ids, np.intp))
    rows = np.asarray(d_out)
    d_weight = grid(rows.reshape(ids.size, rows.shape[-1])).scatter(ids, n_rows).fractions()
    if scale_grad_by_freq:
        counts = np.maximum(np.bincount(ids, minlength=n_rows), 1).astype(object)
        d_weight = each(lambda total, d: total / d, d_weight, counts[:, None])
    if padding_idx is not None:
        d_weight[padding_idx] = Fraction(0)
    return d_weight


def row_dot(left: FloatArray, right: FloatArray) -> Any:
    """Return out (B,), out_b = sum_k left_bk right_bk."""
    return (grid(left) * grid(right)).sum(axis=1).fractions()


def row_dot_backward(d_out: FloatArray, left: FloatArray, right: FloatArray) -> tuple[Any, Any]:
    """Return (d_left, d_right): d_out right, d_out left."""
    d_rows = grid(d_out)[:, None]
    return (d_rows * grid(right)).fractions(), (d_rows * grid(left)).fractions()


def bias(
    dot: FloatArray, user_bias: FloatArray, item_bias: FloatArray, users: Any, items: Any
) -> Any:
    """Return dot + user_bias[users] + item_bias[items]."""
    return (grid(dot) + grid(user_bias)[users] + grid(item_bias)[items]).fractions()


def bias_backward(
    d_out: FloatArray, users: Any, items: Any, n_users: int, n_items: int
) -> tuple[Any, Any, Any]:
    """Return (d_out, d_out summed over equal users, over equal items)."""
    d = grid(d_out)
    tables = (d.scatter(users, n_users), d.scatter(items, n_items))
    return fractions(d_out), tables[0].fractions(), tables[1].fractions()


def sigmoid(x: FloatArray) -> Any:
    """Return 1 / (1 + exp(-x))."""
    return each(numbers.sigmoid, fractions(x))


def sigmoid_range(x: FloatArray, low: float, high: float) -> Any:
    """Return low + (high - low) sigmoid(x)."""
    bottom, height = Fraction(low), Fraction(high) - Fraction(low)
    return each(lambda s: bottom + height * s, sigmoid(x))


def sigmoid_range_backward(d_out: FloatArray, x: FloatArray, low: float, high: float) -> Any:
    """Return d_out (high - low) s (1 - s)."""
    height = Fraction(high) - Fraction(low)
    return each(lambda d, s: d * height * s * (1 - s), fractions(d_out), sigmoid(x))


def mse(pred: FloatArray, rating: Any) -> Any:
    """Return the mean of (pred - rating)**2, a number; the rating in the precision of pred."""
    error = grid(pred) - grid(np.asarray(rating).astype(pred.dtype))
    return (error * error).sum().fractions(Fraction(1, pred.size))


def mse_backward(d_loss: Any, pred: FloatArray, rating: Any) -> Any:
    """Return (2 / B) (pred - rating) d_loss, the latter two in the precision of pred."""
    error = grid(pred) - grid(np.asarray(rating).astype(pred.dtype))
    return error.fractions(Fraction(2, pred.size) * Fraction(float(pred.dtype.type(d_loss))))

"""The five operations, forward and backward."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npcf.verify.examples.plain.checks import (
    check_dtypes,
    check_gradient,
    check_ids,
    check_shapes,
)

Array = NDArray[Any]


def embedding_forward(weight: Array, ids: Array) -> tuple[Array, Any]:
    """out_b = weight[ids_b]."""
    if weight.ndim != 2:
        raise ValueError(f"a table has two axes, got {weight.shape}")
    ids = check_ids(ids, len(weight))
    return weight[ids], (ids, weight.shape, weight.dtype)


def embedding_backward(d_out: Array, cache: Any) -> Array:
    """d_weight[n] = the sum of d_out_b over all b with ids_b = n."""
    ids, shape, dtype = cache
    check_gradient(d_out, (len(ids), shape[1]), dtype)
    d_weight = np.zeros(shape, dtype)
    np.add.at(d_weight, ids, d_out)
    return d_weight


def row_dot_forward(left: Array, right: Array) -> tuple[Array, Any]:
    """out_b = sum_k left_bk right_bk."""
    check_shapes(left, right)
    check_dtypes(left, right)
    # In one memory order, so that the order of the additions is one too.
    product = np.multiply(left, right, order="C")
    return product.sum(axis=1), (left.copy(), right.copy())


def row_dot_backward(d_out: Array, cache: Any) -> tuple[Array, Array]:
    """d_left_bk = d_out_b right_bk, and the other way round."""
    left, right = cache
    check_gradient(d_out, left.shape[:1], left.dtype)
    d_left = d_out[:, None] * right
    d_right = d_out[:, None] * left
    return d_left, d_right


def bias_forward(
    dot: Array, user_bias: Array, item_bias: Array, users: Array, items: Array
) -> tuple[Array, Any]:
    """out_b = dot_b + user_bias[users_b] + item_bias[items_b]."""
    if user_bias.ndim != 1 or item_bias.ndim != 1:
        raise ValueError("a bias is one number a row")
    check_dtypes(dot, user_bias, item_bias)
    users = check_ids(users, len(user_bias))
    items = check_ids(items, len(item_bias))
    check_shapes(dot, users, items)
    out = dot + user_bias[users] + item_bias[items]
    return out, (users, items, len(user_bias), len(item_bias), dot.dtype)


def bias_backward(d_out: Array, cache: Any) -> tuple[Array, Array, Array]:
    """d_dot = d_out; the gradient of a bias is the sum over the ratings that name it."""
    users, items, n_users, n_items, dtype = cache
    check_gradient(d_out, users.shape, dtype)
    d_user_bias = np.zeros(n_users, dtype)
    d_item_bias = np.zeros(n_items, dtype)
    np.add.at(d_user_bias, users, d_out)
    np.add.at(d_item_bias, items, d_out)
    return d_out.copy(), d_user_bias, d_item_bias


def sigmoid_range_forward(x: Array, low: float, high: float) -> tuple[Array, Any]:
    """out_b = low + (high - low) / (1 + exp(-x_b))."""
    if not low <= high:
        raise ValueError(f"low {low} is above high {high}")
    with np.errstate(over="ignore"):  # exp(-x) = inf: then s = 0, the right limit
        s = 1 / (1 + np.exp(-x))
    return s * (high - low) + low, (s, high - low)


def sigmoid_range_backward(d_out: Array, cache: Any) -> Array:
    """d_x_b = d_out_b (high - low) s_b (1 - s_b)."""
    s, height = cache
    check_gradient(d_out, s.shape, s.dtype)
    d_x: Array = d_out * height * (1 - s) * s
    return d_x


def mse_forward(pred: Array, rating: Array) -> tuple[Any, Any]:
    """Return loss = mean_b (pred_b - rating_b)**2."""
    rating = np.asarray(rating)
    check_shapes(pred, rating)
    if pred.size == 0:
        raise ValueError("an empty batch has no mean")
    error = pred - rating.astype(pred.dtype)
    return np.mean(error * error), error


def mse_backward(d_loss: Any, cache: Any) -> Array:
    """d_pred_b = 2 / B (pred_b - rating_b) d_loss."""
    error = cache
    d_pred: Array = 2 / error.size * error * float(d_loss)
    return d_pred

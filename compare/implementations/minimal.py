"""Five plain functions, as somebody would write them who has the protocol's page and no more."""

import numpy as np


def embedding_forward(weight, ids):
    if ids.dtype.kind not in "iu":
        raise TypeError("ids must be integers")
    if (ids < 0).any() or (ids >= len(weight)).any():
        raise IndexError("an id is outside the table")
    return weight[ids], (ids.copy(), weight.shape, weight.dtype)


def embedding_backward(d_out, cache):
    ids, shape, dtype = cache
    if d_out.shape != (len(ids), shape[1]) or d_out.dtype != dtype:
        raise ValueError("d_out is not the gradient of the rows")
    d_weight = np.zeros(shape, dtype)
    for i, row in zip(ids, d_out, strict=True):
        d_weight[i] += row
    return d_weight


def row_dot_forward(left, right):
    if left.shape != right.shape or left.dtype != right.dtype:
        raise ValueError("left and right differ in shape or dtype")
    left, right = np.array(left, order="C"), np.array(right, order="C")
    return (left * right).sum(1), (left, right)


def row_dot_backward(d_out, cache):
    left, right = cache
    if d_out.shape != (len(left),) or d_out.dtype != left.dtype:
        raise ValueError("d_out is not the gradient of the dots")
    return d_out[:, None] * right, d_out[:, None] * left


def mse_forward(pred, rating):
    if pred.shape != rating.shape or pred.size == 0:
        raise ValueError("one rating for each prediction, and at least one")
    error = pred - rating.astype(pred.dtype)
    return (error * error).mean(), error

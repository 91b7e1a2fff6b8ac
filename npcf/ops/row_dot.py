r"""Row-wise dot product: one affinity per (user, item) pair.

    out_b = sum_k left_bk * right_bk            left, right (B, K)  ->  out (B,)

This is `(u * m).sum(1)` of the lesson: for T([[1., 2], [3, 4]]) and T([[2., 2], [10, 10]]) it is
[6, 70].  It is not the matrix product: left @ right.T holds the dot of *every* row of left with
every row of right, and these are its diagonal.  (The thread quotes np.dot as [[2, 4], [30, 40]];
that is the elementwise product.  The matrix product is [[22, 22], [46, 46]].)

Derivation.  Let d_out_b = dL/d out_b.  An entry of `left` reaches the loss through its own row
only, and d out_b / d left_bk = right_bk, so

    d_left_bk  = d_out_b * right_bk             d_left, d_right (B, K)
    d_right_bk = d_out_b * left_bk              (by symmetry)

Rounding.  In any order of the additions |error| <= gamma_K * sum_k |left_bk * right_bk| + K eta
(eta = smallest subnormal, for products that underflow).  The gradients round once: u |exact| + eta.
"""

from typing import NamedTuple

import numpy as np

from npcf._types import FloatArray
from npcf.errors import (
    require_floats,
    require_gradient,
    require_same_dtype,
    require_same_shape,
)
from npcf.ops.caches import cached_floats, require_cache


class RowDotCache(NamedTuple):
    """What `row_dot_backward` needs: references, not copies."""

    left: FloatArray  # (B, K)
    right: FloatArray  # (B, K)


def row_dot_forward(left: FloatArray, right: FloatArray) -> tuple[FloatArray, RowDotCache]:
    """Dot each row of `left` (B, K) with the same row of `right` (B, K); return (out (B,), cache).

    Raises ShapeError if the shapes differ: broadcasting would pair the wrong rows.
    """
    left, right = check_rows(left, right)
    # order="C": the additions run along rows whatever the layout of the inputs, so that the same
    # numbers give the same bits.
    products = np.multiply(left, right, order="C")
    return products.sum(axis=1), RowDotCache(left, right)


def row_dot_backward(d_out: FloatArray, cache: RowDotCache) -> tuple[FloatArray, FloatArray]:
    """Map d_out (B,) to (d_left, d_right), each (B, K)."""
    d_out, cache = check_dot_gradient(d_out, cache)
    d_rows = d_out[:, None]  # (B, 1): scales whole rows
    return d_rows * cache.right, d_rows * cache.left


def check_rows(left: FloatArray, right: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Check the two sides once, for this file and its compiled twin."""
    left = require_floats("left", left, ndim=2)
    right = require_floats("right", right, ndim=2)
    require_same_shape(left=left, right=right)
    require_same_dtype(left=left, right=right)
    return left, right


def check_dot_gradient(d_out: FloatArray, cache: RowDotCache) -> tuple[FloatArray, RowDotCache]:
    """Check the backward's arguments once, for this file and its compiled twin."""
    cache = require_cache(cache, RowDotCache)
    left = cached_floats("cache.left", cache.left, ndim=2)
    right = cached_floats("cache.right", cache.right, ndim=2)
    require_same_shape(**{"cache.left": left, "cache.right": right})
    require_same_dtype(**{"cache.left": left, "cache.right": right})
    return require_gradient(d_out, left.shape[:1], left.dtype), RowDotCache(left, right)

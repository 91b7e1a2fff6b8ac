r"""Bias: one number per user and one per item, added to the affinity of their pair.

    out_b = dot_b + user_bias[users_b] + item_bias[items_b]       all (B,); tables (U,) and (I,)

Added from left to right, as `EmbeddingDotBias` of the lesson and of fastai does.

Derivation.  out_b depends on each of its three terms with derivative 1, and a table's entry
reaches the loss through every b that names it, so

    d_dot_b      = d_out_b
    d_user_bias[n] = sum over { b : users_b = n } of d_out_b
    d_item_bias[n] = sum over { b : items_b = n } of d_out_b

Both tables receive the same numbers, sorted differently: their gradients have equal sums.

Rounding.  Two additions: |error| <= gamma_2 * (|dot_b| + |user_bias| + |item_bias|).  An entry
named d times: gamma_(d-1) * sum |d_out_b|.
"""

from typing import Any, NamedTuple

import numpy as np

from npcf._types import FloatArray, IdArray
from npcf.errors import (
    ShapeError,
    require_floats,
    require_gradient,
    require_ids,
    require_same_dtype,
)


class BiasCache(NamedTuple):
    """What `bias_backward` needs."""

    users: IdArray  # (B,)
    items: IdArray  # (B,)
    n_users: int
    n_items: int
    dtype: np.dtype[Any]


class BiasInputs(NamedTuple):
    """The arguments of `bias_forward` after they have been judged."""

    dot: FloatArray  # (B,)
    user_bias: FloatArray  # (U,)
    item_bias: FloatArray  # (I,)
    users: IdArray  # (B,)
    items: IdArray  # (B,)


def bias_forward(
    dot: FloatArray, user_bias: FloatArray, item_bias: FloatArray, users: Any, items: Any
) -> tuple[FloatArray, BiasCache]:
    """Add the biases of `users` and `items` (B,) to `dot` (B,); return (out (B,), cache).

    Raises ShapeError on a (n, 1) table: its lookup is (B, 1), and (B,) + (B, 1) is (B, B).
    Raises IdRangeError on an id outside its table.
    """
    dot, user_bias, item_bias, users, items = judge_bias(dot, user_bias, item_bias, users, items)
    out = dot + user_bias[users] + item_bias[items]
    return out, BiasCache(users, items, user_bias.size, item_bias.size, dot.dtype)


def bias_backward(d_out: FloatArray, cache: BiasCache) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Map d_out (B,) to (d_dot (B,), d_user_bias (U,), d_item_bias (I,))."""
    d_out = require_gradient(d_out, cache.users.shape, cache.dtype)
    d_user_bias = np.zeros(cache.n_users, cache.dtype)
    d_item_bias = np.zeros(cache.n_items, cache.dtype)
    # np.add.at sums over equal ids; `d_user_bias[users] += d_out` would keep one of them.
    np.add.at(d_user_bias, cache.users, d_out)
    np.add.at(d_item_bias, cache.items, d_out)
    return d_out.copy(), d_user_bias, d_item_bias


def judge_bias(
    dot: FloatArray, user_bias: FloatArray, item_bias: FloatArray, users: Any, items: Any
) -> BiasInputs:
    """Check the arguments once, for this file and its compiled twin."""
    dot = require_floats("dot", dot, ndim=1)
    user_bias = require_floats("user_bias", user_bias, ndim=1)
    item_bias = require_floats("item_bias", item_bias, ndim=1)
    require_same_dtype(dot=dot, user_bias=user_bias, item_bias=item_bias)
    users = require_ids("users", users, user_bias.shape[0])
    items = require_ids("items", items, item_bias.shape[0])
    for name, ids in (("users", users), ("items", items)):
        if ids.shape != dot.shape:
            raise ShapeError(
                name,
                f"shape {ids.shape} does not match dot of shape {dot.shape}",
                "There is one user and one item for each affinity.",
            )
    return BiasInputs(dot, user_bias, item_bias, users, items)

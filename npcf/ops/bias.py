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
    require_same_dtype,
)
from npcf.ops.caches import cached_ids, cached_zeros, own_ids, require_cache


class BiasCache(NamedTuple):
    """What `bias_backward` needs."""

    users: IdArray  # (B,), a copy
    items: IdArray  # (B,), a copy
    n_users: int
    n_items: int
    dtype: np.dtype[Any]


class BiasInputs(NamedTuple):
    """The arguments of `bias_forward` after they have been checked."""

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
    dot, user_bias, item_bias, users, items = check_bias(dot, user_bias, item_bias, users, items)
    out = dot + user_bias[users] + item_bias[items]
    return out, BiasCache(users, items, user_bias.size, item_bias.size, dot.dtype)


def bias_backward(d_out: FloatArray, cache: BiasCache) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Map d_out (B,) to (d_dot (B,), d_user_bias (U,), d_item_bias (I,))."""
    d_out, cache, d_user_bias, d_item_bias = check_bias_gradient(d_out, cache)
    # np.add.at sums over equal ids; `d_user_bias[users] += d_out` would keep one of them.
    np.add.at(d_user_bias, cache.users, d_out)
    np.add.at(d_item_bias, cache.items, d_out)
    return d_out.copy(), d_user_bias, d_item_bias


def check_bias(
    dot: FloatArray, user_bias: FloatArray, item_bias: FloatArray, users: Any, items: Any
) -> BiasInputs:
    """Check the arguments once, for this file and its compiled twin."""
    dot = require_floats("dot", dot, ndim=1)
    user_bias = require_floats("user_bias", user_bias, ndim=1)
    item_bias = require_floats("item_bias", item_bias, ndim=1)
    require_same_dtype(dot=dot, user_bias=user_bias, item_bias=item_bias)
    users = own_ids("users", users, user_bias.shape[0])
    items = own_ids("items", items, item_bias.shape[0])
    for name, ids in (("users", users), ("items", items)):
        if ids.shape != dot.shape:
            raise ShapeError(
                name,
                f"shape {ids.shape} does not match dot of shape {dot.shape}",
                "There is one user and one item for each affinity.",
            )
    return BiasInputs(dot, user_bias, item_bias, users, items)


def check_bias_gradient(
    d_out: FloatArray, cache: BiasCache
) -> tuple[FloatArray, BiasCache, FloatArray, FloatArray]:
    """Check the backward's arguments; return (d_out, cache, and each table's gradient of zeros)."""
    cache = require_cache(cache, BiasCache)
    d_user_bias = cached_zeros((cache.n_users,), cache.dtype)
    d_item_bias = cached_zeros((cache.n_items,), cache.dtype)
    users = cached_ids("cache.users", cache.users, d_user_bias.size)
    items = cached_ids("cache.items", cache.items, d_item_bias.size)
    if users.ndim != 1 or items.shape != users.shape:
        problem = f"shape {items.shape} does not match users of shape {users.shape}"
        raise ShapeError("cache.items", problem, "Both are (B,), as the forward made them.")
    d_out = require_gradient(d_out, users.shape, d_user_bias.dtype)
    return d_out, cache._replace(users=users, items=items), d_user_bias, d_item_bias

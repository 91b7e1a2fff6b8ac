"""Dot products without biases: the parameter-free module of the lesson, and two tables under it.

    pred_b = sum_k user_factors[users_b, k] * item_factors[items_b, k]

squashed into `y_range` unless that is None, as in the second `DotProduct` of fastbook chapter 8.
Shapes: user_factors (U, K), item_factors (I, K), users and items (B,)  ->  pred (B,).
Backward is forward read upwards.
"""

from types import ModuleType
from typing import Any, NamedTuple

from npcf import ops
from npcf._types import FloatArray, Params, YRange
from npcf.errors import require_pair, require_params, require_type
from npcf.models.look_up import look_up, require_backend


class DotProductCache(NamedTuple):
    """The caches of the operations, and the module whose operations made them."""

    p: ops.EmbeddingCache
    q: ops.EmbeddingCache
    dot: ops.RowDotCache
    backend: ModuleType
    range: ops.SigmoidRangeCache | None = None  # None: y_range was None, no squashing


def dot_product_forward(
    params: Params, users: Any, items: Any, y_range: YRange = None, *, backend: ModuleType = ops
) -> tuple[FloatArray, DotProductCache]:
    """Predict affinities (B,) for the pairs (users_b, items_b); return (pred, cache)."""
    require_backend(backend)
    require_params(params, ("user_factors", "item_factors"))
    p, p_cache = look_up(backend, params, "user_factors", "users", users)  # (B, K)
    q, q_cache = look_up(backend, params, "item_factors", "items", items)  # (B, K)
    pred, dot_cache = backend.row_dot_forward(p, q)  # (B,)
    cache = DotProductCache(p_cache, q_cache, dot_cache, backend)
    if y_range is None:
        return pred, cache
    low, high = require_pair("y_range", y_range)
    pred, range_cache = backend.sigmoid_range_forward(pred, low, high)  # (B,)
    return pred, cache._replace(range=range_cache)


def dot_product_backward(d_pred: FloatArray, cache: DotProductCache) -> Params:
    """Map d_pred (B,) to gradients under the names, shapes and dtypes of `params`."""
    require_type("cache", cache, DotProductCache, "Pass what dot_product_forward returned second.")
    if cache.range is not None:
        d_pred = cache.backend.sigmoid_range_backward(d_pred, cache.range)
    d_p, d_q = cache.backend.row_dot_backward(d_pred, cache.dot)
    return {
        "user_factors": cache.backend.embedding_backward(d_p, cache.p),
        "item_factors": cache.backend.embedding_backward(d_q, cache.q),
    }


class DotProduct:
    """The lesson's module without parameters: `forward(u, m)` returns `(u * m).sum(1)`.

    Source: fastai lesson 5 (2017), `class DotProduct(nn.Module)`.  Not the book's class of the
    same name, which owns two tables: that one is `TwoTableDotProduct` here.
    """

    def __call__(self, u: FloatArray, m: FloatArray) -> FloatArray:
        """Return the dot (B,) of each row of `u` (B, K) with the same row of `m` (B, K)."""
        return self.forward(u, m)[0]

    def forward(self, u: FloatArray, m: FloatArray) -> tuple[FloatArray, ops.RowDotCache]:
        """Return (out (B,), cache)."""
        return ops.row_dot_forward(u, m)

    def backward(self, d_out: FloatArray, cache: ops.RowDotCache) -> tuple[FloatArray, FloatArray]:
        """Map d_out (B,) to (d_u, d_m) = (d_out * m, d_out * u), each (B, K)."""
        return ops.row_dot_backward(d_out, cache)

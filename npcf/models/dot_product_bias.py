"""The model of lesson 5, as two functions: look up, dot, add biases, squash.

    pred_b = low + (high - low) * sigmoid( P[users_b] . Q[items_b] + b[users_b] + c[items_b] )

    params = {"user_factors": (U, K), "item_factors": (I, K), "user_bias": (U,), "item_bias": (I,)}

`mean` adds a constant inside the sigmoid: with y_range None and the training ratings' mean it is
Koren's baseline, mu + b + c + P . Q.  It is data, not a parameter, and gets no gradient.

The book says `movie_...` for `item_...`.  Predictions are (B,); the (B, 1) form of the book is
`DotProductBiasEmb`.  Each line of the backward undoes one line of the forward, from the last to
the first.
"""

from types import ModuleType
from typing import Any, NamedTuple

from npcf import ops
from npcf._types import FloatArray, Params, YRange
from npcf.errors import require_number, require_pair, require_params, require_type
from npcf.models.look_up import look_up, require_backend

PARAM_NAMES = ("user_factors", "item_factors", "user_bias", "item_bias")


class DotProductBiasCache(NamedTuple):
    """The caches of the five operations, and the module whose operations made them."""

    p: ops.EmbeddingCache
    q: ops.EmbeddingCache
    dot: ops.RowDotCache
    bias: ops.BiasCache
    range: ops.SigmoidRangeCache | None  # None: y_range was None, no squashing
    backend: ModuleType


def dot_product_bias_forward(
    params: Params,
    users: Any,
    items: Any,
    y_range: YRange = (0.0, 5.5),
    *,
    backend: ModuleType = ops,
    mean: float = 0.0,
) -> tuple[FloatArray, DotProductBiasCache]:
    """Predict ratings (B,) for the pairs (users_b, items_b); return (pred, cache).

    `y_range=None` leaves the logits as they are.  `backend` is the module that holds the
    operations: `npcf.ops` (the reference) or `npcf.kernels` (the same, compiled).
    `mean` is added to the logits; 0 adds nothing, not even a rounding.
    Raises IdRangeError on an id outside its table, ShapeError where shapes do not belong together.
    Source: fastbook chapter 8, `DotProductBias`; fastai `EmbeddingDotBias`.
    """
    require_backend(backend)
    require_params(params, PARAM_NAMES)
    p, p_cache = look_up(backend, params, "user_factors", "users", users)  # (B, K)
    q, q_cache = look_up(backend, params, "item_factors", "items", items)  # (B, K)
    dot, dot_cache = backend.row_dot_forward(p, q)  # (B,)
    logit, bias_cache = backend.bias_forward(
        dot, params["user_bias"], params["item_bias"], users, items
    )
    mean = require_number("mean", mean, low=-float("inf"))
    if mean:
        logit = logit + logit.dtype.type(mean)
    if y_range is None:
        pred, range_cache = logit, None
    else:
        low, high = require_pair("y_range", y_range)
        pred, range_cache = backend.sigmoid_range_forward(logit, low, high)  # (B,)
    cache = DotProductBiasCache(p_cache, q_cache, dot_cache, bias_cache, range_cache, backend)
    return pred, cache


def dot_product_bias_backward(d_pred: FloatArray, cache: DotProductBiasCache) -> Params:
    """Map d_pred (B,) to gradients under the names, shapes and dtypes of `params`."""
    cure = "Pass what dot_product_bias_forward returned second."
    backend = require_type("cache", cache, DotProductBiasCache, cure).backend
    if cache.range is None:
        d_logit = d_pred
    else:
        d_logit = backend.sigmoid_range_backward(d_pred, cache.range)
    d_dot, d_user_bias, d_item_bias = backend.bias_backward(d_logit, cache.bias)
    d_p, d_q = backend.row_dot_backward(d_dot, cache.dot)
    return {
        "user_factors": backend.embedding_backward(d_p, cache.p),
        "item_factors": backend.embedding_backward(d_q, cache.q),
        "user_bias": d_user_bias,
        "item_bias": d_item_bias,
    }

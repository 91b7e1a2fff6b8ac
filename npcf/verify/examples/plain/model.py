"""The whole model: look up, dot, add biases, squash; the backward is the forward read upwards."""

from typing import Any

from numpy.typing import NDArray

from npcf.verify.examples.plain.checks import check_dtypes, check_ids
from npcf.verify.examples.plain.operations import (
    bias_backward,
    bias_forward,
    embedding_backward,
    embedding_forward,
    row_dot_backward,
    row_dot_forward,
    sigmoid_range_backward,
    sigmoid_range_forward,
)

Array = NDArray[Any]
Params = dict[str, Array]
Range = tuple[float, float] | None


def dot_product_bias_forward(
    params: Params, users: Array, items: Array, y_range: Range
) -> tuple[Array, Any]:
    """Return predictions (B,) for the pairs (users_b, items_b), and the cache."""
    check_tables(params)
    users = check_ids(users, len(params["user_factors"]))
    items = check_ids(items, len(params["item_factors"]))
    p, p_cache = embedding_forward(params["user_factors"], users)
    q, q_cache = embedding_forward(params["item_factors"], items)
    dot, dot_cache = row_dot_forward(p, q)
    x, bias_cache = bias_forward(dot, params["user_bias"], params["item_bias"], users, items)
    if y_range is None:
        return x, (p_cache, q_cache, dot_cache, bias_cache, None)
    low, high = y_range
    pred, range_cache = sigmoid_range_forward(x, low, high)
    return pred, (p_cache, q_cache, dot_cache, bias_cache, range_cache)


def dot_product_bias_backward(d_pred: Array, cache: Any) -> Params:
    """Return the gradients of the four tables."""
    p_cache, q_cache, dot_cache, bias_cache, range_cache = cache
    d_x = d_pred if range_cache is None else sigmoid_range_backward(d_pred, range_cache)
    d_dot, d_user_bias, d_item_bias = bias_backward(d_x, bias_cache)
    d_p, d_q = row_dot_backward(d_dot, dot_cache)
    d_user_factors = embedding_backward(d_p, p_cache)
    d_item_factors = embedding_backward(d_q, q_cache)
    return {
        "user_factors": d_user_factors,
        "item_factors": d_item_factors,
        "user_bias": d_user_bias,
        "item_bias": d_item_bias,
    }


def check_tables(params: Params) -> None:
    """Raise unless each side has a table of rows and one bias a row, all of one dtype."""
    check_dtypes(*params.values())
    for side in ("user", "item"):
        factors, bias = params[f"{side}_factors"], params[f"{side}_bias"]
        if factors.ndim != 2 or bias.shape != factors.shape[:1]:
            raise ValueError(f"{side}: factors {factors.shape}, bias {bias.shape}")

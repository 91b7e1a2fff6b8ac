"""The exact value of the model of lesson 5, of its loss, and of the loss's gradients."""

from fractions import Fraction
from typing import Any

import numpy as np

from npcf._types import FloatArray, Params, YRange
from npcf.verify.exact import numbers
from npcf.verify.exact.numbers import each, fractions, grid, shortened


def dot_product_bias(
    params: Params, users: Any, items: Any, y_range: YRange, *, mean: float = 0.0
) -> Any:
    """Return pred (B,) = low + (high - low) sigmoid(P[users] . Q[items] + b + c + mean)."""
    return _predicted(params, users, items, y_range, mean)[0]


def dot_product_bias_loss(
    params: Params,
    users: Any,
    items: Any,
    rating: FloatArray,
    y_range: YRange,
    *,
    mean: float = 0.0,
) -> Any:
    """Return the mean squared error, a number."""
    error, _ = _residual(params, users, items, rating, y_range, mean)
    squares = grid(error) * grid(error)
    return squares.sum().fractions(Fraction(1, len(error)))


def dot_product_bias_gradients(
    params: Params,
    users: Any,
    items: Any,
    rating: FloatArray,
    y_range: YRange,
    *,
    mean: float = 0.0,
) -> dict[str, Any]:
    """Return the gradients of the loss, under the names of `params`."""
    error, slope = _residual(params, users, items, rating, y_range, mean)
    d_logit = grid(each(lambda e, ds: shortened(e * ds, 2 * numbers.BITS), error, slope))
    rows = d_logit[:, None]
    left, right = grid(params["user_factors"])[users], grid(params["item_factors"])[items]
    sums = {
        "user_factors": (rows * right).scatter(users, len(params["user_factors"])),
        "item_factors": (rows * left).scatter(items, len(params["item_factors"])),
    }
    for name, ids in (("user_bias", users), ("item_bias", items)):
        if name in params:
            sums[name] = d_logit.scatter(ids, len(params[name]))
    return {name: table.fractions(Fraction(2, len(error))) for name, table in sums.items()}


def _predicted(
    params: Params, users: Any, items: Any, y_range: YRange, mean: float
) -> tuple[Any, Any]:
    """Return (pred, its derivative by the logit), both (B,)."""
    dot = (grid(params["user_factors"])[users] * grid(params["item_factors"])[items]).sum(axis=1)
    if "user_bias" in params:
        dot = dot + grid(params["user_bias"])[users] + grid(params["item_bias"])[items]
    logit = (dot + grid(np.float64(mean))).fractions()
    if y_range is None:
        return logit, fractions(np.ones(len(logit)))
    low, height = Fraction(y_range[0]), Fraction(y_range[1]) - Fraction(y_range[0])
    s = each(numbers.sigmoid, logit)
    pred = each(lambda s: low + height * s, s)
    return pred, each(lambda s: height * s * (1 - s), s)


def _residual(
    params: Params, users: Any, items: Any, rating: FloatArray, y_range: YRange, mean: float
) -> tuple[Any, Any]:
    """Return (pred - rating, derivative of pred by the logit), both (B,)."""
    pred, slope = _predicted(params, users, items, y_range, mean)
    cast = np.asarray(rating).astype(params["user_factors"].dtype)
    return pred - fractions(cast), slope

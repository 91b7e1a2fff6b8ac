r"""Mean squared error between predictions and ratings.

    e_b  = pred_b - rating_b
    loss = (1 / B) * sum_b e_b**2               pred, rating (B,)  ->  a number

Derivation.  loss depends on pred_b through its own term only, with derivative 2 e_b / B, so

    d_pred_b = (2 / B) * e_b * d_loss           d_pred (B,)

multiplied in this order, with 2 / B rounded once: PyTorch's order, hence equal to it to the bit.
Ratings are data: they get no gradient, and they are cast to the dtype of the prediction (a
float64 rating would otherwise turn a float32 loss into float64; an integer one is exact).

Rounding.  loss: |error| <= gamma_(B+3) * loss + B eta, in any order of the additions; d_pred:
gamma_4 |exact| + 2 eta.
"""

from typing import Any, NamedTuple

from npcf._types import FloatArray
from npcf.errors import (
    DTypeError,
    EmptyBatchError,
    ShapeError,
    as_array,
    no_numbers,
    require_floats,
    require_same_shape,
)
from npcf.ops.caches import cached_floats, require_cache


class MSECache(NamedTuple):
    """What `mse_backward` needs."""

    error: FloatArray  # pred - rating, the shape of pred


def mse_forward(pred: FloatArray, rating: Any) -> tuple[Any, MSECache]:
    """Return (mean squared error, cache) of `pred` (B,) against `rating` (B,).

    Any equal shapes will do, (B, 1) too.  Raises ShapeError on (B,) against (B, 1): torch only
    warns, and averages B * B wrong pairs.  Raises EmptyBatchError on B = 0: torch returns nan.
    """
    pred, rating = check_loss(pred, rating)
    error = pred - rating
    # For complex pred this is the analytic continuation (no abs), which the complex step needs.
    return (error * error).mean(), MSECache(error)


def mse_backward(d_loss: Any, cache: MSECache) -> FloatArray:
    """Map d_loss, a number, to d_pred, the shape of pred."""
    error, d_loss = check_loss_gradient(d_loss, cache)
    scale = error.dtype.type(2 / error.size)
    result: FloatArray = scale * error * d_loss
    return result


def check_loss(pred: FloatArray, rating: Any) -> tuple[FloatArray, FloatArray]:
    """Check the arguments once, for this file and its compiled twin."""
    pred = require_floats("pred", pred)
    rating = as_array("rating", rating)
    if rating.dtype.kind not in "iufc" or (rating.dtype.kind == "c" and pred.dtype.kind != "c"):
        raise no_numbers("rating", rating, f"dtype {rating.dtype} is not a real number", "float32")
    require_same_shape(pred=pred, rating=rating)
    if pred.size == 0:
        raise EmptyBatchError("pred", "an empty batch has no mean", "Skip empty batches.")
    return pred, rating.astype(pred.dtype, copy=False)


def check_loss_gradient(d_loss: Any, cache: MSECache) -> tuple[FloatArray, Any]:
    """Return (the cached error, d_loss as a number of the prediction's dtype), or raise."""
    error = cached_floats("cache.error", require_cache(cache, MSECache).error)
    if not error.size:
        raise EmptyBatchError("cache.error", "an empty batch has no mean", "Skip empty batches.")
    if error.dtype == object:  # symbols
        return error, d_loss
    d_loss = as_array("d_loss", d_loss)
    if d_loss.dtype.kind not in ("iufc" if error.dtype.kind == "c" else "iuf"):
        problem = f"dtype {d_loss.dtype} is no number of dtype {error.dtype}"
        raise DTypeError("d_loss", problem, "Pass 1.0.")
    if d_loss.ndim:
        raise ShapeError("d_loss", f"must be one number, got shape {d_loss.shape}", "Pass 1.0.")
    return error, error.dtype.type(d_loss)

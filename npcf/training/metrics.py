"""How far predictions lie from ratings, in rating units."""

import numpy as np

from npcf._types import FloatArray
from npcf.errors import EmptyBatchError, as_array, no_numbers, require_same_shape


def _errors(pred: FloatArray, rating: FloatArray) -> FloatArray:
    pred, rating = as_array("pred", pred), as_array("rating", rating)
    for name, array in (("pred", pred), ("rating", rating)):
        if array.dtype.kind not in "iuf":
            raise no_numbers(name, array, f"dtype {array.dtype} is not a real number", "float64")
    require_same_shape(pred=pred, rating=rating)
    if pred.size == 0:
        raise EmptyBatchError("pred", "an empty set has no mean error", "Give at least one rating.")
    error: FloatArray = pred.astype(np.float64) - rating
    return error


def rmse(pred: FloatArray, rating: FloatArray) -> float:
    """Return the root of the mean squared error, sqrt(mean((pred - rating)**2)), in float64."""
    return float(np.sqrt(np.mean(_errors(pred, rating) ** 2)))


def mae(pred: FloatArray, rating: FloatArray) -> float:
    """Return the mean absolute error, mean(|pred - rating|), in float64."""
    return float(np.mean(np.abs(_errors(pred, rating))))

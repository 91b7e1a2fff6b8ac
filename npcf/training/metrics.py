"""How far predictions lie from ratings, in rating units."""

import numpy as np

from npcf._types import FloatArray
from npcf.errors import EmptyBatchError, require_real, require_same_shape


def _errors(pred: FloatArray, rating: FloatArray) -> FloatArray:
    pred, rating = require_real("pred", pred), require_real("rating", rating)
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

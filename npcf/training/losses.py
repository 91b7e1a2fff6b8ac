"""Losses as the Learner takes them, and metrics: how far predictions are from ratings."""

from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from npcf import ops
from npcf._types import FloatArray
from npcf.errors import (
    DivergenceError,
    EmptyBatchError,
    as_array,
    require_real,
    require_same_shape,
    require_type,
)
from npcf.models.look_up import require_backend


class FlatCache(NamedTuple):
    """What `MSELossFlat.backward` needs: the loss's cache, and the shape of the predictions."""

    mse: ops.MSECache
    shape: tuple[int, ...]


class MSELossFlat:
    """Mean squared error of predictions (B,) or (B, 1) against ratings of either shape.

    Both are flattened first, so that a model's unit axis does not matter; flattening pairs equal
    positions, which broadcasting would not.  Source: fastai `losses.MSELossFlat`.  (fastai also
    casts ratings to float32; here they become what the predictions are.)
    """

    def forward(
        self, pred: FloatArray, rating: FloatArray, *, backend: ModuleType = ops
    ) -> tuple[Any, FlatCache]:
        """Return (loss, cache)."""
        pred, rating = as_array("pred", pred), as_array("rating", rating)
        loss, cache = require_backend(backend).mse_forward(pred.reshape(-1), rating.reshape(-1))
        return loss, FlatCache(cache, pred.shape)

    def backward(self, d_loss: Any, cache: FlatCache, *, backend: ModuleType = ops) -> FloatArray:
        """Map d_loss to d_pred, the shape of pred."""
        require_type("cache", cache, FlatCache, "Pass what forward returned second.")
        d_pred: FloatArray = (
            require_backend(backend).mse_backward(d_loss, cache.mse).reshape(cache.shape)
        )
        return d_pred


def diverged(loss: Any, lr: Any) -> DivergenceError:
    """Return the error to raise at a loss that is not finite."""
    return DivergenceError("loss", f"is {loss} at lr {lr}", "Lower lr, or look at the ratings.")


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

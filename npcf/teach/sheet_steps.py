"""npcf's numbers for the workbook: predictions, RMSE, gradients and steps of the whole table."""

from typing import Any, NamedTuple

import numpy as np

from npcf._types import FloatArray, Params
from npcf.models import (
    dot_product_backward,
    dot_product_bias_backward,
    dot_product_bias_forward,
    dot_product_forward,
)
from npcf.ops import mse_backward, mse_forward
from npcf.optim import SGD
from npcf.teach.sheet_table import RatingTable


class Step(NamedTuple):
    """One gradient step on all ratings at once, and what it started from."""

    before: Params
    pred: FloatArray  # (U, I) 0 where nothing is rated, as in the lesson's tabs
    error: FloatArray  # (U, I) prediction minus rating, 0 where nothing is rated
    rmse: float
    grads: Params
    after: Params


def gradient_steps(table: RatingTable, has_bias: bool, lr: float, n_steps: int) -> list[Step]:
    """Return `n_steps` steps of gradient descent on the mean squared error, and one more.

        w <- w - lr * d mse / d w

    The last one is the state that the others have led to; its own update is not part of the tab.
    """
    params = {name: array.copy() for name, array in table.params.items()}
    if not has_bias:
        params = {name: params[name] for name in ("user_factors", "item_factors")}
    opt = SGD(params, lr=lr)
    users, items = table.pairs
    rating = table.rating[users, items]
    steps = []
    for _ in range(n_steps + 1):
        before = {name: array.copy() for name, array in params.items()}
        pred, grads, loss = _computed(params, has_bias, users, items, rating)
        opt.step(grads)
        predicted, error = np.zeros((2, *table.rating.shape))
        predicted[users, items], error[users, items] = pred, pred - rating
        after = {name: array.copy() for name, array in params.items()}
        steps.append(Step(before, predicted, error, float(np.sqrt(loss)), grads, after))
    return steps


def _computed(params: Params, has_bias: bool, users: Any, items: Any, rating: Any) -> Any:
    """Return predictions (n,), gradients and the loss of all ratings as one batch."""
    cache: Any
    if has_bias:  # no sigmoid: the lesson's tabs have none
        pred, cache = dot_product_bias_forward(params, users, items, y_range=None)
    else:
        pred, cache = dot_product_forward(params, users, items)
    loss, loss_cache = mse_forward(pred, rating)
    backward: Any = dot_product_bias_backward if has_bias else dot_product_backward
    return pred, backward(mse_backward(1.0, loss_cache), cache), loss


def stacked(params: Params, has_bias: bool) -> FloatArray:
    """Return the weights as the tabs hold them: users above movies, the bias as first column."""
    factors = np.vstack([params["user_factors"], params["item_factors"]])
    if not has_bias:
        return factors
    bias = np.concatenate([params["user_bias"], params["item_bias"]])
    return np.column_stack([bias, factors])

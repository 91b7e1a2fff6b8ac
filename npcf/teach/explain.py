"""One training step taken apart: every number on the way down, on the way back, and of the update.

print(npcf.explain_step(model, (users, items, rating)))
"""

from typing import Any

import numpy as np

from npcf._tables import NAMES
from npcf.data.batches import Batch as Ratings
from npcf.data.batches import require_batch
from npcf.errors import EmptyBatchError, ShapeError, UsageError, require_ids, require_type
from npcf.models.pair_model import require_model
from npcf.optim import SGD, Optimizer
from npcf.teach.explanation import Explanation
from npcf.teach.numeric import numeric_gradients
from npcf.teach.step_values import Batch, backward_values, forward_values, rows_of, update_values

LR = 0.1  # of the step that is shown where no optimiser is given


def explain_step(model: Any, batch: Any, opt: Optimizer | None = None) -> Explanation:
    """Take one step on `batch` apart; the model and the optimiser stay as they are.

    Parameters
    ----------
    model : a model of `npcf.models` with biases, or a `Learner`, whose optimiser is then used
    batch : `npcf.data.Batch`, or (users, items, rating): arrays (B,), or three numbers
    opt : an optimiser of `npcf.optim` over the model's parameters, in the state in which it would
        take the step; None: SGD with a rate of 0.1

    Returns
    -------
    Explanation
        `print` it, or take `.table()` (DataFrame), `.text()`, `.latex()`, `.to_json()`.

    Raises
    ------
    IdRangeError, ShapeError, UsageError
        For ids outside the tables, shapes that do not belong together, models without biases.
    """
    if hasattr(model, "dls") and hasattr(model, "model"):  # a Learner
        model, opt = model.model, opt or model.opt
    params = _params_of(model)
    batch = _batch_of(batch, params, model)
    opt = _optimizer_for(params, opt)
    values = forward_values(params, batch)
    values |= backward_values(params, batch, values)
    updates = update_values(params, opt, values, rows_of(batch))
    rule = f"one step of {type(opt).__name__}"
    return Explanation(batch, values, numeric_gradients(params, batch), updates, rule)


def _params_of(model: Any) -> Any:
    require_model("model", model)
    if not getattr(model, "has_bias", False):
        cure = "Pass one with biases, such as npcf.models.DotProductBiasEmb."
        raise UsageError("model", f"{type(model).__name__} has no bias tables to explain", cure)
    params = model.core_params()
    return {name: np.asarray(params[name]) for name in NAMES}


def _batch_of(batch: Any, params: Any, model: Any) -> Batch:
    if isinstance(batch, tuple) and not hasattr(batch, "users") and len(batch) == 3:
        batch = Ratings(*map(np.atleast_1d, batch))
    users, items, rating = require_batch(batch)
    if rating.shape != users.shape:
        problem = f"shape {rating.shape} is not {users.shape}, that of users"
        raise ShapeError("rating", problem, "Pass one rating for each pair.")
    if not users.size:
        raise EmptyBatchError("batch", "an empty batch has no mean", "Pass at least one rating.")
    rows = (
        require_ids("users", users, len(params["user_factors"])),
        require_ids("items", items, len(params["item_factors"])),
    )
    dtype = params["user_factors"].dtype
    return Batch(*rows, rating.astype(dtype), model.y_range, model.mean)


def _optimizer_for(params: Any, opt: Any) -> Optimizer:
    if opt is None:
        return SGD(params, lr=LR)
    cure = "Pass an optimiser of npcf.optim over model.params."
    optimizer: Optimizer = require_type("opt", opt, Optimizer, cure)
    optimizer.check_settings()
    for name, table in params.items():
        if name not in optimizer.params or np.size(optimizer.params[name]) != table.size:
            raise UsageError("opt", f"has no table {name!r} of shape {table.shape}", cure)
    return optimizer

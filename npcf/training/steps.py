"""One step, and steps of an epoch under the schedule, one by one.

They leave the same behind as many in one compiled call (`loop.many`): tables and optimiser after
the last step, each step's loss before it and the count of steps in `FitState`.  All of a step's
changes are made in one go, so that this holds as well for whoever interrupts, with a signal or an
exception, at any moment.
"""

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from npcf._atomic import in_one_go
from npcf._tables import TABLE
from npcf._types import Params
from npcf.data import Epoch
from npcf.data.batches import require_batch
from npcf.errors import UsageError
from npcf.optim import Optimizer
from npcf.training.fit_state import FitState
from npcf.training.losses import diverged

if TYPE_CHECKING:
    from npcf.training.learner import Learner

Cancelled = Callable[[], bool]  # whether the fit is to stop
Reached = Callable[[int], Any]  # told how many steps of the epoch have been taken


def gradients(
    learner: "Learner", batch: Any, opt: Optimizer
) -> tuple[float, Params, dict[str, Any]]:
    """Return the loss on `batch`, the gradient of each parameter, and the rows that it names.

    Raises DivergenceError, which names the rate of `opt`, if the loss is not finite.
    """
    batch = require_batch(batch)
    pairs, backend = np.stack([batch.users, batch.items], axis=1), learner.operations
    pred, cache = learner.model.forward(pairs, backend=backend)
    loss, loss_cache = learner.loss_func.forward(pred, batch.rating, backend=backend)
    if not np.isfinite(loss):
        raise diverged(loss, opt.lr)
    d_pred = learner.loss_func.backward(1.0, loss_cache, backend=backend)
    grads = learner.model.backward(d_pred, cache)
    rows = {"user": batch.users, "item": batch.items}
    return float(loss), grads, {name: rows[TABLE[name].side] for name in grads}


def step(learner: "Learner", batch: Any) -> float:
    """Take one optimiser step on `batch`; return its loss before the step."""
    opt = optimizer_of(learner)
    loss, grads, touched = learner.gradients(batch, opt)
    opt.step(grads, touched)
    return loss


def optimizer_of(learner: "Learner") -> Optimizer:
    """Return the learner's optimiser, or raise where there is none."""
    if learner.opt is None:
        raise UsageError("opt", "is None in the middle of a fit", "Set it to None between fits.")
    return learner.opt


def one_by_one(
    learner: "Learner",
    epoch: Epoch,
    n_steps: int,
    cancelled: Cancelled,
    reached: Reached,
    own: bool,
) -> None:
    """Take `n_steps` steps, fewer if `cancelled()` becomes true; `own`: by the learner's `step`."""
    state = fit_state_of(learner)
    for _ in range(n_steps):
        (_by_their_own if own else _by_ours)(learner, state, epoch.batch(state.batch))
        reached(state.batch)
        if cancelled():
            return


def fit_state_of(learner: "Learner") -> FitState:
    """Return where the learner's fit stands."""
    assert learner.fit_state is not None
    return learner.fit_state


def _by_ours(learner: "Learner", state: FitState, batch: Any) -> None:
    """Compute a step with a copy of the optimiser at its rate; then make all changes at once."""
    opt = copy.copy(optimizer_of(learner))  # the same tables and states
    _set_rates(opt, learner, state)
    loss, grads, touched = learner.gradients(batch, opt)
    changes = opt.changes(grads, touched)
    in_one_go(*changes, *optimizer_of(learner).take_settings(opt), *state.counted(loss))


def _by_their_own(learner: "Learner", state: FitState, batch: Any) -> None:
    """Call `learner.step`, whatever it does; its changes are its own, and counted after it."""
    _set_rates(optimizer_of(learner), learner, state)
    loss = learner.step(batch)
    in_one_go(*state.counted(loss))


def _set_rates(opt: Optimizer, learner: "Learner", state: FitState) -> None:
    opt.lr = layered(learner.lr_mult, float(state.lr[state.step]))
    if state.mom is not None:
        opt.momentum = float(state.mom[state.step])


def layered(lr_mult: dict[str, float], lr: Any) -> Any:
    """Return the rate of each parameter: one number, or series, unless `lr_mult` says otherwise."""
    return {name: lr * k for name, k in lr_mult.items()} if lr_mult else lr

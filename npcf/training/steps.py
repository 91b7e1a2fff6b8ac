"""Steps of an epoch under the schedule, taken one by one or many in one compiled call.

Both ways leave the same behind: tables and optimiser after the last step, each step's loss before
it in `FitState.losses` and in the smoothed loss, and `FitState.batch` counted on.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from npcf.data import Epoch
from npcf.training.fit_state import FitState

Heard = Callable[[], bool]  # whether somebody has asked to stop
Reached = Callable[[int], Any]  # told how many steps of the epoch have been taken


def one_by_one(learner: Any, epoch: Epoch, n_steps: int, heard: Heard, reached: Reached) -> None:
    """Take `n_steps` steps by `learner.step`, fewer if `heard()` becomes true."""
    state: FitState = learner.fit_state
    for _ in range(n_steps):
        learner.opt.lr = layered(learner.lr_mult, float(state.lr[state.step]))
        if state.mom is not None:
            learner.opt.momentum = float(state.mom[state.step])
        _note(state, learner.step(epoch.batch(state.batch)))
        reached(state.batch)
        if heard():
            return


def fused(learner: Any, epoch: Epoch, n_steps: int, heard: Heard, reached: Reached) -> None:
    """Take `n_steps` fused steps, fewer if `heard()` becomes true after a slice of them."""
    state: FitState = learner.fit_state
    trainer = learner.execution.fused
    first, here = state.batch, slice(state.step, state.step + n_steps)
    ratings = slice(epoch.starts[first], epoch.starts[first + n_steps])
    losses = np.full(n_steps, np.nan, trainer.form.dtype)

    def between(taken: int) -> bool:
        reached(first + taken)
        return heard()

    try:
        trainer.run(
            epoch.users[ratings],
            epoch.items[ratings],
            epoch.rating[ratings],
            epoch.starts[first : first + n_steps + 1] - ratings.start,
            layered(learner.lr_mult, state.lr[here]),
            None if state.mom is None else state.mom[here],
            losses=losses,
            between=between,
        )
    finally:  # also when the loss diverged: what was done before that counts
        known = np.append(np.isfinite(losses), False).argmin()
        _note(state, *losses[:known].tolist())


def layered(lr_mult: dict[str, float], lr: Any) -> Any:
    """Return the rate of each parameter: one number, or series, unless `lr_mult` says otherwise."""
    return {name: lr * k for name, k in lr_mult.items()} if lr_mult else lr


def _note(state: FitState, *losses: float) -> None:
    state.losses[state.step : state.step + len(losses)] = losses
    state.smoother.add(*losses)
    state.batch += len(losses)

"""Steps of an epoch under the schedule, taken one by one or many in one compiled call.

Both ways leave the same behind: tables and optimiser after the last step, each step's loss before
it and the count of steps in `FitState`.  All of a step's changes are made in one go, so that this
holds as well for whoever interrupts, with a signal or an exception, at any moment.
"""

import copy
from collections.abc import Callable
from typing import Any

from npcf._atomic import in_one_go
from npcf.data import Epoch
from npcf.training.execution import own_step
from npcf.training.fit_state import FitState

Heard = Callable[[], bool]  # whether somebody has asked to stop
Reached = Callable[[int], Any]  # told how many steps of the epoch have been taken


def one_by_one(learner: Any, epoch: Epoch, n_steps: int, heard: Heard, reached: Reached) -> None:
    """Take `n_steps` steps, fewer if `heard()` becomes true."""
    state: FitState = learner.fit_state
    take = _by_their_own if own_step(learner) else _by_ours
    for _ in range(n_steps):
        take(learner, state, epoch.batch(state.batch))
        reached(state.batch)
        if heard():
            return


def _by_ours(learner: Any, state: FitState, batch: Any) -> None:
    """Work out a step by a copy of the optimiser at its rate; then make all changes at once."""
    opt = copy.copy(learner.opt)  # the same tables and states
    _set_rates(opt, learner, state)
    loss, grads, touched = learner.gradients(batch, opt)
    changes = opt.changes(grads, touched)
    in_one_go(*changes, *learner.opt.take_settings(opt), *state.counted(loss))


def _by_their_own(learner: Any, state: FitState, batch: Any) -> None:
    """Call `learner.step`, whatever it does; its changes are its own, and counted after it."""
    _set_rates(learner.opt, learner, state)
    loss = learner.step(batch)
    in_one_go(*state.counted(loss))


def _set_rates(opt: Any, learner: Any, state: FitState) -> None:
    opt.lr = layered(learner.lr_mult, float(state.lr[state.step]))
    if state.mom is not None:
        opt.momentum = float(state.mom[state.step])


def fused(learner: Any, epoch: Epoch, n_steps: int, heard: Heard, reached: Reached) -> None:
    """Take `n_steps` fused steps, fewer if `heard()` becomes true after a slice of them."""
    state: FitState = learner.fit_state
    first, here = state.batch, slice(state.step, state.step + n_steps)
    ratings = slice(epoch.starts[first], epoch.starts[first + n_steps])

    def between(taken: int) -> bool:
        reached(first + taken)
        return heard()

    learner.execution.fused.run(
        epoch.users[ratings],
        epoch.items[ratings],
        epoch.rating[ratings],
        epoch.starts[first : first + n_steps + 1] - ratings.start,
        layered(learner.lr_mult, state.lr[here]),
        None if state.mom is None else state.mom[here],
        losses=state.next_losses(n_steps),
        between=between,
        counter=state.counter,
    )


def layered(lr_mult: dict[str, float], lr: Any) -> Any:
    """Return the rate of each parameter: one number, or series, unless `lr_mult` says otherwise."""
    return {name: lr * k for name, k in lr_mult.items()} if lr_mult else lr

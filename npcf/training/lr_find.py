"""Which learning rate?  One pass with a rate that grows at every step, and where the loss fell."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from npcf import _notebook
from npcf.errors import DivergenceError, require_count, require_members
from npcf.optim import exponential_range
from npcf.training.history import SmoothedLoss
from npcf.training.steps import optimizer_of

if TYPE_CHECKING:
    from npcf.training.learner import Learner

DIVERGED = 4.0  # times the lowest loss so far: no larger rate will do better


class LRFind(NamedTuple):
    """The rates tried, the smoothed loss at each, and the rate suggested."""

    lrs: NDArray[Any]
    losses: NDArray[Any]
    valley: float

    def __repr__(self) -> str:
        first, last = self.lrs[0], self.lrs[-1]
        return f"LRFind(valley={self.valley:.3g}, {len(self.lrs)} rates, {first:.3g} to {last:.3g})"

    def _repr_html_(self) -> str:
        """Show the suggestion, the curve, and a dozen of its points."""
        shown = np.unique(np.linspace(0, len(self.lrs) - 1, 12).round().astype(int))
        rows = [(f"{self.lrs[i]:.2e}", f"{self.losses[i]:.4f}") for i in shown]
        curve = _notebook.curve(np.log10(self.lrs), self.losses, np.log10(self.valley))
        suggested = _notebook.paragraph(f"suggested rate (valley): {self.valley:.3g}")
        return suggested + curve + _notebook.table(("lr", "loss"), rows, align="rr")


def lr_find(
    learner: "Learner", start_lr: float = 1e-7, end_lr: float = 10.0, num_it: int = 100
) -> LRFind:
    """Try `num_it` rates from `start_lr` to `end_lr`, spaced evenly in their logarithm.

    The learner's model, optimiser and generator are left as they were.  Stops when the smoothed
    loss exceeds four times its lowest.  `valley` is the rate two thirds down the longest stretch
    over which the loss keeps falling (a longest decreasing subsequence).
    Source: Smith 2017; fastai `lr_find`, suggestion `valley`.
    """
    cure = "Pass a Learner: npcf.training.lr_find(learner)."
    require_members("learner", learner, ("model", "dls", "opt_func"), cure)
    lrs = exponential_range(require_count("num_it", num_it, 2), start_lr, end_lr)
    model, rng = learner.model, learner.dls.train.rng
    saved = {name: table.copy() for name, table in model.params.items()}
    opt, rng_state = learner.opt, rng.bit_generator.state
    learner.opt = learner.opt_func(model.params, start_lr)
    try:
        losses = _try_rates(learner, lrs)
    finally:
        for name, table in saved.items():
            model.params[name][...] = table
        learner.opt, rng.bit_generator.state = opt, rng_state
    if len(losses) < 2:
        raise DivergenceError(
            "start_lr", f"{start_lr:g} is already too large", "Start lower.", value=start_lr
        )
    lrs = lrs[: len(losses)]
    return LRFind(lrs, losses, float(lrs[_valley(losses)]))


def _try_rates(learner: "Learner", lrs: NDArray[Any]) -> NDArray[Any]:
    """Return the smoothed losses, one a rate, until divergence."""
    smoother, losses, batches = SmoothedLoss(), [], iter(learner.dls.train)
    for lr in lrs:
        batch = next(batches, None)
        if batch is None:  # an epoch is over
            batches = iter(learner.dls.train)
            batch = next(batches)
        optimizer_of(learner).lr = float(lr)
        try:
            smoother.add(learner.step(batch))
        except DivergenceError:
            break
        losses.append(smoother.smoothed)
        if losses[-1] > DIVERGED * min(losses):
            break
    return np.array(losses)


def _valley(losses: NDArray[Any]) -> int:
    """Return the index two thirds along the longest decreasing subsequence."""
    n = len(losses)
    length, previous = np.ones(n, int), np.full(n, -1)
    for i in range(1, n):
        falling = np.flatnonzero(losses[:i] > losses[i])
        if len(falling):
            j = falling[length[falling].argmax()]
            length[i], previous[i] = length[j] + 1, j
    path = [int(length.argmax())]
    while previous[path[-1]] >= 0:
        path.append(int(previous[path[-1]]))
    start, end = path[-1], path[0]
    return start + (end - start) * 2 // 3

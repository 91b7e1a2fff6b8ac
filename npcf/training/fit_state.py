"""Where a fit stands: all that decides what its next step will be, besides model and optimiser."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from npcf._atomic import Change, assign
from npcf.training.history import SmoothedLoss

Values = NDArray[Any]


class FitState:
    """A schedule, and how much of it is done.

    `counter`, (1,) int64, is the truth about that: whoever takes a step counts it there in the same
    go in which the weights move (`npcf._atomic`), having written its loss into `losses` before.
    Everything else is worked out from it.

    `rng_state` is that of the batch generator before it drew this epoch's order: drawing again from
    it and leaving out `batch` batches leads to the next one.  `stopped` says that no further step
    is wanted.
    """

    def __init__(
        self,
        n_epoch: int,
        lr: Values,  # (n_steps,)
        mom: Values | None,  # (n_steps,)
        rng_state: dict[str, Any],
        epoch: int = 0,
        step: int = 0,
        losses: Values | None = None,  # (n_steps,), NaN where not done
        smoothed: SmoothedLoss | None = None,  # over the steps done
        *,
        stopped: bool = False,
    ):
        self.n_epoch, self.lr, self.mom, self.rng_state = n_epoch, lr, mom, rng_state
        self.epoch, self.stopped = epoch, stopped
        self.counter = np.array([step], np.int64)
        self._losses = np.full(len(lr), np.nan) if losses is None else losses
        self._smoothed = (0.0, 0) if smoothed is None else (smoothed.value, smoothed.count)

    @property
    def steps_per_epoch(self) -> int:
        """Batches an epoch."""
        return len(self.lr) // self.n_epoch

    @property
    def step(self) -> int:
        """Steps done in this fit."""
        return int(self.counter[0])

    @property
    def batch(self) -> int:
        """Steps done in this epoch."""
        return self.step - self.epoch * self.steps_per_epoch

    @property
    def done(self) -> bool:
        """Whether every epoch is over, or the fit was stopped."""
        return self.stopped or self.epoch >= self.n_epoch

    @property
    def losses(self) -> Values:
        """The loss before each step (n_steps,), NaN for those that are still to come."""
        losses = self._losses.copy()
        losses[self.step :] = np.nan
        return losses

    @property
    def smoother(self) -> SmoothedLoss:
        """The smoothed loss over the steps done."""
        smoother, step = SmoothedLoss(), self.step
        smoother.value, smoother.count = self._smoothed
        smoother.add(*self._losses[smoother.count : step].tolist())
        self._smoothed = smoother.value, smoother.count  # to go on from
        return smoother

    def counted(self, loss: float) -> list[Change]:
        """Return the changes by which one more step is counted, the loss before it being `loss`."""
        step = self.step
        return [assign(self._losses, step, loss), assign(self.counter, 0, step + 1)]

    def next_losses(self, n_steps: int) -> Values:
        """Return where the losses of the next `n_steps` are to be written before they count."""
        return self._losses[self.step : self.step + n_steps]

    def as_json(self) -> dict[str, Any]:
        """Return what is not an array; Python's JSON keeps every bit of a float."""
        smoother = self.smoother
        return {
            "n_epoch": self.n_epoch,
            "epoch": self.n_epoch if self.stopped else self.epoch,
            "batch": 0 if self.stopped else self.batch,
            "smoothed": [smoother.value, smoother.count],
            "rng_state": self.rng_state,
        }

    def arrays(self) -> dict[str, Values]:
        """Return the arrays by name."""
        arrays = {"lr": self.lr, "losses": self.losses}
        return arrays if self.mom is None else arrays | {"mom": self.mom}

    @classmethod
    def restore(cls, text: dict[str, Any], arrays: dict[str, Values]) -> "FitState":
        """Return the state that gave `as_json` and `arrays`."""
        smoother = SmoothedLoss()
        smoother.value, smoother.count = text["smoothed"]
        return cls(
            text["n_epoch"], arrays["lr"], arrays.get("mom"), text["rng_state"],
            min(text["epoch"], text["n_epoch"]), smoother.count, arrays["losses"], smoother,
            stopped=text["epoch"] >= text["n_epoch"],
        )  # fmt: skip


def steps_frame(state: FitState | None) -> pd.DataFrame:
    """Return the steps of a fit that are done: step, epoch, lr, momentum, loss before the step."""
    columns = ["step", "epoch", "lr", "momentum", "loss"]
    if state is None:
        return pd.DataFrame(columns=columns)
    done = np.flatnonzero(~np.isnan(state.losses))
    momentum = np.full(len(done), np.nan) if state.mom is None else state.mom[done]
    values = (done + 1, done // state.steps_per_epoch, state.lr[done], momentum, state.losses[done])
    return pd.DataFrame(dict(zip(columns, values, strict=True)))

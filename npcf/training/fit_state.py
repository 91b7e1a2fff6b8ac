"""Where a fit stands: all that decides what its next step will be, besides model and optimiser."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npcf.training.history import SmoothedLoss

Values = NDArray[Any]


@dataclass
class FitState:
    """A schedule, and how much of it is done.

    `rng_state` is that of the batch generator before it drew this epoch's order: drawing again from
    it and leaving out `batch` batches leads to the next one.
    """

    n_epoch: int
    lr: Values  # (n_steps,)
    mom: Values | None  # (n_steps,)
    rng_state: dict[str, Any]
    epoch: int = 0
    batch: int = 0  # steps done in this epoch
    smoother: SmoothedLoss = field(default_factory=SmoothedLoss)
    losses: Values = field(default_factory=lambda: np.zeros(0))  # (n_steps,), NaN where not done

    def __post_init__(self) -> None:
        if not len(self.losses):
            self.losses = np.full(len(self.lr), np.nan)

    @property
    def steps_per_epoch(self) -> int:
        """Batches an epoch."""
        return len(self.lr) // self.n_epoch

    @property
    def step(self) -> int:
        """Steps done in this fit."""
        return self.epoch * self.steps_per_epoch + self.batch

    @property
    def done(self) -> bool:
        """Whether every epoch is over."""
        return self.epoch >= self.n_epoch

    def as_json(self) -> dict[str, Any]:
        """Return what is not an array; Python's JSON keeps every bit of a float."""
        return {
            "n_epoch": self.n_epoch,
            "epoch": self.epoch,
            "batch": self.batch,
            "smoothed": [self.smoother.value, self.smoother.count],
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
            text["n_epoch"], arrays["lr"], arrays.get("mom"), text["rng_state"], text["epoch"],
            text["batch"], smoother, arrays["losses"],
        )  # fmt: skip

"""One call of `Fused.run`: what it was given, how far it is, and how long a step takes."""

import copy
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from npcf._atomic import Change
from npcf._types import FloatArray
from npcf.fused.rule import StepSettings
from npcf.kernels.fused.counts import DIVERGED, STEPS, zeros
from npcf.optim import SGD, Adam

# guesses on the slow side: a quarter of it, or a tenth, is what it takes
STEP_SECONDS, NUMBER_SECONDS = 3e-5, 3e-8


class RunSchedule(NamedTuple):
    """The rates and momenta of consecutive steps, as they were given and for each parameter."""

    lrs: dict[str, FloatArray] | FloatArray
    moms: FloatArray | None
    steps: StepSettings

    def rate(self, s: int) -> Any:
        """Return the rate of step `s`."""
        if isinstance(self.lrs, dict):
            return {name: float(lr[s]) for name, lr in self.lrs.items()}
        return float(self.lrs[s])

    def changes(self, optimizer: SGD | Adam, s: int) -> list[Change]:
        """Return the changes after which the optimiser is set as for step `s`."""
        other = copy.copy(optimizer)
        self.set(other, s)
        return optimizer.take_settings(other)

    def set(self, optimizer: SGD | Adam, s: int) -> None:
        """Set the optimiser as for step `s`."""
        optimizer.lr = self.rate(s)
        if self.moms is not None:
            optimizer.momentum = float(self.moms[s])


class Job:
    """Schedule of a run, checked, and how far it is."""

    def __init__(
        self,
        schedule: RunSchedule,
        batch: int,  # the size of the largest
        losses: FloatArray,  # (n_steps,) float64
        counter: NDArray[np.int64],
    ):
        self.schedule, self.batch, self.losses, self.counter = schedule, batch, losses, counter
        self.count = zeros(3)  # `Counts.run`

    @property
    def taken(self) -> int:
        """How many steps have been taken."""
        return int(self.count[STEPS])

    @property
    def diverged(self) -> bool:
        """Whether the next step's loss is not finite."""
        return bool(self.count[DIVERGED])

    def stretches(self) -> Iterator[tuple[int, int]]:
        """Cut where one has to choose anew: momentum turns from zero, or to it."""
        moving = self.schedule.steps.moms != 0
        return pairwise([0, *(np.flatnonzero(np.diff(moving)) + 1).tolist(), moving.size])


class Pace:
    """How long a step takes, so that a call lasts as long as it should."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def expect(self, numbers: int) -> None:
        """Guess from how many numbers a step moves, unless something is known."""
        self.seconds = self.seconds or STEP_SECONDS + numbers * NUMBER_SECONDS

    def steps(self, slice_seconds: float) -> int:
        """Return how many steps to take in one call that is to last so long."""
        return max(1, int(slice_seconds / self.seconds))

    def note(self, seconds: float, n_steps: int) -> None:
        """Learn from a call.  A first one may compile: believe in eight times the speed at most."""
        self.seconds = max(seconds / n_steps, self.seconds / 8)

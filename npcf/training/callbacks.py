"""Callbacks: hooks between steps and epochs, early stopping, best model, periodic saving.

A callback is any object with some of the methods of `Callback`.  What it must remember across an
interruption it gives out as arrays (`state_arrays`), which checkpoints carry.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from npcf._types import Params
from npcf.errors import require_count, require_number, require_path
from npcf.training.checkpoint import require_savable
from npcf.training.safetensors_io import require_writable
from npcf.training.steps import fit_state_of

if TYPE_CHECKING:
    from npcf.training.learner import Learner


class Callback:
    """The hooks of a training run; each does nothing unless overridden.

    `after_step` runs at least after every `every`-th step; `every = 1` disables fused runs of many
    steps.
    """

    every = 1

    def before_fit(self, learner: "Learner") -> None:
        """Before the first step of a fit, and again when it is resumed."""

    def after_step(self, learner: "Learner") -> None:
        """After each optimiser step; `learner.fit_state.step` counts them from 1."""

    def after_epoch(self, learner: "Learner") -> None:
        """After validation; the epoch's row is `learner.rows[-1]`.  May raise StopTraining."""

    def after_fit(self, learner: "Learner") -> None:
        """After the last epoch, also if a callback stopped training."""

    def after_interrupt(self, learner: "Learner") -> None:
        """After Ctrl-C, in place of `after_fit`: the fit may yet be resumed."""

    def state_arrays(self) -> Params:
        """Return what a checkpoint must keep for this callback."""
        return {}

    def load_state_arrays(self, arrays: Params) -> None:
        """Take back what `state_arrays` gave."""


class StopTraining(Exception):  # noqa: N818  (not an error: a callback's wish)
    """Raised by a callback to end the fit after this epoch."""


class EarlyStopping(Callback):
    """Stop when `valid_loss` has not fallen by more than `min_delta` for `patience` epochs."""

    def __init__(self, patience: int = 1, min_delta: float = 0.0):
        self.patience = require_count("patience", patience)
        self.min_delta = require_number("min_delta", min_delta)
        self.best, self.waited = np.inf, 0

    def after_epoch(self, learner: "Learner") -> None:
        """Count epochs without improvement; raise StopTraining after `patience` of them."""
        loss = learner.rows[-1].valid_loss
        if loss < self.best - self.min_delta:
            self.best, self.waited = loss, 0
            return
        self.waited += 1
        if self.waited >= self.patience:
            raise StopTraining(f"valid_loss has not fallen below {self.best:.6f}")

    def state_arrays(self) -> Params:
        """Return the best loss and how long it has been waited."""
        return {"best": np.array(self.best), "waited": np.array(self.waited)}

    def load_state_arrays(self, arrays: Params) -> None:
        """Take both back."""
        best, waited = _best(arrays), require_count("waited", arrays["waited"][()], 0)
        self.best, self.waited = best, waited


class BestModel(Callback):
    """Keep the parameters of the epoch with the lowest `valid_loss`; put them back at the end."""

    def __init__(self) -> None:
        self.best = np.inf
        self.params: Params = {}

    def after_epoch(self, learner: "Learner") -> None:
        """Copy the parameters if this epoch is the best so far."""
        if learner.rows[-1].valid_loss < self.best:
            self.best = learner.rows[-1].valid_loss
            self.params = {name: table.copy() for name, table in learner.model.params.items()}

    def after_fit(self, learner: "Learner") -> None:
        """Write the best epoch's parameters into the model's tables."""
        for name, table in self.params.items():
            learner.model.params[name][...] = table

    def state_arrays(self) -> Params:
        """Return the best loss and its parameters."""
        return {"best": np.array(self.best)} | self.params

    def load_state_arrays(self, arrays: Params) -> None:
        """Take both back."""
        self.best = _best(arrays)
        self.params = {name: table for name, table in arrays.items() if name != "best"}


def _best(arrays: Params) -> float:
    """Return a loss, infinite at the beginning, or raise."""
    best = float(arrays["best"])
    if not best >= 0:
        raise ValueError(f"the best loss is {best}")
    return best


class SaveEvery(Callback):
    """Save the whole run to `path` after every `every` steps, at the end, and at Ctrl-C.

    The file is replaced in one move, so that a kill at any moment leaves the previous one whole.
    `Learner.resume(path)` goes on from it to the bits of the uninterrupted run.
    Whether `path` can be written is known here, and whether the run can be saved before its first
    step.
    """

    def __init__(self, path: str | Path, every: int = 1000):
        require_writable("path", path)
        self.path, self.every = Path(require_path("path", path)), require_count("every", every)

    def before_fit(self, learner: "Learner") -> None:
        """Raise UsageError if the model or the optimiser is of a kind that cannot be saved."""
        require_savable(learner)

    def after_step(self, learner: "Learner") -> None:
        """Save if it is time."""
        if fit_state_of(learner).step % self.every == 0:
            learner.save(self.path)

    def after_fit(self, learner: "Learner") -> None:
        """Save what there is."""
        learner.save(self.path)

    def after_interrupt(self, learner: "Learner") -> None:
        """Save what there is."""
        learner.save(self.path)

"""The training loop: batch, forward, loss, backward, step, in the order one reads it."""

import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from npcf import ops
from npcf._types import FloatArray
from npcf.data import CollabDataLoaders
from npcf.errors import DivergenceError, require_count
from npcf.models import PairModel
from npcf.optim import constant, fastai_adam, one_cycle_fastai
from npcf.training.history import FOOTNOTE, HEADER, EpochRow, SmoothedLoss, history_frame
from npcf.training.losses import MSELossFlat
from npcf.training.metrics import rmse
from npcf.training.progress import with_progress

EVALUATION_CHUNK = 8192  # ratings predicted at a time, so that memory does not grow with the data


class Learner:
    """A model, its ratings and its optimiser.

    `loss_func` is a loss of `npcf.training`, the mean squared error if None.
    `opt_func(params, lr)` makes the optimiser, once; it lives on through later fits, as in fastai.
    `backend` is the module of operations, `npcf.ops` (the reference) or `npcf.kernels`.
    `progress` and `on_epoch` say what is shown: None means a bar and a table on a terminal only;
    `on_epoch` is called with each EpochRow.  All randomness comes from the generators of `dls` and
    of the model: the same seeds give the same bits.
    """

    def __init__(
        self,
        dls: CollabDataLoaders,
        model: PairModel,
        loss_func: MSELossFlat | None = None,
        opt_func: Callable[..., Any] = fastai_adam,
        *,
        backend: ModuleType = ops,
        progress: bool | None = None,
        on_epoch: Callable[[EpochRow], None] | None = None,
    ):
        self.dls, self.model, self.opt_func, self.backend = dls, model, opt_func, backend
        self.loss_func = loss_func or MSELossFlat()
        self.progress, self.on_epoch = progress, on_epoch
        self.opt: Any = None
        self.rows: list[EpochRow] = []

    @property
    def history(self) -> pd.DataFrame:
        """One row for every epoch trained so far; columns as in `EpochRow`."""
        return history_frame(self.rows)

    def fit_one_cycle(
        self,
        n_epoch: int,
        lr_max: float = 1e-3,
        *,
        div: float = 25.0,
        div_final: float = 1e5,
        wd: float | None = None,
        moms: tuple[float, float, float] = (0.95, 0.85, 0.95),
        pct_start: float = 0.25,
    ) -> pd.DataFrame:
        """Train `n_epoch` epochs under fastai's one-cycle schedule; return the history.

        `wd=None` leaves the weight decay of `opt_func`.
        """
        n_steps = require_count("n_epoch", n_epoch) * len(self.dls.train)
        schedule = one_cycle_fastai(
            n_steps, lr_max, div, div_final, pct_start, moms, n_epochs=n_epoch
        )
        return self._fit(n_epoch, *schedule, wd=wd)

    def fit(self, n_epoch: int, lr: float = 1e-3, *, wd: float | None = None) -> pd.DataFrame:
        """Train `n_epoch` epochs at a constant learning rate; return the history."""
        n_steps = require_count("n_epoch", n_epoch) * len(self.dls.train)
        return self._fit(n_epoch, constant(n_steps, lr), None, wd=wd)

    def validate(self) -> tuple[float, float]:
        """Return (mean squared error, RMSE) on the validation ratings."""
        pred = self.predict(self.dls.valid.pairs)
        error = rmse(pred, self.dls.valid.rating)
        return error**2, error

    def predict(self, pairs: Any) -> FloatArray:
        """Return predictions (n,) for `pairs` (n, 2), a user row and an item row each."""
        chunks = range(0, max(len(pairs), 1), EVALUATION_CHUNK)
        parts = [
            self.model.forward(pairs[start : start + EVALUATION_CHUNK], backend=self.backend)[0]
            for start in chunks
        ]
        return np.concatenate([part.reshape(-1) for part in parts])

    def step(self, batch: Any) -> float:
        """Take one optimiser step on `batch`; return its loss before the step."""
        pairs = np.stack([batch.users, batch.items], axis=1)
        pred, cache = self.model.forward(pairs, backend=self.backend)
        loss, loss_cache = self.loss_func.forward(pred, batch.rating, backend=self.backend)
        if not np.isfinite(loss):
            raise DivergenceError(
                "loss", f"is {loss} at lr {self.opt.lr:g}", "Lower lr, or look at the ratings."
            )
        d_pred = self.loss_func.backward(1.0, loss_cache, backend=self.backend)
        self.opt.step(self.model.backward(d_pred, cache))
        return float(loss)

    def _fit(self, n_epoch: int, lr: Any, mom: Any, wd: float | None) -> pd.DataFrame:
        if self.opt is None:
            self.opt = self.opt_func(self.model.params, float(lr[0]))
        if wd is not None:
            self.opt.weight_decay = wd
        smoother, steps = SmoothedLoss(), iter(range(len(lr)))
        report = self._reporter()
        for epoch in range(n_epoch):
            start = time.perf_counter()
            batches, label = self.dls.train, f"epoch {epoch}"
            for batch in with_progress(batches, len(batches), label, self.progress):
                i = next(steps)
                self.opt.lr = float(lr[i])
                if mom is not None:
                    self.opt.momentum = float(mom[i])
                smoother.add(self.step(batch))
            valid_loss, error = self.validate()
            train_loss, seconds = smoother.smoothed, time.perf_counter() - start
            gap, epoch_lr = valid_loss - train_loss, self.opt.lr
            row = EpochRow(epoch, train_loss, valid_loss, gap, error, epoch_lr, seconds)
            self.rows.append(row)
            report(row)
        return self.history

    def _reporter(self) -> Callable[[EpochRow], None]:
        if self.on_epoch is not None:
            return self.on_epoch
        if not sys.stdout.isatty():
            return lambda row: None
        print(f"{HEADER}\n{FOOTNOTE}")
        return print

"""A model, its ratings and its optimiser: one step, and the ways to take many."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from npcf import _notebook, ops
from npcf._types import FloatArray
from npcf.data import CollabDataLoaders
from npcf.data.loaders import require_loaders
from npcf.errors import (
    optional_flag,
    require_choice,
    require_count,
    require_flag,
    require_members,
    require_number,
    spell_checked,
)
from npcf.models import PairModel
from npcf.models.pair_model import require_model, split_pairs
from npcf.optim import Optimizer, constant, fastai_adam, flat_cosine, one_cycle_fastai
from npcf.training import checkpoint, safetensors_io
from npcf.training.backend import Backend, Execution, operations
from npcf.training.callbacks import Callback
from npcf.training.fit_state import FitState, steps_frame
from npcf.training.history import EpochRow, EpochTable, history_frame
from npcf.training.loop import run
from npcf.training.losses import MSELossFlat, rmse
from npcf.training.lr_find import LRFind, lr_find
from npcf.training.monitor import alone
from npcf.training.ranking import RankingMetric
from npcf.training.restoring import restore
from npcf.training.steps import gradients as _gradients
from npcf.training.steps import step as _step
from npcf.training.validate import OUTSIDE, require_in_range, require_options

EVALUATION_CHUNK = 8192  # ratings predicted at a time, so that memory does not grow with the data
MOST_STEPS = 2 * 10**8  # of one fit: 24 bytes each, for rates are worked out beforehand

Metric = Callable[[FloatArray, FloatArray], float] | RankingMetric


class Learner:
    """A model, its ratings and its optimiser.

    All randomness comes from the generators of `dls` and of the model: the same seeds give the same
    bits.

    Parameters
    ----------
    dls : training batches and validation ratings
    model : of `npcf.models`, its tables updated in place
    loss_func : a loss of `npcf.training`; None is the mean squared error
    opt_func : function of (params, lr) that makes the optimiser, once; later fits go on with it
    lr_mult : factors of the schedule by parameter, such as {"user_bias": 2, "default": 1}
    metrics : by name, columns of the history: functions of (pred, rating) on the validation set,
        or objects with `measure(learner)`
    callbacks : called in their order (`npcf.training.Callback`)
    backend : "numpy", the reference; "numba", the default, compiled, in fused steps where there are
        any (`npcf.training.backend`; `execution` says so); or a module in the place of `npcf.ops`
    deferred : whether rows outside the batch may lag, their updates being applied when they are
        needed; None decides by the sizes of tables and batches
    fast : allow reassociation and FMA contraction in fused steps
    outside : what to do about training ratings outside the model's `y_range`: "raise" a DataError
        before the first step, "warn", or "allow"
    progress : whether to show a progress bar; None shows one on a terminal
    on_epoch : called with each EpochRow; None prints a table on a terminal or in a notebook
    """

    @spell_checked
    def __init__(
        self,
        dls: CollabDataLoaders,
        model: PairModel,
        loss_func: MSELossFlat | None = None,
        opt_func: Callable[..., Any] = fastai_adam,
        *,
        lr_mult: dict[str, float] | None = None,
        metrics: dict[str, Metric] | None = None,
        callbacks: Sequence[Callback] = (),
        backend: Backend = None,
        deferred: bool | None = None,
        fast: bool = False,
        outside: str = "raise",
        progress: bool | None = None,
        on_epoch: Callable[[EpochRow], None] | None = None,
    ):
        self.dls, self.model = require_loaders("dls", dls), require_model("model", model)
        self.opt_func = opt_func
        operations(backend)  # refused here, if at all
        require_options(opt_func, loss_func, lr_mult, metrics, callbacks, on_epoch)
        self.backend, self.fast = backend, require_flag("fast", fast)
        self.deferred = optional_flag("deferred", deferred)
        self.outside = require_choice("outside", outside, OUTSIDE)
        self.execution: Execution | None = None
        self.loss_func, self.metrics = loss_func or MSELossFlat(), metrics or {}
        self.callbacks, self.on_epoch = list(callbacks), on_epoch
        self.progress = optional_flag("progress", progress)
        self.lr_mult = {
            name: require_number(f"lr_mult[{name!r}]", k) for name, k in (lr_mult or {}).items()
        }
        self.opt: Optimizer | None = None
        self.fit_state: FitState | None = None
        self.interrupted = False
        self.rows: list[EpochRow] = []
        self.notes: dict[str, Any] = {}  # JSON of the caller's, saved and resumed with the run

    def __repr__(self) -> str:
        trained = f"{len(self.rows)} epoch{'' if len(self.rows) == 1 else 's'} trained"
        return f"Learner({self.model!r}, {self.dls!r}, {trained})"

    def _repr_html_(self) -> str:
        optimiser = self.opt_func if self.opt is None else self.opt
        facts = {
            "model": repr(self.model),
            "ratings": repr(self.dls),
            "loss": type(self.loss_func).__name__,
            "optimiser": getattr(optimiser, "__name__", type(optimiser).__name__),
            "steps": "not chosen before the first fit" if self.execution is None
            else str(self.execution),
        }  # fmt: skip
        table = _notebook.table(("Learner", ""), facts.items(), align="ll")
        return table + (EpochTable(self.rows, self.metrics)._repr_html_() if self.rows else "")

    @property
    def operations(self) -> ModuleType:
        """The operations that `backend` asks for."""
        return operations(self.backend)

    @property
    def history(self) -> pd.DataFrame:
        """One row for every epoch trained so far; columns as in `EpochRow`, then the metrics."""
        return history_frame(self.rows)

    @property
    def steps(self) -> pd.DataFrame:
        """One row for every step of the last fit: step, epoch, lr, momentum, loss before it."""
        return steps_frame(self.fit_state)

    @spell_checked
    def fit_one_cycle(
        self,
        n_epoch: int,
        lr_max: float = 1e-3,
        *,
        div: float = 25.0,
        div_final: float = 1e5,
        wd: Any = None,
        moms: tuple[float, float, float] = (0.95, 0.85, 0.95),
        pct_start: float = 0.25,
    ) -> pd.DataFrame:
        """Train under fastai's one-cycle schedule; wd=None leaves the decay of `opt_func`."""
        n_steps = self._count_steps(n_epoch)
        shape = lr_max, div, div_final, pct_start, moms
        schedule = one_cycle_fastai(n_steps, *shape, n_epochs=n_epoch)
        return self._start(n_epoch, *schedule, wd=wd)

    @spell_checked
    def fit_flat_cos(
        self,
        n_epoch: int,
        lr: float = 1e-3,
        *,
        div_final: float = 1e5,
        pct_start: float = 0.75,
        wd: Any = None,
    ) -> pd.DataFrame:
        """Train at a constant rate, then along a half cosine to lr / div_final, as fastai does."""
        n_steps = self._count_steps(n_epoch)
        values = flat_cosine(n_steps, lr, div_final, pct_start, n_epochs=n_epoch)
        return self._start(n_epoch, values, None, wd=wd)

    @spell_checked
    def fit(self, n_epoch: int, lr: float = 1e-3, *, wd: Any = None) -> pd.DataFrame:
        """Train `n_epoch` epochs at a constant learning rate; return the history."""
        return self._start(n_epoch, constant(self._count_steps(n_epoch), lr), None, wd=wd)

    def lr_find(self, start_lr: float = 1e-7, end_lr: float = 10.0, num_it: int = 100) -> LRFind:
        """Try growing learning rates for `num_it` steps; leave everything as it was."""
        return lr_find(self, start_lr, end_lr, num_it)

    def validate(self) -> tuple[float, float]:
        """Return (mean squared error, RMSE) on the validation ratings."""
        error = rmse(self.predict(self.dls.valid.pairs), self.dls.valid.rating)
        return error**2, error

    def predict(self, pairs: Any) -> FloatArray:
        """Return predictions (n,) for `pairs` (n, 2), a user row and an item row each.

        They have the bits of `model(pairs)`: the reference computes them, unless a module was
        given as `backend`.  One pass forward is bound by memory, and gains nothing compiled.
        """
        pairs = np.stack(split_pairs(pairs, "pairs"), axis=1)
        backend = self.backend if isinstance(self.backend, ModuleType) else ops
        chunks = range(0, max(len(pairs), 1), EVALUATION_CHUNK)
        parts = [
            self.model.forward(pairs[start : start + EVALUATION_CHUNK], backend=backend)[0]
            for start in chunks
        ]
        return np.concatenate([part.reshape(-1) for part in parts])

    step = _step
    gradients = _gradients

    def save(self, path: str | Path) -> None:
        """Write model, vocabularies, optimiser and where the fit stands to `path`, in one move.

        A link is followed, mode and owner of an old file are kept, and nothing but a regular file
        is replaced.  Raises SettingError or WriteError; then an old file is as it was.
        """
        safetensors_io.write(path, *checkpoint.describe(self))

    def resume(self, path: str | Path) -> pd.DataFrame:
        """Go on with the fit saved in `path`, over the same ratings; return the history.

        The result has the bits of the run that saved and went on.  Where rows lag (`execution`),
        saving brings them up to date, which rounds: a run that saves at other steps ends with other
        last bits.  With `deferred=False`, or by the reference, saving leaves no trace.  Raises
        DataError if the file is damaged, belongs to other ratings or batches, or holds no fit.
        """
        with alone(self):
            restore(self, checkpoint.load(path))
            return self._run()

    def _count_steps(self, n_epoch: int) -> int:
        most = MOST_STEPS // len(self.dls.train)
        return require_count("n_epoch", n_epoch, high=most) * len(self.dls.train)

    def _start(self, n_epoch: int, lr: Any, mom: Any, wd: Any) -> pd.DataFrame:
        require_in_range(self.dls.train.ratings.rating, self.model.y_range, self.outside)
        with alone(self):
            if self.opt is None:
                made, cure = self.opt_func(self.model.params, float(lr[0])), "Pass npcf.optim.Adam."
                self.opt = require_members("opt_func", made, ("params", "step", "lr"), cure)
            if wd is not None:
                self.opt.weight_decay = wd
            rng_state = self.dls.train.rng.bit_generator.state
            self.fit_state = FitState(n_epoch, lr, mom, dict(rng_state))
            return self._run()

    def _run(self) -> pd.DataFrame:
        run(self)
        return self.history

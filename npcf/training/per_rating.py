"""Per-rating SGD, whole: settings, a fit, and what comes of it, an ordinary model.

    trainer = PerRatingSGD(n_factors=64, lr=0.01, wd=0.05)
    trainer.fit(ratings, n_epochs=20, valid=held_out, threads=2)
    trainer.model, trainer.history

The rule is `npcf.kernels.per_rating.reference`'s: one rating, one step, only its rows move.
`presets` (`per_rating_settings`) has settings by name.
"""

from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from npcf._types import FloatArray
from npcf.data.kinds import require_ratings
from npcf.errors import (
    DivergenceError,
    UsageError,
    refuse_option,
    require_choice,
    require_count,
    require_ids,
    require_same_shape,
)
from npcf.models import PairModel
from npcf.training.interrupt import Interrupt, deferred_interrupt
from npcf.training.per_rating_settings import (
    Settings,
    decays_of,
    fresh_tables,
    judged,
    logit_of,
    presets,
)
from npcf.training.progress import progress_bar
from npcf.training.stopwatch import Stopwatch


class RatingArrays(NamedTuple):
    """Ratings as plain arrays, in memory or memory-mapped; `npcf.data.Ratings` has these too."""

    users: NDArray[Any]  # (n,) row numbers, int32 where 12 bytes a rating matter
    items: NDArray[Any]  # (n,)
    rating: NDArray[Any]  # (n,) float32
    n_users: int
    n_items: int


class PerRatingEpoch(NamedTuple):
    """One epoch; errors are root mean squares in rating units."""

    epoch: int
    train_rmse: float  # before each step, while the model moved
    valid_rmse: float  # NaN without validation ratings
    lr: float
    seconds: float  # of the epoch and its validation, compiling included
    compile_seconds: float = 0.0  # of these; the first call of a compiled loop compiles it


class PerRatingSGD:
    """Trains matrix factorisation with biases one rating at a time, on any number of threads.

    Give a preset's name, settings by keyword, or both: the keywords win.  After `fit`: `model`,
    `history` (a row an epoch, as in `PerRatingEpoch`) and `interrupted`.  The same seed gives the
    same bits, whatever the number of threads.
    """

    def __init__(self, preset: str | None = None, **settings: Any):
        if preset is not None:
            require_choice("preset", preset, presets)
        names = [field.name for field in fields(Settings)]
        for name in settings:
            if name not in names:
                refuse_option(name, names)
        base = presets[preset] if preset else Settings()
        self.settings = judged(Settings(**asdict(base) | settings))
        self.rows: list[PerRatingEpoch] = []
        self.interrupted = False
        self._trainer: Any = None
        self.rule: Any = None

    @property
    def history(self) -> pd.DataFrame:
        """One row for every whole epoch."""
        return pd.DataFrame(self.rows, columns=PerRatingEpoch._fields)

    @property
    def model(self) -> PairModel:
        """The model as it stands: tables (N, K), biases (N, 1), copied."""
        return PairModel(self.fitted.params, self.settings.y_range, mean=self.rule.mean)

    def fit(
        self,
        ratings: Any,
        n_epochs: int = 20,
        *,
        valid: Any = None,
        threads: int = 1,
        progress: bool | None = None,
        on_epoch: Callable[[PerRatingEpoch], None] | None = None,
    ) -> pd.DataFrame:
        """Train anew for `n_epochs` epochs; return the history.

        `ratings` and `valid` are `npcf.data.Ratings` or `RatingArrays`.  Ctrl-C ends the fit
        between two ratings: `interrupted` is set, and the model holds what was learned.
        Raises DivergenceError when the error is no longer finite, IdRangeError and DataError,
        naming the position, before training.
        """
        n_epochs, threads = require_count("n_epochs", n_epochs), require_count("threads", threads)
        require_ratings("ratings", ratings, arrays=True)
        if valid is not None:
            require_ratings("valid", valid, arrays=True)
            if hasattr(valid, "require_rows_of") and hasattr(ratings, "user_vocab"):
                valid.require_rows_of(ratings)
        self.rows, self.interrupted = [], False
        self._start(ratings)
        with deferred_interrupt() as interrupt:
            for epoch in range(n_epochs):
                self._set_rates(epoch, n_epochs)
                watch = Stopwatch()
                train = self._epoch(epoch, threads, progress, interrupt, len(ratings.rating))
                if self.interrupted:
                    break
                error = self.evaluate(valid, threads) if valid is not None else float("nan")
                row = PerRatingEpoch(epoch, train, error, self.rule.lr, *watch.read())
                self.rows.append(row)
                if on_epoch is not None:
                    on_epoch(self.rows[-1])
        return self.history

    def predict(self, users: Any, items: Any, threads: int = 1) -> FloatArray:
        """Return predictions (n,) float32 for pairs of rows, given as two arrays."""
        trainer = self.fitted
        sizes = [len(count) for count in trainer.counts]
        users = require_ids("users", users, sizes[0])
        items = require_ids("items", items, sizes[1])
        require_same_shape(users=users, items=items)
        pred: FloatArray = trainer.predict(users, items, self.rule, threads)
        return pred

    def evaluate(self, ratings: Any, threads: int = 1) -> float:
        """Return the root of the mean squared error over `ratings`, summed in float64."""
        require_ratings("ratings", ratings, arrays=True)
        error: float = self.fitted.rmse(
            ratings.users, ratings.items, ratings.rating, self.rule, threads
        )
        return error

    def _start(self, ratings: Any) -> None:
        """Make fresh tables, and put the ratings in order."""
        from npcf.kernels.per_rating import Rule, Trainer
        from npcf.kernels.per_rating.stored import Given

        s = self.settings
        # only cross-entropy has no meaning for ratings that lie outside the range
        low, high = (s.loss == "cross_entropy" and s.y_range) or (-np.inf, np.inf)
        sizes = ratings.n_users, ratings.n_items
        given = Given(ratings.users, ratings.items, ratings.rating, *sizes, low, high)
        self._trainer = Trainer(given, s.n_factors, s.seed)
        for name, rows in fresh_tables(s, *sizes):
            self._trainer.load(name, rows)
        decays = decays_of(s, self._trainer.counts)
        mean = s.mean if s.mean is not None else logit_of(self._trainer.mean_rating, s.y_range)
        self.rule = Rule(s.lr, s.lr, decays, mean, s.y_range, s.loss)

    def _set_rates(self, epoch: int, n_epochs: int) -> None:
        s = self.settings
        last = (s.schedule_epochs or n_epochs) - 1
        share = min(epoch / max(last, 1), 1.0)
        factor = 1.0 if s.final_lr is None else (s.final_lr / s.lr) ** share
        bias_lr = s.lr if s.bias_lr is None else s.bias_lr
        self.rule = self.rule._replace(lr=s.lr * factor, bias_lr=bias_lr * factor)

    def _epoch(
        self, epoch: int, threads: int, progress: bool | None, interrupt: Interrupt, n: int
    ) -> float:
        """Train one epoch; return its running RMSE."""
        with progress_bar(n, f"epoch {epoch}", progress) as reached:

            def between(taken: int) -> bool:
                reached(taken)
                return interrupt.asked

            total = self._trainer.epoch(epoch, self.rule, threads, between)
        self.interrupted = self._trainer.stopped
        if not np.isfinite(total):
            raise DivergenceError(
                "loss", f"is {total} at lr {self.rule.lr:g}", "Lower lr, or look at the ratings."
            )
        return float(np.sqrt(total / n))

    @property
    def fitted(self) -> Any:
        """The `npcf.kernels.per_rating.Trainer` in use."""
        if self._trainer is None:
            raise UsageError("fit", "has not been called", "Call fit(ratings, n_epochs) first.")
        return self._trainer

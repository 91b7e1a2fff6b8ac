"""Per-rating SGD, whole: settings, a fit, and what comes of it, an ordinary model.

    trainer = PerRatingSGD(n_factors=64, lr=0.01, weight_decay=0.05)
    trainer.fit(ratings, n_epochs=20, valid=held_out, threads=2)
    trainer.model, trainer.history

The rule is `npcf.kernels.blocked_sgd.reference`'s: one rating, one step, only its rows move.
`presets` (`per_rating_settings`) has settings by name.
"""

from collections.abc import Callable
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from npcf._renamed import renamed_arguments
from npcf._types import FloatArray
from npcf.data.validate import require_ratings
from npcf.errors import (
    UsageError,
    as_array,
    no_numbers,
    optional_flag,
    refuse_option,
    require_callable,
    require_choice,
    require_count,
)
from npcf.models import PairModel
from npcf.training.monitor import Stopwatch, deferred_interrupt
from npcf.training.per_rating_fit import Fit, PerRatingEpoch, given_of
from npcf.training.per_rating_settings import (
    Settings,
    check_settings,
    decays_of,
    fresh_tables,
    logit_of,
    presets,
)
from npcf.training.validate import require_in_range

if TYPE_CHECKING:
    from npcf.kernels.blocked_sgd import Rule, Trainer
    from npcf.kernels.blocked_sgd.given import Given


class RatingArrays(NamedTuple):
    """Ratings as plain arrays, in memory or memory-mapped; `npcf.data.Ratings` has these too."""

    users: NDArray[Any]  # (n,) row numbers, int32 where 12 bytes a rating matter
    items: NDArray[Any]  # (n,)
    rating: NDArray[Any]  # (n,) float32
    n_users: int
    n_items: int


def _columns(ratings: Any) -> RatingArrays:
    """Return ids and ratings as arrays; a mapped file stays mapped."""
    columns = {name: getattr(ratings, name) for name in RatingArrays._fields[:3]}
    for name, column in columns.items():
        if not isinstance(column, np.memmap):
            columns[name] = as_array(name, column)
    if columns["rating"].dtype.kind not in "iuf":
        kind = columns["rating"].dtype
        problem = f"dtype {kind} is not a real number"
        raise no_numbers("rating", columns["rating"], problem, "float32")
    return RatingArrays(**columns, n_users=ratings.n_users, n_items=ratings.n_items)


class PerRatingSGD:
    """Trains matrix factorisation with biases one rating at a time, on any number of threads.

    Give a preset's name, settings by keyword, or both: the keywords win.  After `fit`: `model`,
    `history` (a row an epoch, as in `PerRatingEpoch`) and `interrupted`.  The same seed gives the
    same bits, whatever the number of threads.
    """

    @renamed_arguments(wd="weight_decay", bias_wd="bias_weight_decay")
    def __init__(self, preset: str | None = None, **settings: Any):
        if preset is not None:
            require_choice("preset", preset, presets)
        names = [setting.name for setting in fields(Settings)]
        for name in settings:
            if name not in names:
                refuse_option(name, names)
        base = presets[preset] if preset else Settings()
        self.settings = check_settings(Settings(**asdict(base) | settings))
        self._fit: Fit | None = None

    @property
    def rows(self) -> list[PerRatingEpoch]:
        """One row for every whole epoch of the last fit."""
        return self._fit.rows if self._fit else []

    @property
    def history(self) -> pd.DataFrame:
        """One row for every whole epoch."""
        return pd.DataFrame(self.rows, columns=PerRatingEpoch._fields)

    @property
    def interrupted(self) -> bool:
        """Whether epochs of the last fit are missing: it was stopped, or is not over."""
        return self._fit is not None and len(self._fit.rows) < self._fit.n_epochs

    @property
    def model(self) -> PairModel:
        """The model as it stands: tables (N, K), biases (N, 1), copied."""
        fit = self._fitted
        return PairModel(fit.trainer.params, self.settings.y_range, mean=fit.rule.mean)

    def fit(
        self,
        ratings: Any,
        n_epochs: int = 20,
        *,
        valid: Any = None,
        threads: int = 1,
        progress: bool | None = None,
        on_epoch: Callable[[PerRatingEpoch], None] | None = None,
        outside: str = "raise",
    ) -> pd.DataFrame:
        """Train anew for `n_epochs` epochs; return the history.

        outside="raise": DataError where ratings lie outside `y_range`; "warn" and "allow" go on.
        `ratings` and `valid` are `npcf.data.Ratings` or `RatingArrays`.  Ctrl-C ends the fit
        between two ratings: `interrupted` is set, and the model holds what was learned.  So does
        any exception that a signal handler, `on_epoch` or another thread raises.
        Raises DivergenceError when an error or a number of the model is no longer finite; and
        IdRangeError and DataError, naming the position, before training: then the last fit stays.
        """
        n_epochs, threads = require_count("n_epochs", n_epochs), require_count("threads", threads)
        require_ratings("ratings", ratings, arrays=True)
        self._check_others(ratings, valid, on_epoch)
        progress, ratings = optional_flag("progress", progress), self._in_range(ratings, outside)
        fit = self._fit = self._started(ratings, n_epochs)
        with deferred_interrupt() as interrupt:
            for epoch in range(n_epochs):
                fit.rule = self._rule_at(fit, epoch)
                watch = Stopwatch()
                train = fit.epoch(epoch, threads, progress, interrupt)
                if train is None:
                    break
                error = float("nan") if valid is None else fit.validated(valid, threads)
                fit.rows.append(PerRatingEpoch(epoch, train, error, fit.rule.lr, *watch.read()))
                if on_epoch is not None:
                    on_epoch(fit.rows[-1])
                if interrupt.asked:
                    break
        return self.history

    def predict(self, users: Any, items: Any, threads: int = 1) -> FloatArray:
        """Return predictions (n,) float32 for pairs of rows, given as two arrays."""
        fit = self._fitted
        pred: FloatArray = fit.trainer.predict(users, items, fit.rule, threads)
        return pred

    def evaluate(self, ratings: Any, threads: int = 1) -> float:
        """Return the root of the mean squared error over `ratings`, summed in float64."""
        require_ratings("ratings", ratings, arrays=True)
        return self._fitted.rmse(_columns(ratings), "ratings.", threads)

    @property
    def rule(self) -> "Rule":
        """The rule of the last epoch."""
        return self._fitted.rule

    @property
    def fitted(self) -> "Trainer":
        """The trainer in use."""
        return self._fitted.trainer

    @property
    def _fitted(self) -> Fit:
        if self._fit is None:
            raise UsageError("fit", "has not been called", "Call fit(ratings, n_epochs) first.")
        return self._fit

    def _check_others(self, ratings: Any, valid: Any, on_epoch: Any) -> None:
        """Check `valid`, whose rows are those of `ratings`, and `on_epoch`."""
        if valid is not None:
            require_ratings("valid", valid, arrays=True)
            if hasattr(valid, "require_rows_of") and hasattr(ratings, "user_vocab"):
                valid.require_rows_of(ratings)
            for _ in given_of(valid, "valid.", ratings.n_users, ratings.n_items).chunks():
                pass  # checks them
        if on_epoch is not None:
            require_callable("on_epoch", on_epoch, "Pass a function of one row.")

    def _in_range(self, ratings: Any, outside: str) -> RatingArrays:
        """Return the ratings as arrays; raise, warn or go on where they lie outside the range."""
        arrays = _columns(ratings)
        if self.settings.loss == "mse":  # cross-entropy has no meaning there at all: `_given`
            require_in_range(arrays.rating, self.settings.y_range, outside)
        return arrays

    def _given(self, ratings: Any) -> "Given":
        """Return the ratings as compiled loops take them."""
        s, ratings = self.settings, _columns(ratings)
        # only cross-entropy has no meaning for ratings that lie outside the range
        low, high = (s.loss == "cross_entropy" and s.y_range) or (-np.inf, np.inf)
        return given_of(ratings, "ratings.", ratings.n_users, ratings.n_items, low, high)

    def _started(self, ratings: Any, n_epochs: int) -> Fit:
        """Return a fit with fresh tables, and the ratings put in order."""
        from npcf.kernels.blocked_sgd import Trainer

        s = self.settings
        return self._fresh(Trainer(self._given(ratings), s.n_factors, s.seed), n_epochs)

    def _fresh(self, trainer: Any, n_epochs: int) -> Fit:
        """Return a fit at its beginning: draw the tables of `trainer`."""
        from npcf.kernels.blocked_sgd import Rule

        s = self.settings
        for name, rows in fresh_tables(s, *(len(count) for count in trainer.counts)):
            trainer.load(name, rows)
        decays = decays_of(s, trainer.counts)
        mean = s.mean if s.mean is not None else logit_of(trainer.mean_rating, s.y_range)
        return Fit(trainer, Rule(s.lr, s.lr, decays, mean, s.y_range, s.loss), n_epochs)

    def _rule_at(self, fit: Fit, epoch: int) -> "Rule":
        s = self.settings
        last = (s.schedule_epochs or fit.n_epochs) - 1
        share = min(epoch / max(last, 1), 1.0)
        factor = 1.0 if s.final_lr is None else (s.final_lr / s.lr) ** share
        bias_lr = s.lr if s.bias_lr is None else s.bias_lr
        return fit.rule._replace(lr=s.lr * factor, bias_lr=bias_lr * factor)

"""A per-rating fit as it stands, and one epoch more of it."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from npcf.errors import DivergenceError
from npcf.training.monitor import Interrupt, progress_bar

if TYPE_CHECKING:
    from npcf.kernels.blocked_sgd import Rule, Trainer
    from npcf.kernels.blocked_sgd.given import Given


class PerRatingEpoch(NamedTuple):
    """One epoch; errors are root mean squares in rating units."""

    epoch: int
    train_rmse: float  # before each step, while the model moved
    valid_rmse: float  # NaN without validation ratings
    lr: float
    seconds: float  # of the epoch and its validation, compiling included
    compile_seconds: float = 0.0  # of these; the first call of a compiled loop compiles it


@dataclass
class Fit:
    """A fit as it stands: after each of its epochs one row more."""

    trainer: "Trainer"
    rule: "Rule"
    n_epochs: int
    rows: list[PerRatingEpoch] = field(default_factory=list)

    def epoch(
        self, epoch: int, threads: int, progress: bool | None, interrupt: Interrupt
    ) -> float | None:
        """Train one epoch; return its running RMSE, or None if it was stopped before its end."""
        n = len(self.trainer.ratings.rating)
        with progress_bar(n, f"epoch {epoch}", progress) as reached:

            def between(taken: int) -> bool:
                reached(taken)
                return interrupt.asked

            total = self.trainer.epoch(epoch, self.rule, threads, between)
        error = self.running_rmse(total, self.trainer.first_not_finite(), n)
        return error if self.trainer.done == n else None

    def running_rmse(self, total: float, wrong: tuple[str, int, float] | None, n: int) -> float:
        """Return an epoch's error from its sum of squares over `n` ratings.

        Raises DivergenceError where it is not finite, or where `wrong` names a number of a table.
        """
        if not np.isfinite(total):
            raise self._diverged("loss", f"is {total}")
        if wrong is not None:
            name, row, number = wrong
            raise self._diverged(name, f"row {row} holds {number}")
        return float(np.sqrt(total / n))

    def rmse(self, ratings: Any, prefix: str, threads: int) -> float:
        """Return the root of the mean squared error over `ratings`."""
        given = given_of(ratings, prefix, *(len(count) for count in self.trainer.counts))
        error: float = self.trainer.rmse_of(given, self.rule, threads)
        return error

    def validated(self, valid: Any, threads: int) -> float:
        """Return the same, or raise if it is not finite."""
        error = self.rmse(valid, "valid.", threads)
        if not np.isfinite(error):
            raise self._diverged("valid", f"its error is {error}")
        return error

    def _diverged(self, argument: str, problem: str) -> DivergenceError:
        problem = f"{problem} at lr {self.rule.lr:g}"
        return DivergenceError(argument, problem, "Lower lr, or look at the ratings.")


def given_of(
    ratings: Any, prefix: str, n_users: int, n_items: int, low: float = -np.inf,
    high: float = np.inf,
) -> "Given":  # fmt: skip
    """Return ratings as compiled loops take them; `prefix` says in errors whose they are."""
    from npcf.kernels.blocked_sgd.given import Given

    columns = ratings.users, ratings.items, ratings.rating
    return Given(*columns, n_users, n_items, low, high, prefix)

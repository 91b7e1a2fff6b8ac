"""What training says about itself: one row an epoch."""

from typing import NamedTuple

import pandas as pd

HEADER = (
    f"{'epoch':>5}  {'train_loss*':>11}  {'valid_loss':>10}  {'gap':>8}  {'rmse':>8}  {'time':>7}"
)
FOOTNOTE = "* smoothed over batches while the weights moved; valid_loss is the mean after the epoch"


class EpochRow(NamedTuple):
    """One epoch.  `gap` = valid_loss - train_loss_smoothed.

    The training loss is an average over batches during the epoch, when the model was still worse;
    so a negative gap early on is no sign of anything, and a growing positive one is overfitting.
    """

    epoch: int
    train_loss_smoothed: float
    valid_loss: float
    gap: float
    rmse: float
    lr: float  # at the last step of the epoch
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.epoch:>5}  {self.train_loss_smoothed:>11.6f}  {self.valid_loss:>10.6f}  "
            f"{self.gap:>8.4f}  {self.rmse:>8.4f}  {self.seconds:>6.2f}s"
        )


def history_frame(rows: list[EpochRow]) -> pd.DataFrame:
    """Return the rows as a tidy DataFrame, one column a field."""
    return pd.DataFrame(rows, columns=list(EpochRow._fields))


class SmoothedLoss:
    """Exponential moving average of batch losses with its start-up bias removed.

        value <- beta * value + (1 - beta) * loss;      smoothed = value / (1 - beta**count)

    Source: fastai `AvgSmoothLoss`, beta = .98.
    """

    def __init__(self, beta: float = 0.98):
        self.beta, self.value, self.count = beta, 0.0, 0

    def add(self, loss: float) -> None:
        """Take in one batch's loss."""
        self.value = self.beta * self.value + (1 - self.beta) * loss
        self.count += 1

    @property
    def smoothed(self) -> float:
        """The average so far; NaN before the first loss."""
        return self.value / (1 - self.beta**self.count) if self.count else float("nan")

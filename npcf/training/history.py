"""What training says about itself: one row an epoch, and one a step."""

import logging
from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd

from npcf import _notebook
from npcf.training.monitor import duration, epoch_time

log = logging.getLogger("npcf")  # warnings reach standard error even where nobody set up logging

FOOTNOTE = "* smoothed over batches while the weights moved; valid_loss is the mean after the epoch"


def header(metrics: Iterable[str] = ()) -> str:
    """Return the line above the epoch table."""
    fixed = f"{'epoch':>5}  {'train_loss*':>11}  {'valid_loss':>10}  {'gap':>8}  {'rmse':>8}"
    return "  ".join([fixed, *(f"{name:>8}" for name in metrics), f"{'time':>7}"])


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
    seconds: float  # of its steps, without validation; compiling included
    metrics: dict[str, float]
    compile_seconds: float = 0.0  # of these; the first call of a compiled loop compiles it

    def __str__(self) -> str:
        fixed = (
            f"{self.epoch:>5}  {self.train_loss_smoothed:>11.6f}  {self.valid_loss:>10.6f}  "
            f"{self.gap:>8.4f}  {self.rmse:>8.4f}"
        )
        metrics = (f"{value:>{max(8, len(name))}.4f}" for name, value in self.metrics.items())
        return "  ".join([fixed, *metrics, epoch_time(self.seconds, self.compile_seconds)])


class EpochTable:
    """The rows as one reads them: as text when printed, as HTML in a notebook."""

    def __init__(self, rows: list[EpochRow], metrics: Iterable[str] = ()):
        self.rows, self.metrics = rows, list(metrics)

    def __repr__(self) -> str:
        return "\n".join([header(self.metrics), *map(str, self.rows), FOOTNOTE])

    def _repr_html_(self) -> str:
        names = ["epoch", "train_loss*", "valid_loss", "gap", "rmse", *self.metrics, "time"]
        cells = [
            (
                row.epoch,
                f"{row.train_loss_smoothed:.6f}",
                f"{row.valid_loss:.6f}",
                f"{row.gap:.4f}",
                f"{row.rmse:.4f}",
                *(f"{row.metrics[name]:.4f}" for name in self.metrics),
                duration(row.seconds - row.compile_seconds),
            )
            for row in self.rows
        ]
        if any(row.compile_seconds for row in self.rows):
            names.append("compiling")
            cells = [
                (*line, duration(row.compile_seconds) if row.compile_seconds else "")
                for line, row in zip(cells, self.rows, strict=True)
            ]
        return _notebook.table(names, cells, align="r" * len(names)) + _notebook.paragraph(FOOTNOTE)


def history_frame(rows: list[EpochRow]) -> pd.DataFrame:
    """Return the rows as a tidy DataFrame: a column a field, then one a metric."""
    fields = [name for name in EpochRow._fields if name != "metrics"]
    flat = [{name: getattr(row, name) for name in fields} | row.metrics for row in rows]
    return pd.DataFrame(flat, columns=None if flat else fields)


class SmoothedLoss:
    """Exponential moving average of batch losses with its start-up bias removed.

        value <- beta * value + (1 - beta) * loss;      smoothed = value / (1 - beta**count)

    Source: fastai `AvgSmoothLoss`, beta = .98.
    """

    def __init__(self, beta: float = 0.98):
        self.beta, self.value, self.count = beta, 0.0, 0

    def add(self, *losses: float) -> None:
        """Take in the loss of a batch, or of several, one after the other."""
        value, beta = self.value, self.beta
        for loss in losses:
            value = beta * value + (1 - beta) * loss
        self.value, self.count = value, self.count + len(losses)

    @property
    def smoothed(self) -> float:
        """The average so far; NaN before the first loss."""
        return self.value / (1 - self.beta**self.count) if self.count else float("nan")

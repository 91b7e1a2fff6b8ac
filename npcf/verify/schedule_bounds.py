"""How far two right evaluations of a schedule may lie apart."""

from typing import Any

import numpy as np

from npcf.verify.precision import DOUBLE

FLOAT32_PLACE = 2.0**-22  # seven roundings of a position in float32, where fastai keeps it

Points = tuple[float, float, float]


def allowed(n_steps: int, size: Any, steepness: float = 1.0, u: float = DOUBLE.u) -> Any:
    """Return how far two evaluations may lie apart: n + 16 roundings each, of `size` at most.

    Sixteen for the formula; n for those who go on from step to step.  `steepness` is how much an
    error of the position is magnified.
    """
    return 2 * (n_steps + 16) * u * size * steepness


def one_cycle_fastai(
    n_steps: int, lr_max: float, div: float, div_final: float, pct_start: float, moms: Points,
    n_epochs: int, u: float = DOUBLE.u,
) -> tuple[Any, Any]:  # fmt: skip
    """Return what is open of each rate and of each momentum of fastai's one-cycle schedule."""
    position = np.arange(n_steps) / n_steps
    rises = position < pct_start
    length = np.where(rises, pct_start, 1 - pct_start)
    place = np.where(rises, position, position - pct_start) / length
    lrs = lr_max / div, lr_max, lr_max / div_final
    lr, mom = (_bent(points, rises, place, FLOAT32_PLACE / length, u) for points in (lrs, moms))
    return lr, mom


def _bent(points: Points, rises: Any, place: Any, error: Any, u: float) -> Any:
    """Return what places known to `error` leave open of a curve through `points`.

    A half cosine of height h has slope h pi / 2 sin(pi place) and a second derivative of at most
    h pi**2 / 2.  Where the phases meet, one step may be taken for either: both are level there.
    """
    start, top, end = points
    height = np.where(rises, abs(top - start), abs(end - top))
    slope = np.pi / 2 * height * np.abs(np.sin(np.pi * place))
    bend = np.pi**2 / 4 * np.abs(np.diff(points)).sum() * error.max() ** 2
    return slope * error + bend + allowed(len(place), max(points), u=u)

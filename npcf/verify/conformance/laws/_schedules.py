"""What the laws of the schedules share: calling one, its half cosines, and what rounding allows."""

from typing import Any

import numpy as np

from npcf._types import FloatArray
from npcf.verify.assertions import assert_within
from npcf.verify.bounded import PRECISION
from npcf.verify.strategies import Schedule

U = PRECISION[np.dtype(np.float64)].u
SHORTEST = 0.1  # of a step: no phase that `schedules` draws is shorter, and none of 60 steps longer
FLOAT32_PLACE = 2.0**-22  # seven roundings of a position in float32, where fastai keeps it


def values(impl: Any, p: Schedule, **changes: Any) -> Any:
    """Return what the schedule gives, some arguments changed."""
    return getattr(impl, p.name)(**p.settings | changes)


def allowed(n_steps: int, size: Any, steepness: float = 1.0) -> Any:
    """Return how far two evaluations may lie apart: n + 16 roundings each, of `size` at most.

    Sixteen for the formula; n for those who go on from step to step.  `steepness` is how much an
    error of the position is magnified.
    """
    return 2 * (n_steps + 16) * U * size * steepness


def close(got: Any, want: Any, size: float, name: str = "lr", steepness: float = 1.0) -> None:
    """Raise AssertionError unless two schedules of numbers up to `size` agree but for rounding."""
    assert_within(got, want, allowed(len(got), size, steepness), name)


def half_cosine(start: float, end: float, place: Any) -> FloatArray:
    """Return end + (start - end) (1 + cos(pi place)) / 2."""
    wave: FloatArray = np.cos(np.pi * place)
    return end + (start - end) * (1 + wave) / 2

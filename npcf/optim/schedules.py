"""Learning-rate and momentum schedules: one value a step, computed before training starts."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npcf.errors import SettingError, require_count, require_number

Values = NDArray[Any]  # (n_steps,) float64


def constant(n_steps: int, lr: float) -> Values:
    """Return `lr` at every step."""
    return np.full(require_count("n_steps", n_steps), require_number("lr", lr))


def cosine(n_steps: int, lr_max: float, lr_min: float = 0.0) -> Values:
    """Return lr_min + (lr_max - lr_min) (1 + cos(pi t / n_steps)) / 2 for t = 0 … n_steps - 1.

    Source: Loshchilov & Hutter 2017; torch `CosineAnnealingLR(T_max=n_steps)` in closed form.
    """
    lr_max, lr_min = require_number("lr_max", lr_max), require_number("lr_min", lr_min)
    t = np.arange(require_count("n_steps", n_steps))
    values: Values = lr_min + (lr_max - lr_min) * (1 + np.cos(np.pi * t / n_steps)) / 2
    return values


def one_cycle_fastai(
    n_steps: int,
    lr_max: float,
    div: float = 25.0,
    div_final: float = 1e5,
    pct_start: float = 0.25,
    moms: tuple[float, float, float] = (0.95, 0.85, 0.95),
    *,
    n_epochs: int = 1,
) -> tuple[Values, Values]:
    """Return (lr, mom) of fastai's `fit_one_cycle`, each (n_steps,), equal to fastai's to the bit.

    In the first `pct_start` of the steps lr rises along a half cosine from lr_max / div to lr_max
    and the momentum goes from moms[0] to moms[1]; then lr falls to lr_max / div_final and the
    momentum goes to moms[2].  The end is never reached: step i sits at position i / n_steps.

    To the bit means: the position is accumulated in float64 and set anew at each of the
    `n_epochs`, and the place within a phase is computed in float32, because fastai keeps the
    phase limits in a float32 tensor.  Both change lr by up to 3e-5 of its value.
    Sources: Smith 2018; fastai `callback.schedule`.  torch's OneCycleLR is another curve.
    """
    n_steps, n_epochs = require_count("n_steps", n_steps), require_count("n_epochs", n_epochs)
    if n_steps % n_epochs:
        raise SettingError(
            "n_epochs", f"{n_steps} steps are not {n_epochs} equal epochs", "Check both."
        )
    lr_max = require_number("lr_max", lr_max)
    pct_start = require_number("pct_start", pct_start, 0, 1)
    div, div_final = require_number("div", div, 1), require_number("div_final", div_final, 1)
    positions = _fastai_positions(n_steps, n_epochs)
    lrs = (lr_max / div, lr_max, lr_max / div_final)
    lr = _two_cosines(positions, pct_start, lrs)
    return lr, _two_cosines(positions, pct_start, moms)


def _fastai_positions(n_steps: int, n_epochs: int) -> list[float]:
    """Return fastai's `pct_train` at each step: a running sum, restarted every epoch."""
    positions = []
    for epoch in range(n_epochs):
        position = epoch / n_epochs
        for _ in range(n_steps // n_epochs):
            positions.append(position)
            position += 1.0 / n_steps
    return positions


def _two_cosines(
    positions: list[float], pct_start: float, points: tuple[float, float, float]
) -> Values:
    """Anneal from points[0] to points[1] in the first pct_start of positions, then to points[2]."""
    parts = np.array([0, pct_start, 1 - pct_start], np.float32)
    limits = np.cumsum(parts, dtype=np.float64).astype(np.float32)
    values = []
    for position in np.array(positions).astype(np.float32):
        phase = min(int(np.flatnonzero(position >= limits)[-1]), 1)
        place = float((position - limits[phase]) / (limits[phase + 1] - limits[phase]))
        start, end = points[phase], points[phase + 1]
        values.append(start + (1 + math.cos(math.pi * (1 - place))) * (end - start) / 2)
    return np.array(values)

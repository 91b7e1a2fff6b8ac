"""One-cycle schedules, fastai's and torch's: rise to a maximum, then fall far below the start.

"To the bit" below means: in the same process.  Of all functions in them only the cosine is not
exact to half a unit in the last place, and it is that of the C library, as in fastai and in torch.
glibc has two that differ, one for processors with fused multiply-add and one for others, and other
C libraries have their own.  All are off by less than one unit, hence a rate or a momentum by less
than 2**-50 of the largest.  A correctly rounded cosine would be the same everywhere, but not
fastai's: on a processor with fused multiply-add a rate in a thousand would differ.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npcf.errors import (
    SettingError,
    require_choice,
    require_count,
    require_flag,
    require_number,
    require_numbers,
    spell_checked,
)

Values = NDArray[Any]  # (n_steps,) float64
Points = tuple[float, float, float]
Phase = tuple[float, tuple[float, float], tuple[float, float]]


@spell_checked
def one_cycle_fastai(
    n_steps: int,
    lr_max: float,
    div: float = 25.0,
    div_final: float = 1e5,
    pct_start: float = 0.25,
    moms: Points = (0.95, 0.85, 0.95),
    *,
    n_epochs: int = 1,
) -> tuple[Values, Values]:
    """Return (lr, mom) of fastai's `fit_one_cycle`, each (n_steps,), equal to fastai's to the bit.

    In the first `pct_start` of the steps lr rises along a half cosine from lr_max / div to lr_max
    and the momentum goes from moms[0] to moms[1]; then lr falls to lr_max / div_final and the
    momentum goes to moms[2].  The end is never reached: step i sits at position i / n_steps.

    To the bit means: the position is accumulated in float64 and set anew at each of the
    `n_epochs`, and the place within a phase is computed in float32, because fastai keeps the
    phase limits in a float32 tensor.  Both change lr by up to 3e-5 of its value.  Both sides take
    the cosine of one C library.
    Sources: Smith 2018; fastai `callback.schedule`.  torch's is `one_cycle_torch`.
    """
    positions = _fastai_positions(n_steps, n_epochs)
    lr_max = require_number("lr_max", lr_max)
    pct_start = require_number("pct_start", pct_start, 0, 1)
    div, div_final = require_number("div", div, 1), require_number("div_final", div_final, 1)
    lrs = (lr_max / div, lr_max, lr_max / div_final)
    lr = _two_cosines(positions, pct_start, lrs)
    return lr, _two_cosines(positions, pct_start, require_numbers("moms", moms, 3, high=1))


@spell_checked
def flat_cosine(
    n_steps: int, lr: float, div_final: float = 1e5, pct_start: float = 0.75, *, n_epochs: int = 1
) -> Values:
    """Return lr of fastai's `fit_flat_cos`: `lr` for pct_start of the steps, then a half cosine.

    It falls towards lr / div_final, which it never reaches.  Positions, and with them the bits,
    are those of `one_cycle_fastai`.  The momentum is left alone.
    """
    positions = _fastai_positions(n_steps, n_epochs)
    lr = require_number("lr", lr)
    pct_start = require_number("pct_start", pct_start, 0, 1)
    end = lr / require_number("div_final", div_final, 1)
    return _two_cosines(positions, pct_start, (lr, lr, end))


@spell_checked
def one_cycle_torch(
    n_steps: int,
    max_lr: float,
    pct_start: float = 0.3,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
    anneal: str = "cos",
    base_momentum: float = 0.85,
    max_momentum: float = 0.95,
    three_phase: bool = False,
) -> tuple[Values, Values]:
    """Return (lr, mom) of torch's `OneCycleLR(total_steps=n_steps)`, each (n_steps,), to the bit.

    lr goes from max_lr / div_factor to max_lr at step pct_start n_steps - 1, then to
    max_lr / div_factor / final_div_factor, the last step's; the momentum goes from max_momentum to
    base_momentum and back.  `three_phase` returns to the start as it came before the last fall.

    Other names, other defaults and another curve than fastai's: the peak is a step earlier, and
    the end is reached.  Where a phase has no length torch divides by zero; here it is at its end.
    """
    n_steps, max_lr = require_count("n_steps", n_steps), require_number("max_lr", max_lr)
    pct_start = require_number("pct_start", pct_start, 0, 1)
    start = max_lr / require_number("div_factor", div_factor, 1)
    end = start / require_number("final_div_factor", final_div_factor, 1)
    low = require_number("base_momentum", base_momentum, high=1)
    high = require_number("max_momentum", max_momentum, high=1)
    anneal = require_choice("anneal", anneal, ("cos", "linear"))
    # (last step, (lr from, lr to), (momentum from, momentum to))
    phases: list[Phase] = [(pct_start * n_steps - 1, (start, max_lr), (high, low))]
    if require_flag("three_phase", three_phase):
        phases.append((2 * pct_start * n_steps - 2, (max_lr, start), (low, high)))
        phases.append((n_steps - 1, (start, end), (high, high)))
    else:
        phases.append((n_steps - 1, (max_lr, end), (low, high)))
    values = [_torch_phase(step, phases, anneal) for step in range(n_steps)]
    lr, mom = np.array(values).T
    return lr, mom


def _torch_phase(step: int, phases: list[Phase], anneal: str) -> tuple[float, float]:
    """Return (lr, momentum) at a step: the first phase that does not end before it."""
    here = next(i for i, (last, _, _) in enumerate(phases) if step <= last)
    last, lrs, moms = phases[here]
    first = phases[here - 1][0] if here else 0.0
    place = (step - first) / (last - first) if last != first else 1.0
    return _torch_anneal(*lrs, place, anneal), _torch_anneal(*moms, place, anneal)


def _torch_anneal(start: float, end: float, place: float, anneal: str) -> float:
    if anneal == "linear":
        return (end - start) * place + start
    return end + (start - end) / 2.0 * (math.cos(math.pi * place) + 1)


def _fastai_positions(n_steps: int, n_epochs: int) -> list[float]:
    """Return fastai's `pct_train` at each step: a running sum, restarted every epoch."""
    n_steps, n_epochs = require_count("n_steps", n_steps), require_count("n_epochs", n_epochs)
    if n_steps % n_epochs:
        raise SettingError(
            "n_epochs",
            f"{n_steps} steps are not {n_epochs} equal epochs",
            "Give a number of steps that n_epochs divides.",
        )
    positions = []
    for epoch in range(n_epochs):
        position = epoch / n_epochs
        for _ in range(n_steps // n_epochs):
            positions.append(position)
            position += 1.0 / n_steps
    return positions


def _two_cosines(positions: list[float], pct_start: float, points: tuple[float, ...]) -> Values:
    """Anneal from points[0] to points[1] in the first pct_start of positions, then to points[2]."""
    parts = np.array([0, pct_start, 1 - pct_start], np.float32)
    limits = np.cumsum(parts, dtype=np.float64).astype(np.float32)
    at = np.array(positions).astype(np.float32)
    phases = np.minimum(np.searchsorted(limits, at, side="right") - 1, 1)
    places = (at - limits[phases]) / (limits[phases + 1] - limits[phases])
    values = []
    for phase, place in zip(phases.tolist(), places.tolist(), strict=True):
        start, end = points[phase], points[phase + 1]
        values.append(start + (1 + math.cos(math.pi * (1 - place))) * (end - start) / 2)
    return np.array(values)

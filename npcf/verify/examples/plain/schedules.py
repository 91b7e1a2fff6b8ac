"""Schedules: the learning rate, and the momentum where there is one, at step t = 0 … n_steps - 1.

Where not said otherwise the end is where step n_steps would be.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]


def linear(n_steps: int, start: float, end: float) -> Values:
    """Go from start to end along a line."""
    return np.array([start + t / n_steps * (end - start) for t in range(n_steps)])


def exponential(n_steps: int, start: float, end: float) -> Values:
    """Go from start to end by the same factor at each step."""
    return np.array([start * (end / start) ** (t / n_steps) for t in range(n_steps)])


def half_cosine(start: float, end: float, place: float) -> float:
    """Go from start to end along half a cosine; `place` goes from 0 to 1."""
    return end + (start - end) * (1 + math.cos(math.pi * place)) / 2


def cosine(n_steps: int, lr_max: float, lr_min: float) -> Values:
    """Fall from lr_max to lr_min along half a cosine."""
    return np.array([half_cosine(lr_max, lr_min, t / n_steps) for t in range(n_steps)])


def cosine_restarts(
    n_steps: int, lr_max: float, cycle_len: int, cycle_mult: int, lr_min: float
) -> Values:
    """Fall along half a cosine, again and again, each time cycle_mult times as long."""
    parts = [cosine(length, lr_max, lr_min) for length in cycles(n_steps, cycle_len, cycle_mult)]
    return np.concatenate(parts)[:n_steps]


def cycles(n_steps: int, cycle_len: int, cycle_mult: int) -> list[int]:
    """Return the lengths of the cycles that n_steps begin."""
    lengths = [cycle_len]
    while sum(lengths) < n_steps:
        lengths.append(longer(lengths[-1], cycle_mult))
    return lengths


def longer(length: int, cycle_mult: int) -> int:
    """Return how long the cycle after one of this length is."""
    return length * cycle_mult


def step_decay(n_steps: int, lr: float, step_size: int, gamma: float) -> Values:
    """Multiply lr by gamma after every step_size steps."""
    return np.array([lr * gamma ** (t // step_size) for t in range(n_steps)])


def one_cycle_fastai(
    n_steps: int,
    lr_max: float,
    div: float,
    div_final: float,
    pct_start: float,
    moms: tuple[float, float, float],
    n_epochs: int,
) -> tuple[Values, Values]:
    """Rise from lr_max / div for pct_start of the steps, then fall to lr_max / div_final."""
    if n_steps % n_epochs:
        raise ValueError(f"{n_steps} steps are not {n_epochs} equal epochs")
    lrs = (lr_max / div, lr_max, lr_max / div_final)
    lr = [two_phases(lrs, pct_start, position) for position in positions(n_steps)]
    mom = [two_phases(moms, pct_start, position) for position in positions(n_steps)]
    return np.array(lr), np.array(mom)


def positions(n_steps: int) -> Values:
    """Return which share of all steps lies behind each."""
    return np.arange(n_steps) / n_steps


def two_phases(points: tuple[float, float, float], pct_start: float, position: float) -> float:
    """Go from points[0] to points[1] until pct_start, then to points[2]."""
    if position < pct_start:
        return half_cosine(points[0], points[1], position / pct_start)
    return half_cosine(points[1], points[2], (position - pct_start) / (1 - pct_start))


def one_cycle_torch(
    n_steps: int, max_lr: float, pct_start: float, div_factor: float, final_div_factor: float
) -> tuple[Values, Values]:
    """Rise to max_lr at step pct_start n_steps - 1, then fall; the last step is the end."""
    start = max_lr / div_factor
    end = start / final_div_factor
    peak, last = torch_phases(n_steps, pct_start)
    lr, mom = [], []
    for t in range(n_steps):
        if t <= peak:
            place = t / peak if peak else 1.0
            lr.append(half_cosine(start, max_lr, place))
            mom.append(half_cosine(0.95, 0.85, place))
        else:
            place = (t - peak) / (last - peak)
            lr.append(half_cosine(max_lr, end, place))
            mom.append(half_cosine(0.85, 0.95, place))
    return np.array(lr), np.array(mom)


def torch_phases(n_steps: int, pct_start: float) -> tuple[float, int]:
    """Return the steps at which the rise and the fall end."""
    return pct_start * n_steps - 1, n_steps - 1

"""Laws of the schedules: each is its formula, at every step.

A formula gives what is returned, and how far two evaluations of it may lie apart.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from npcf.verify.assertions import assert_within
from npcf.verify.bounded import PRECISION
from npcf.verify.conformance.law import LAWS, Drawn, Law, law
from npcf.verify.conformance.laws._common import refuses
from npcf.verify.strategies import Schedule, schedules

U, ETA = PRECISION[np.dtype(np.float64)].u, PRECISION[np.dtype(np.float64)].eta
SHORTEST = 0.1  # of a step: no phase that `schedules` draws is shorter, and none of 60 steps longer
FLOAT32_PLACE = 2.0**-22  # seven roundings of a position in float32, where fastai keeps it

Curve = tuple[Any, Any]  # values, and how far two evaluations may lie apart
Points = tuple[float, float, float]


def allowed(n_steps: int, size: Any, steepness: float = 1.0) -> Any:
    """Return how far two evaluations may lie apart: n + 16 roundings each, of `size` at most.

    Sixteen for the formula; n for those who go on from step to step.  `steepness` is how much an
    error of the position is magnified.
    """
    return 2 * (n_steps + 16) * U * size * steepness


def half_cosine(start: Any, end: Any, place: Any) -> Any:
    """Return end + (start - end) (1 + cos(pi place)) / 2."""
    return end + (start - end) * (1 + np.cos(np.pi * place)) / 2


def _linear(n_steps: int, start: float, end: float) -> list[Curve]:
    """Go along a line: start + t / n_steps (end - start)."""
    line = start + np.arange(n_steps) / n_steps * (end - start)
    return [(line, allowed(n_steps, max(start, end)))]


def _exponential(n_steps: int, start: float, end: float) -> list[Curve]:
    """Go along a power: start (end / start)**(t / n_steps)."""
    want = start * (end / start) ** (np.arange(n_steps) / n_steps)
    return [(want, allowed(n_steps, want, 1 + abs(np.log(end / start))))]


def _cosine(n_steps: int, lr_max: float, lr_min: float) -> list[Curve]:
    """Half a cosine: lr_min + (lr_max - lr_min) (1 + cos(pi t / n_steps)) / 2."""
    curve = half_cosine(lr_max, lr_min, np.arange(n_steps) / n_steps)
    return [(curve, allowed(n_steps, max(lr_max, lr_min)))]


def _cosine_restarts(
    n_steps: int, lr_max: float, cycle_len: int, cycle_mult: int, lr_min: float
) -> list[Curve]:
    """Put a cosine after another, each cycle_mult times as long as the one before."""
    places: list[float] = []
    while len(places) < n_steps:
        places += [t / cycle_len for t in range(cycle_len)]
        cycle_len *= cycle_mult
    curve = half_cosine(lr_max, lr_min, np.array(places[:n_steps]))
    return [(curve, allowed(n_steps, max(lr_max, lr_min)))]


def _step_decay(n_steps: int, lr: float, step_size: int, gamma: float) -> list[Curve]:
    """Stairs: lr gamma**(t // step_size)."""
    want = lr * float(gamma) ** (np.arange(n_steps) // step_size)
    return [(want, allowed(n_steps, want) + ETA)]


def _one_cycle_fastai(
    n_steps: int, lr_max: float, div: float, div_final: float, pct_start: float, moms: Points,
    n_epochs: int,
) -> list[Curve]:  # fmt: skip
    """Half cosines: lr from lr_max / div over lr_max to lr_max / div_final, and the momenta."""
    position = np.arange(n_steps) / n_steps
    rises = position < pct_start
    length = np.where(rises, pct_start, 1 - pct_start)
    place = np.where(rises, position, position - pct_start) / length
    return [
        _in_two(points, rises, place, FLOAT32_PLACE / length)
        for points in ((lr_max / div, lr_max, lr_max / div_final), moms)
    ]


def _in_two(points: Points, rises: Any, place: Any, error: Any) -> Curve:
    """Return a curve through `points`, and what places known to `error` leave open.

    A half cosine of height h has slope h pi / 2 sin(pi place) and a second derivative of at most
    h pi**2 / 2.  Where the phases meet, one step may be taken for either: both are level there.
    """
    start, top, end = points
    height = np.where(rises, abs(top - start), abs(end - top))
    slope = np.pi / 2 * height * np.abs(np.sin(np.pi * place))
    bend = np.pi**2 / 4 * np.abs(np.diff(points)).sum() * error.max() ** 2
    want = np.where(rises, half_cosine(start, top, place), half_cosine(top, end, place))
    return want, slope * error + bend + allowed(len(place), max(points))


def _one_cycle_torch(
    n_steps: int, max_lr: float, pct_start: float, div_factor: float, final_div_factor: float
) -> list[Curve]:
    """Half cosines: lr rises to max_lr at step pct_start n - 1, then falls; momentum mirrors it."""
    t, peak, last = np.arange(n_steps), pct_start * n_steps - 1, n_steps - 1
    rise = t / peak if peak else np.ones(n_steps)  # a phase without length is at its end
    start = max_lr / div_factor
    curves = []
    for a, b, c in ((start, max_lr, start / final_div_factor), (0.95, 0.85, 0.95)):
        fall = half_cosine(b, c, (t - peak) / (last - peak))
        want = np.where(t <= peak, half_cosine(a, b, rise), fall)
        curves.append((want, allowed(n_steps, max(a, b, c), 1 / SHORTEST)))
    return curves


FORMULAS: tuple[Callable[..., list[Curve]], ...] = (
    _linear, _exponential, _cosine, _cosine_restarts, _step_decay, _one_cycle_fastai,
    _one_cycle_torch,
)  # fmt: skip


def is_its_formula(formula: Callable[..., list[Curve]], impl: Any, p: Schedule) -> None:
    """Raise AssertionError unless every value is that of the formula."""
    got = getattr(impl, p.name)(**p.settings)
    curves = formula(**p.settings)
    for name, values, (want, room) in zip(("lr", "mom"), _each(got, curves), curves, strict=False):
        assert len(values) == len(want), f"{len(values)} values for {len(want)} steps"
        assert_within(values, want, room, name)


def _each(got: Any, curves: list[Curve]) -> Any:
    return [got] if len(curves) == 1 else got


for _formula in FORMULAS:
    _name = _formula.__name__[1:]
    LAWS[f"{_name}_is_its_formula"] = Law(
        f"{_name}_is_its_formula", "schedules", f"`{_name}`: {_formula.__doc__}", (_name,),
        Drawn(schedules(_name)), (), partial(is_its_formula, _formula),
    )  # fmt: skip


@law("Steps that are not so many equal epochs are refused.",
     given=schedules("one_cycle_fastai"), needs=("one_cycle_fastai",))  # fmt: skip
def fastai_refuses_unequal_epochs(impl: Any, p: Schedule) -> None:
    settings = p.settings | {"n_epochs": p.settings["n_steps"] + 1}
    refuses(f"{settings}", lambda: impl.one_cycle_fastai(**settings))

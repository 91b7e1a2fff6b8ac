"""Laws of the schedules: each is its formula, at every step.

Values are held against the plain implementation's, another program of the same formula; what stands
here is how far two right evaluations of it may lie apart.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from npcf.verify.assertions import assert_within
from npcf.verify.bounded import PRECISION
from npcf.verify.conformance.law import LAWS, Drawn, Law, law
from npcf.verify.conformance.laws._common import refuses
from npcf.verify.examples import plain
from npcf.verify.strategies import Schedule, schedules

U, ETA = PRECISION[np.dtype(np.float64)].u, PRECISION[np.dtype(np.float64)].eta
SHORTEST = 0.1  # of a step: no phase that `schedules` draws is shorter, and none of 60 steps longer
FLOAT32_PLACE = 2.0**-22  # seven roundings of a position in float32, where fastai keeps it

Points = tuple[float, float, float]
Room = Callable[..., tuple[Any, ...]]  # (values, **settings): for each series, how far apart


def allowed(n_steps: int, size: Any, steepness: float = 1.0) -> Any:
    """Return how far two evaluations may lie apart: n + 16 roundings each, of `size` at most.

    Sixteen for the formula; n for those who go on from step to step.  `steepness` is how much an
    error of the position is magnified.
    """
    return 2 * (n_steps + 16) * U * size * steepness


def _linear(values: Any, n_steps: int, start: float, end: float) -> tuple[Any, ...]:
    """Go along a line: start + t / n_steps (end - start)."""
    return (allowed(n_steps, max(start, end)),)


def _exponential(values: Any, n_steps: int, start: float, end: float) -> tuple[Any, ...]:
    """Go along a power: start (end / start)**(t / n_steps)."""
    return (allowed(n_steps, values, 1 + abs(np.log(end / start))),)


def _cosine(values: Any, n_steps: int, lr_max: float, lr_min: float) -> tuple[Any, ...]:
    """Half a cosine: lr_min + (lr_max - lr_min) (1 + cos(pi t / n_steps)) / 2."""
    return (allowed(n_steps, max(lr_max, lr_min)),)


def _cosine_restarts(values: Any, n_steps: int, lr_max: float, **rest: Any) -> tuple[Any, ...]:
    """Put a cosine after another, each cycle_mult times as long as the one before."""
    return (allowed(n_steps, max(lr_max, rest["lr_min"])),)


def _step_decay(values: Any, n_steps: int, **rest: Any) -> tuple[Any, ...]:
    """Stairs: lr gamma**(t // step_size)."""
    return (allowed(n_steps, values) + ETA,)


def _one_cycle_fastai(
    values: Any, n_steps: int, lr_max: float, div: float, div_final: float, pct_start: float,
    moms: Points, n_epochs: int,
) -> tuple[Any, ...]:  # fmt: skip
    """Half cosines: lr from lr_max / div over lr_max to lr_max / div_final, and the momenta."""
    position = np.arange(n_steps) / n_steps
    rises = position < pct_start
    length = np.where(rises, pct_start, 1 - pct_start)
    place = np.where(rises, position, position - pct_start) / length
    lrs = lr_max / div, lr_max, lr_max / div_final
    return tuple(_bent(points, rises, place, FLOAT32_PLACE / length) for points in (lrs, moms))


def _bent(points: Points, rises: Any, place: Any, error: Any) -> Any:
    """Return what places known to `error` leave open of a curve through `points`.

    A half cosine of height h has slope h pi / 2 sin(pi place) and a second derivative of at most
    h pi**2 / 2.  Where the phases meet, one step may be taken for either: both are level there.
    """
    start, top, end = points
    height = np.where(rises, abs(top - start), abs(end - top))
    slope = np.pi / 2 * height * np.abs(np.sin(np.pi * place))
    bend = np.pi**2 / 4 * np.abs(np.diff(points)).sum() * error.max() ** 2
    return slope * error + bend + allowed(len(place), max(points))


def _one_cycle_torch(values: Any, n_steps: int, max_lr: float, **rest: Any) -> tuple[Any, ...]:
    """Half cosines: lr rises to max_lr at step pct_start n - 1, then falls; momentum mirrors it."""
    return tuple(allowed(n_steps, size, 1 / SHORTEST) for size in (max_lr, 0.95))


def is_its_formula(room: Room, impl: Any, p: Schedule) -> None:
    """Raise AssertionError unless every value is that of the formula."""
    got, want = (_series(getattr(one, p.name)(**p.settings)) for one in (impl, plain))
    for name, a, b, error in zip(
        ("lr", "mom"), got, want, room(want[0], **p.settings), strict=False
    ):
        assert len(a) == len(b), f"{len(a)} values for {len(b)} steps"
        assert_within(a, b, error, name)


def _series(values: Any) -> Any:
    return values if isinstance(values, tuple) else (values,)


for _room in (
    _linear, _exponential, _cosine, _cosine_restarts, _step_decay, _one_cycle_fastai,
    _one_cycle_torch,
):  # fmt: skip
    _name = _room.__name__[1:]
    LAWS[f"{_name}_is_its_formula"] = Law(
        f"{_name}_is_its_formula", "schedules", f"`{_name}`: {_room.__doc__}", (_name,),
        Drawn(schedules(_name)), (), partial(is_its_formula, _room),
    )  # fmt: skip


@law("Steps that are not so many equal epochs are refused.",
     given=schedules("one_cycle_fastai"), needs=("one_cycle_fastai",))  # fmt: skip
def fastai_refuses_unequal_epochs(impl: Any, p: Schedule) -> None:
    settings = p.settings | {"n_epochs": p.settings["n_steps"] + 1}
    refuses(f"{settings}", lambda: impl.one_cycle_fastai(**settings))

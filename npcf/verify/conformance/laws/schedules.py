"""Laws of the schedules: each is its formula, at every step.

Values are held against the plain implementation's, another program of the same formula; what stands
here is how far two right evaluations of it may lie apart.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from npcf.verify import schedule_bounds
from npcf.verify.assertions import assert_within
from npcf.verify.bounded import PRECISION
from npcf.verify.conformance.law import LAWS, Drawn, Law, law
from npcf.verify.conformance.laws._common import refuses
from npcf.verify.examples import plain
from npcf.verify.schedule_bounds import allowed
from npcf.verify.strategies import Schedule, schedules

ETA = PRECISION[np.dtype(np.float64)].eta
SHORTEST = 0.1  # of a step: no phase that `schedules` draws is shorter, and none of 60 steps longer

Room = Callable[..., tuple[Any, ...]]  # (values, **settings): for each series, how far apart


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


def _one_cycle_fastai(values: Any, **settings: Any) -> tuple[Any, ...]:
    """Half cosines: lr from lr_max / div over lr_max to lr_max / div_final, and the momenta."""
    return schedule_bounds.one_cycle_fastai(**settings)


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

"""What the laws of the SGD and Adam steps share: calling a step, running several, comparing."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from npcf._types import FloatArray
from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.bounded import Bounded
from npcf.verify.conformance.law import Drawn
from npcf.verify.formulas import Formulas
from npcf.verify.running_error import RunningError
from npcf.verify.strategies import AdamStep, SGDStep

SGD, ADAM = ("sgd_step",), ("adam_step",)
NAMES = {2: ("w", "buf"), 3: ("w", "m", "v")}
ORDINARY = 2.0**30  # magnitudes in [1 / ORDINARY, ORDINARY]: no product of a step underflows


def sgd(impl: Any, p: SGDStep, **changes: Any) -> Any:
    """Return (w, buf) after the step `p`, its settings changed."""
    return impl.sgd_step(p.w, p.g, p.buf, **p.settings | changes)


def adam(impl: Any, p: AdamStep, **changes: Any) -> Any:
    """Return (w, m, v) after the step `p`, its settings changed."""
    return impl.adam_step(p.w, p.g, p.m, p.v, p.t, **p.settings | changes)


def run_sgd(impl: Any, p: SGDStep, grads: Sequence[FloatArray]) -> Any:
    """Return (w, buf) after one step of `p` for each gradient."""
    w, buf = p.w, p.buf
    for g in grads:
        w, buf = impl.sgd_step(w, g, buf, **p.settings)
    return w, buf


def run_adam(impl: Any, p: AdamStep, grads: Sequence[FloatArray]) -> Any:
    """Return (w, m, v) after one step for each gradient, the first of them number p.t."""
    w, m, v = p.w, p.m, p.v
    for t, g in enumerate(grads, p.t):
        w, m, v = impl.adam_step(w, g, m, v, t, **p.settings)
    return w, m, v


def bounded_run_sgd(p: SGDStep, grads: Sequence[FloatArray]) -> tuple[Bounded, Bounded | None]:
    """Return what `run_sgd` gives, in Bounded numbers."""
    f = Formulas(RunningError(p.dtype))
    w, buf = f.n.arrays(p.w, p.buf)
    for g in grads:
        w, buf = f.sgd(w, g, buf, **p.settings)
    return w, buf


def bounded_run_adam(p: AdamStep, grads: Sequence[FloatArray]) -> tuple[Bounded, Bounded, Bounded]:
    """Return what `run_adam` gives, in Bounded numbers."""
    f = Formulas(RunningError(p.dtype))
    w, m, v = f.n.arrays(p.w, p.m, p.v)
    for t, g in enumerate(grads, p.t):
        w, m, v = f.adam(w, g, m, v, t, **p.settings)
    return w, m, v


def some_gradients(p: Any) -> list[FloatArray]:
    """Return four gradients made of the numbers in `p`."""
    return [p.g, p.w[::-1], -p.g[::-1], p.g]


def changed(steps: Drawn, **settings: Any) -> Drawn:
    """Return the same steps with some settings fixed."""
    return steps.map(lambda p: p._replace(settings=p.settings | settings))


def on_arrays(p: Any, move: Callable[[FloatArray], FloatArray]) -> Any:
    """Return `p` with every array of it moved alike."""
    return p._replace(**{k: move(a) for k, a in p._asdict().items() if isinstance(a, np.ndarray)})


def ordinary(array: FloatArray) -> FloatArray:
    """Return the array with what could underflow or overflow in a step taken out."""
    within = np.clip(array, -ORDINARY, ORDINARY)
    return np.where(np.abs(within) < 1 / ORDINARY, 0, within).astype(array.dtype)


def same_bits(got: Sequence[Any], want: Sequence[Any]) -> None:
    """Raise AssertionError unless two results of a step agree in every bit, None with None."""
    for name, a, b in zip(NAMES[len(got)], got, want, strict=True):
        if a is None or b is None:
            assert a is b, f"{name} is {'None' if a is None else 'an array'}"
        else:
            assert_same_bits(a, b, name)


def close(got: Sequence[Any], want: Sequence[Any], allowed: Sequence[Any]) -> None:
    """Raise AssertionError unless two results of a step agree within `allowed`, part by part."""
    for name, a, b, error in zip(NAMES[len(got)], got, want, allowed, strict=True):
        if b is not None:
            assert_within(a, b, error, name)


def twice(errors: Sequence[Any]) -> list[Any]:
    """Return how far two evaluations may lie apart that each err by `errors`."""
    return [None if error is None else 2 * error for error in errors]


def assert_refused(step: Callable[[Any], Any], p: Any, what: str) -> None:
    """Raise AssertionError unless `step(p)` raises an exception."""
    try:
        step(p)
    except Exception:
        return
    raise AssertionError(f"{what} was not refused")

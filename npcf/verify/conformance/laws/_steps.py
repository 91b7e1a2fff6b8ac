"""What the laws of the SGD and Adam steps share: taking one or several, with bounds or without."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from npcf._types import FloatArray
from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.conformance.law import Drawn
from npcf.verify.formulas import Formulas
from npcf.verify.running_error import RunningError
from npcf.verify.strategies import AdamStep, SGDStep

NAMES = {SGDStep: ("w", "buf"), AdamStep: ("w", "m", "v")}
RULES = {SGDStep: "sgd", AdamStep: "adam"}
STRONG = {"lr": 0.3, "weight_decay": 0.1}


def changed(steps: Drawn, **settings: Any) -> Drawn:
    """Return the same steps with some settings fixed."""
    return steps.map(lambda p: p._replace(settings=p.settings | settings))


def after(impl: Any, p: Any, **changes: Any) -> Any:
    """Return the arrays after the step `p`, its settings changed."""
    return several(impl, p._replace(settings=p.settings | changes), [p.g])


def several(impl: Any, p: Any, gradients: Sequence[FloatArray]) -> Any:
    """Return the arrays after one step for each gradient."""
    return _run(getattr(impl, f"{RULES[type(p)]}_step"), p, gradients, lambda array: array)


def bounded(p: Any, gradients: Sequence[Any], **changes: Any) -> Any:
    """Return the same in Bounded numbers; a gradient may be one already."""
    f = Formulas(RunningError(p.dtype))
    p = p._replace(settings=p.settings | changes)
    return _run(getattr(f, RULES[type(p)]), p, gradients, f.n.array)


def _run(step: Callable[..., Any], p: Any, gradients: Sequence[Any], take: Any) -> Any:
    w, *state = (None if a is None else take(a) for a in map(p.__getattribute__, NAMES[type(p)]))
    for i, g in enumerate(gradients):
        number = (p.t + i,) if isinstance(p, AdamStep) else ()
        w, *state = step(w, take(g), *state, *number, **p.settings)
    return [w, *state]


def some_gradients(p: Any) -> list[FloatArray]:
    """Return four gradients made of the numbers in `p`."""
    return [p.g, p.w[::-1], -p.g[::-1], p.g]


def within(p: Any, got: Sequence[Any], want: Sequence[Any], bound: Sequence[Any]) -> None:
    """Raise AssertionError unless each array of `got` lies within the tolerance of `bound`."""
    for name, a, b, number in zip(NAMES[type(p)], got, want, bound, strict=True):
        if number is not None:
            assert_within(a, b, number.tolerance, name)


def in_a_row(impl: Any, p: Any) -> None:
    """Raise AssertionError unless four steps in a row lie within their running error."""
    want = bounded(p, some_gradients(p))
    values = [None if number is None else number.value for number in want]
    within(p, several(impl, p, some_gradients(p)), values, want)


def coupled_decay_is_part_of_the_gradient(impl: Any, p: Any) -> None:
    """Raise AssertionError unless the step is that of g + weight_decay w, without decay."""
    f = Formulas(RunningError(p.dtype))
    pull = f.l2(f.n.array(p.w), f.n.array(p.g), f.n.number(p.settings["weight_decay"]))
    plain = p._replace(g=pull.value.astype(p.dtype))
    want = after(impl, plain, weight_decay=0.0)
    within(p, after(impl, p), want, bounded(p, [pull], weight_decay=0.0))


def same_bits(got: Sequence[Any], want: Sequence[Any]) -> None:
    """Raise AssertionError unless two results of a step agree in every bit, None with None."""
    for a, b in zip(got, want, strict=True):
        assert (a is None) == (b is None), f"{a} against {b}"
        if a is not None:
            assert_same_bits(np.asarray(a), b, "array")

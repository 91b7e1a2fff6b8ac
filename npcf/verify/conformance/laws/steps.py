"""Laws of the steps of SGD and Adam: one step, and several."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from npcf._types import FloatArray
from npcf.verify import assert_within_exact, bounds, exact
from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.conformance.law import Drawn, law
from npcf.verify.formulas import Formulas
from npcf.verify.running_error import RunningError
from npcf.verify.strategies import AdamStep, SGDStep, adam_steps, sgd_steps

NAMES = {SGDStep: ("w", "buf"), AdamStep: ("w", "m", "v")}
RULES = {SGDStep: "sgd", AdamStep: "adam"}
STRONG = {"lr": 0.3, "weight_decay": 0.1}
SGD, ADAM = ("sgd_step",), ("adam_step",)
ANY_SGD, ANY_ADAM = Drawn(sgd_steps()), Drawn(adam_steps())


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


def allowed(p: Any, **changes: Any) -> Any:
    """Return the a-priori bound of w after the step `p`, its settings changed."""
    step = getattr(bounds, f"{RULES[type(p)]}_step")
    return step(*p[:-1], **p.settings | changes)[0]


def _run(step: Callable[..., Any], p: Any, gradients: Sequence[Any], take: Any) -> Any:
    w, *state = (None if a is None else take(a) for a in map(p.__getattribute__, NAMES[type(p)]))
    for i, g in enumerate(gradients):
        number = (p.t + i,) if isinstance(p, AdamStep) else ()
        w, *state = step(w, take(g), *state, *number, **p.settings)
    return [w, *state]


def within(p: Any, got: Sequence[Any], want: Sequence[Any], bound: Sequence[Any]) -> None:
    """Raise AssertionError unless each array of `got` lies within the tolerance of `bound`."""
    for name, a, b, number in zip(NAMES[type(p)], got, want, bound, strict=True):
        if number is not None:
            assert_within(a, b, number.tolerance, name)


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


# -- SGD -------------------------------------------------------------------------------------------

NEITHER = {"momentum": 0.0, "dampening": 0.0, "nesterov": False, "weight_decay": 0.0}


def with_momentum(p: SGDStep) -> SGDStep:
    """Return the step with momentum, if it had none."""
    return p._replace(settings=p.settings | {"momentum": p.settings["momentum"] or 0.9})


def later(p: SGDStep) -> SGDStep:
    """Return the step with momentum and a buffer: not the first."""
    return with_momentum(p)._replace(buf=p.w[::-1].copy() if p.buf is None else p.buf)


def undampened(p: SGDStep) -> SGDStep:
    """Return the step with momentum and without a buffer: the first."""
    return with_momentum(p)._replace(buf=None)


@law("Without momentum no buffer is read and None is returned.", given=ANY_SGD, needs=SGD)
def sgd_without_momentum_has_no_buffer(impl: Any, p: SGDStep) -> None:
    plain = {"momentum": 0.0, "nesterov": False}
    got = after(impl, p._replace(buf=p.w[::-1].copy()), **plain)
    assert got[1] is None, "a buffer was returned"
    same_bits(got, after(impl, p._replace(buf=None), **plain))


@law("Nothing dampens the first step.",
     given=changed(ANY_SGD.map(undampened), nesterov=False), needs=SGD)  # fmt: skip
def sgd_first_step_is_not_dampened(impl: Any, p: SGDStep) -> None:
    same_bits(after(impl, p, dampening=0.5), after(impl, p, dampening=0.0))


@law("Nesterov's step is a plain step followed by momentum times the classic one.",
     given=changed(ANY_SGD.map(later), nesterov=False, dampening=0.0, weight_decay=0.0),
     needs=SGD)  # fmt: skip
def sgd_nesterov_looks_ahead(impl: Any, p: SGDStep) -> None:
    m, lr = (Fraction(p.settings[name]) for name in ("momentum", "lr"))
    w, g = exact.fractions(p.w), exact.fractions(p.g)
    want = w - g * lr + (exact.fractions(after(impl, p)[0]) - w) * m
    error = allowed(p, nesterov=True) + p.settings["momentum"] * allowed(p)
    assert_within_exact(after(impl, p, nesterov=True)[0], want, error, "w")


@law("Coupled decay is a larger gradient: g + weight_decay w.",
     given=changed(ANY_SGD, **STRONG | {"decoupled": False}), needs=SGD)  # fmt: skip
def sgd_coupled_decay_is_part_of_the_gradient(impl: Any, p: SGDStep) -> None:
    coupled_decay_is_part_of_the_gradient(impl, p)


@law("Decoupled decay does not enter the buffer.",
     given=changed(ANY_SGD.map(with_momentum), **STRONG | {"decoupled": True}),
     needs=SGD)  # fmt: skip
def sgd_decoupled_decay_stays_out_of_the_buffer(impl: Any, p: SGDStep) -> None:
    same_bits(after(impl, p)[1:], after(impl, p, weight_decay=0.0)[1:])


@law("Without momentum, coupled and decoupled decay differ by rounding only.",
     given=changed(ANY_SGD, **NEITHER | STRONG), needs=SGD)  # fmt: skip
def sgd_couplings_agree_without_momentum(impl: Any, p: SGDStep) -> None:
    coupled, decoupled = (after(impl, p, decoupled=d)[0] for d in (False, True))
    assert_within(decoupled, coupled, allowed(p, decoupled=False) + allowed(p, decoupled=True), "w")


# -- Adam ------------------------------------------------------------------------------------------

PLAIN = changed(ANY_ADAM, weight_decay=0.0)
ORDINARY = 2.0**30  # magnitudes in [1 / ORDINARY, ORDINARY]: no product of a step underflows


def first(p: AdamStep) -> AdamStep:
    """Return the first step along the same gradient."""
    return p._replace(m=np.zeros_like(p.m), v=np.zeros_like(p.v), t=1)


def still(p: AdamStep) -> AdamStep:
    """Return a later step without a gradient, at t <= 1000: beta**t has few enough digits."""
    return p._replace(g=np.zeros_like(p.g), t=min(p.t, 1000))


def everywhere(p: AdamStep) -> AdamStep:
    """Return a step in which every entry has an ordinary gradient, not zero."""

    def ordinary(array: FloatArray) -> FloatArray:
        within = np.clip(array, -ORDINARY, ORDINARY)
        return np.where(np.abs(within) < 1 / ORDINARY, 0, within).astype(array.dtype)

    w, g, m, v = map(ordinary, (p.w, p.g, p.m, p.v))
    return p._replace(w=w, g=np.where(np.abs(g) < 2.0**-10, p.dtype.type(1), g), m=m, v=v)


def along(p: AdamStep, steps: int) -> Any:
    """Return w - steps lr g / (|g| + eps), without rounding."""
    g, eps = exact.fractions(p.g), Fraction(p.settings["eps"])
    return exact.fractions(p.w) - g / (abs(g) + eps) * (steps * Fraction(p.settings["lr"]))


@law("The first step is lr g / (|g| + eps), eps outside the root.",
     given=PLAIN.map(first), needs=ADAM)  # fmt: skip
def adam_first_step_is_lr_g_over_abs_g_plus_eps(impl: Any, p: AdamStep) -> None:
    assert_within_exact(after(impl, p)[0], along(p, 1), allowed(p), "w")


@law("Under a constant gradient every step is the first one again: lr g / (|g| + eps).",
     given=PLAIN.map(first), needs=ADAM)  # fmt: skip
def adam_steps_along_a_constant_gradient(impl: Any, p: AdamStep) -> None:
    error = bounded(p, [p.g] * 4)[0].tolerance
    assert_within_exact(several(impl, p, [p.g] * 4)[0], along(p, 4), error, "w")


@law("A parameter whose gradient is zero goes on moving: its first moment is not.",
     given=changed(PLAIN.map(still), lr=0.3).filter(lambda p: p.t > 1), needs=ADAM)  # fmt: skip
def adam_moves_parameters_without_gradient(impl: Any, p: AdamStep) -> None:
    want = exact.adam_step(p.w, p.g, p.m, p.v, p.t, **p.settings)[0]
    assert_within_exact(after(impl, p)[0], want, allowed(p), "w")


@law("Without eps a loss eight times as large moves the parameters to the same bits.",
     given=changed(PLAIN.map(everywhere), eps=0.0), needs=ADAM)  # fmt: skip
def adam_does_not_see_the_scale_of_the_loss(impl: Any, p: AdamStep) -> None:
    larger = p._replace(g=p.g * p.dtype.type(8), m=p.m * p.dtype.type(8), v=p.v * p.dtype.type(64))
    assert_same_bits(after(impl, larger)[0], after(impl, p)[0], "w")


@law("Decoupled decay enters neither moment.",
     given=changed(ANY_ADAM, **STRONG | {"decoupled": True}), needs=ADAM)  # fmt: skip
def adam_decoupled_decay_stays_out_of_the_moments(impl: Any, p: AdamStep) -> None:
    same_bits(after(impl, p)[1:], after(impl, p, weight_decay=0.0)[1:])


@law("Coupled decay is a larger gradient, g + weight_decay w, in step and moments alike.",
     given=changed(ANY_ADAM, **STRONG | {"decoupled": False}), needs=ADAM)  # fmt: skip
def adam_coupled_decay_is_part_of_the_gradient(impl: Any, p: AdamStep) -> None:
    coupled_decay_is_part_of_the_gradient(impl, p)

"""Laws of one step of Adam, and of several."""

from fractions import Fraction
from typing import Any

import numpy as np

from npcf._types import FloatArray
from npcf.verify import assert_within_exact, bounds, exact
from npcf.verify.assertions import assert_same_bits
from npcf.verify.conformance.law import Drawn, law
from npcf.verify.conformance.laws._steps import (
    STRONG,
    after,
    bounded,
    changed,
    coupled_decay_is_part_of_the_gradient,
    in_a_row,
    same_bits,
    several,
)
from npcf.verify.strategies import AdamStep, adam_steps

NEEDS = ("adam_step",)
ANY = Drawn(adam_steps())
PLAIN = changed(ANY, weight_decay=0.0)
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


def allowed(p: AdamStep) -> Any:
    """Return the a-priori bound of w."""
    return bounds.adam_step(p.w, p.g, p.m, p.v, p.t, **p.settings)[0]


def along(p: AdamStep, steps: int) -> Any:
    """Return w - steps lr g / (|g| + eps), without rounding."""
    g, eps = exact.fractions(p.g), Fraction(p.settings["eps"])
    return exact.fractions(p.w) - g / (abs(g) + eps) * (steps * Fraction(p.settings["lr"]))


@law("Four steps in a row lie within the running error of the formula.", given=ANY, needs=NEEDS)
def adam_steps_in_a_row_stay_within_the_running_error(impl: Any, p: AdamStep) -> None:
    in_a_row(impl, p)


@law("The first step is lr g / (|g| + eps), eps outside the root.",
     given=PLAIN.map(first), needs=NEEDS)  # fmt: skip
def adam_first_step_is_lr_g_over_abs_g_plus_eps(impl: Any, p: AdamStep) -> None:
    assert_within_exact(after(impl, p)[0], along(p, 1), allowed(p), "w")


@law("Under a constant gradient every step is the first one again: lr g / (|g| + eps).",
     given=PLAIN.map(first), needs=NEEDS)  # fmt: skip
def adam_steps_along_a_constant_gradient(impl: Any, p: AdamStep) -> None:
    error = bounded(p, [p.g] * 4)[0].tolerance
    assert_within_exact(several(impl, p, [p.g] * 4)[0], along(p, 4), error, "w")


@law("A parameter whose gradient is zero goes on moving: its first moment is not.",
     given=changed(PLAIN.map(still), lr=0.3).filter(lambda p: p.t > 1), needs=NEEDS)  # fmt: skip
def adam_moves_parameters_without_gradient(impl: Any, p: AdamStep) -> None:
    want = exact.adam_step(p.w, p.g, p.m, p.v, p.t, **p.settings)[0]
    assert_within_exact(after(impl, p)[0], want, allowed(p), "w")


@law("Without eps a loss eight times as large moves the parameters to the same bits.",
     given=changed(PLAIN.map(everywhere), eps=0.0), needs=NEEDS)  # fmt: skip
def adam_does_not_see_the_scale_of_the_loss(impl: Any, p: AdamStep) -> None:
    larger = p._replace(g=p.g * p.dtype.type(8), m=p.m * p.dtype.type(8), v=p.v * p.dtype.type(64))
    assert_same_bits(after(impl, larger)[0], after(impl, p)[0], "w")


@law("Decoupled decay enters neither moment.",
     given=changed(ANY, **STRONG | {"decoupled": True}), needs=NEEDS)  # fmt: skip
def adam_decoupled_decay_stays_out_of_the_moments(impl: Any, p: AdamStep) -> None:
    same_bits(after(impl, p)[1:], after(impl, p, weight_decay=0.0)[1:])


@law("Coupled decay is a larger gradient, g + weight_decay w, in step and moments alike.",
     given=changed(ANY, **STRONG | {"decoupled": False}), needs=NEEDS)  # fmt: skip
def adam_coupled_decay_is_part_of_the_gradient(impl: Any, p: AdamStep) -> None:
    coupled_decay_is_part_of_the_gradient(impl, p)

"""Laws of one Adam step: what it computes, against exact arithmetic and against itself."""

from fractions import Fraction
from typing import Any

import numpy as np

from npcf.verify import assert_within_exact, bounds, exact
from npcf.verify.assertions import assert_within
from npcf.verify.conformance.law import Drawn, law
from npcf.verify.conformance.laws._steps import (
    ADAM,
    adam,
    bounded_run_adam,
    changed,
    on_arrays,
    ordinary,
    run_adam,
    same_bits,
    some_gradients,
)
from npcf.verify.strategies import AdamStep, adam_steps


def allowed(p: AdamStep, **changes: Any) -> Any:
    """Return the a-priori bounds of (w, m, v)."""
    return bounds.adam_step(p.w, p.g, p.m, p.v, p.t, **p.settings | changes)


def first(p: AdamStep) -> AdamStep:
    """Return the first step along the same gradient."""
    return p._replace(m=np.zeros_like(p.m), v=np.zeros_like(p.v), t=1)


def everywhere(p: AdamStep) -> AdamStep:
    """Return a step in which every entry has an ordinary gradient, not zero."""
    p = on_arrays(p, ordinary)
    return p._replace(g=np.where(np.abs(p.g) < 2.0**-10, p.dtype.type(1), p.g))


def early(p: AdamStep) -> AdamStep:
    """Return the step at t <= 1000: further on, beta**t has millions of exact digits."""
    return p._replace(t=min(p.t, 1000))


EXACTLY = Drawn(adam_steps()).map(early)
PLAIN = changed(Drawn(adam_steps()), weight_decay=0.0)
FRESH = PLAIN.map(first)


@law(
    "The parameters lie within the derived bound of exact arithmetic, whatever the settings.",
    given=EXACTLY,
    needs=ADAM,
)
def adam_parameters_are_exact_up_to_their_bound(impl: Any, p: AdamStep) -> None:
    want = exact.adam_step(p.w, p.g, p.m, p.v, p.t, **p.settings)[0]
    assert_within_exact(adam(impl, p)[0], want, allowed(p)[0], "w")


@law(
    "Both moments lie within the derived bound of exact arithmetic.",
    given=EXACTLY,
    needs=ADAM,
)
def adam_moments_are_exact_up_to_their_bound(impl: Any, p: AdamStep) -> None:
    want = exact.adam_step(p.w, p.g, p.m, p.v, p.t, **p.settings)
    got, errors = adam(impl, p), allowed(p)
    assert_within_exact(got[1], want[1], errors[1], "m")
    assert_within_exact(got[2], want[2], errors[2], "v")


@law(
    "Four steps in a row lie within the running error of the formula.",
    given=adam_steps(),
    needs=ADAM,
)
def adam_steps_in_a_row_stay_within_the_running_error(impl: Any, p: AdamStep) -> None:
    got, want = run_adam(impl, p, some_gradients(p)), bounded_run_adam(p, some_gradients(p))
    for name, a, b in zip(("w", "m", "v"), got, want, strict=True):
        assert_within(a, b.value, b.tolerance, name)


@law("A rate of zero moves no parameter.", given=changed(Drawn(adam_steps()), lr=0.0), needs=ADAM)
def adam_at_rate_zero_moves_nothing(impl: Any, p: AdamStep) -> None:
    w, m, v = adam(impl, p)
    same_bits((w, m, v), (p.w, m, v))


@law("Without decay a first step on a zero gradient moves nothing.", given=FRESH, needs=ADAM)
def adam_first_zero_gradient_moves_nothing(impl: Any, p: AdamStep) -> None:
    zero = np.zeros_like(p.g)
    same_bits(adam(impl, p._replace(g=zero)), (p.w, zero, zero))


@law(
    "The first step is lr g / (|g| + eps), eps outside the root.",
    given=FRESH,
    needs=ADAM,
)
def adam_first_step_is_lr_g_over_abs_g_plus_eps(impl: Any, p: AdamStep) -> None:
    g, eps = exact.fractions(p.g), Fraction(p.settings["eps"])
    want = exact.fractions(p.w) - g / (abs(g) + eps) * Fraction(p.settings["lr"])
    assert_within_exact(adam(impl, p)[0], want, allowed(p)[0], "w")


@law(
    "A first gradient of the size of eps moves a parameter by half the rate.",
    given=changed(FRESH, lr=0.3),
    needs=ADAM,
)
def adam_first_gradient_of_the_size_of_eps(impl: Any, p: AdamStep) -> None:
    small = p._replace(g=np.full_like(p.g, p.settings["eps"]))
    g = exact.fractions(small.g)
    want = exact.fractions(p.w) - g / (g + Fraction(p.settings["eps"])) * Fraction(0.3)
    assert_within_exact(adam(impl, small)[0], want, allowed(small)[0], "w")


@law(
    "The betas have no effect on where the first step leads: their correction undoes them.",
    given=FRESH,
    needs=ADAM,
)
def adam_first_step_does_not_depend_on_the_betas(impl: Any, p: AdamStep) -> None:
    one, other = {"betas": (0.5, 0.75)}, {"betas": (0.9, 0.999)}
    error = allowed(p, **one)[0] + allowed(p, **other)[0]
    assert_within(adam(impl, p, **one)[0], adam(impl, p, **other)[0], error, "w")


@law("A first step never leads along the gradient.", given=FRESH, needs=ADAM)
def adam_first_step_goes_against_the_gradient(impl: Any, p: AdamStep) -> None:
    w = adam(impl, p)[0]
    assert (w[p.g > 0] <= p.w[p.g > 0]).all(), "a parameter rose along a positive gradient"
    assert (w[p.g < 0] >= p.w[p.g < 0]).all(), "a parameter fell along a negative gradient"
    same_bits((w[p.g == 0], None), (p.w[p.g == 0], None))


@law("No first step is longer than the rate.", given=FRESH, needs=ADAM)
def adam_first_step_is_not_longer_than_the_rate(impl: Any, p: AdamStep) -> None:
    length = np.abs(adam(impl, p)[0].astype(np.float64) - p.w)
    assert (length <= p.settings["lr"] + allowed(p)[0]).all(), f"a step of length {length.max()}"

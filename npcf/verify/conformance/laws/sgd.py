"""Laws of one SGD step: what it computes, against exact arithmetic and against itself."""

from fractions import Fraction
from typing import Any

import numpy as np

from npcf.verify import assert_within_exact, bounds, exact
from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.conformance.law import Drawn, law
from npcf.verify.conformance.laws._steps import (
    SGD,
    bounded_run_sgd,
    changed,
    close,
    on_arrays,
    ordinary,
    run_sgd,
    same_bits,
    sgd,
    some_gradients,
)
from npcf.verify.strategies import SGDStep, sgd_steps

PLAIN = {"momentum": 0.0, "dampening": 0.0, "nesterov": False, "weight_decay": 0.0}


def with_momentum(p: SGDStep) -> SGDStep:
    """Return the step with momentum, if it had none."""
    return p._replace(settings=p.settings | {"momentum": p.settings["momentum"] or 0.9})


def later(p: SGDStep) -> SGDStep:
    """Return the step with momentum and a buffer: not the first."""
    return with_momentum(p)._replace(buf=p.w[::-1].copy() if p.buf is None else p.buf)


def first(p: SGDStep) -> SGDStep:
    """Return the step with momentum and without a buffer: the first."""
    return with_momentum(p)._replace(buf=None)


def allowed(p: SGDStep, **changes: Any) -> Any:
    """Return the a-priori bounds of (w, buf)."""
    return bounds.sgd_step(p.w, p.g, p.buf, **p.settings | changes)


@law(
    "The parameters lie within the derived bound of exact arithmetic, whatever the settings.",
    given=sgd_steps(),
    needs=SGD,
)
def sgd_parameters_are_exact_up_to_their_bound(impl: Any, p: SGDStep) -> None:
    want = exact.sgd_step(p.w, p.g, p.buf, **p.settings)[0]
    assert_within_exact(sgd(impl, p)[0], want, allowed(p)[0], "w")


@law(
    "The momentum buffer lies within the derived bound of exact arithmetic.",
    given=Drawn(sgd_steps()).map(with_momentum),
    needs=SGD,
)
def sgd_buffer_is_exact_up_to_its_bound(impl: Any, p: SGDStep) -> None:
    want = exact.sgd_step(p.w, p.g, p.buf, **p.settings)[1]
    assert_within_exact(sgd(impl, p)[1], want, allowed(p)[1], "buf")


@law(
    "Four steps in a row lie within the running error of the formula.",
    given=sgd_steps(),
    needs=SGD,
)
def sgd_steps_in_a_row_stay_within_the_running_error(impl: Any, p: SGDStep) -> None:
    got, want = run_sgd(impl, p, some_gradients(p)), bounded_run_sgd(p, some_gradients(p))
    for name, a, b in zip(("w", "buf"), got, want, strict=True):
        if b is not None:
            assert_within(a, b.value, b.tolerance, name)


@law(
    "Without options a step is w - lr g.",
    given=changed(Drawn(sgd_steps()), **PLAIN),
    needs=SGD,
)
def sgd_without_options_is_w_minus_lr_g(impl: Any, p: SGDStep) -> None:
    w, g = exact.fractions(p.w), exact.fractions(p.g)
    want = w - g * Fraction(p.settings["lr"])
    assert_within_exact(sgd(impl, p)[0], want, allowed(p)[0], "w")


@law("A rate of zero moves no parameter.", given=changed(Drawn(sgd_steps()), lr=0.0), needs=SGD)
def sgd_at_rate_zero_moves_nothing(impl: Any, p: SGDStep) -> None:
    assert_same_bits(sgd(impl, p)[0], p.w, "w")


@law(
    "Without decay a first step on a zero gradient moves nothing.",
    given=changed(Drawn(sgd_steps()), weight_decay=0.0),
    needs=SGD,
)
def sgd_first_zero_gradient_moves_nothing(impl: Any, p: SGDStep) -> None:
    still = p._replace(g=np.zeros_like(p.g), buf=None)
    assert_same_bits(sgd(impl, still)[0], p.w, "w")


@law(
    "Twice the parameters, gradient and buffer give exactly twice the result.",
    given=Drawn(sgd_steps()).map(lambda p: on_arrays(p, ordinary)),
    needs=SGD,
)
def sgd_doubles_with_its_arguments(impl: Any, p: SGDStep) -> None:
    doubled = sgd(impl, on_arrays(p, lambda a: a * 2))
    same_bits(doubled, [None if a is None else a * 2 for a in sgd(impl, p)])


@law(
    "Negated parameters, gradient and buffer give exactly the negated result.",
    given=sgd_steps(),
    needs=SGD,
)
def sgd_negates_with_its_arguments(impl: Any, p: SGDStep) -> None:
    negated = sgd(impl, on_arrays(p, np.negative))
    same_bits(negated, [None if a is None else -a for a in sgd(impl, p)])


@law(
    "A step is linear: that of w alone and that of gradient and buffer alone add up to it.",
    given=Drawn(sgd_steps()).map(later),
    needs=SGD,
)
def sgd_is_linear(impl: Any, p: SGDStep) -> None:
    zero = np.zeros_like(p.w)
    alone, pulled = p._replace(g=zero, buf=zero), p._replace(w=zero)
    parts = zip(sgd(impl, alone), sgd(impl, pulled), strict=True)
    want = [a.astype(np.float64) + b.astype(np.float64) for a, b in parts]
    errors = [sum(three) for three in zip(*map(allowed, (p, alone, pulled)), strict=True)]
    wide = [2.0**-53 * np.abs(total) for total in want]  # of the sums above
    close(sgd(impl, p), want, [e + s for e, s in zip(errors, wide, strict=True)])


@law(
    "A larger gradient never gives a larger parameter.",
    given=changed(Drawn(sgd_steps()), dampening=0.0),
    needs=SGD,
)
def sgd_moves_against_the_gradient(impl: Any, p: SGDStep) -> None:
    pushed = sgd(impl, p._replace(g=p.g + p.dtype.type(0.375)))[0]
    assert (pushed <= sgd(impl, p)[0]).all(), "a larger gradient gave a larger parameter"


@law(
    "Twice the rate moves the parameters twice as far.",
    given=changed(Drawn(sgd_steps()), lr=0.125, decoupled=False),
    needs=SGD,
)
def sgd_moves_in_proportion_to_the_rate(impl: Any, p: SGDStep) -> None:
    w = exact.fractions(p.w)
    want = w + (exact.fractions(sgd(impl, p)[0]) - w) * 2
    errors = 2 * allowed(p)[0] + allowed(p, lr=0.25)[0]
    assert_within_exact(sgd(impl, p, lr=0.25)[0], want, errors, "w")

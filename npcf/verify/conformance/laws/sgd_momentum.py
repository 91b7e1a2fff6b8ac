"""Laws of momentum in an SGD step: its buffer, dampening, and Nesterov's look ahead."""

from fractions import Fraction
from typing import Any

import numpy as np

from npcf.verify import assert_within_exact, exact
from npcf.verify.assertions import assert_within
from npcf.verify.bounded import Bounded
from npcf.verify.conformance.law import Drawn, law
from npcf.verify.conformance.laws._steps import (
    SGD,
    bounded_run_sgd,
    changed,
    run_sgd,
    same_bits,
    sgd,
    some_gradients,
)
from npcf.verify.conformance.laws.sgd import allowed, first, later, with_momentum
from npcf.verify.strategies import SGDStep, sgd_steps

HEAVY = {"momentum": 0.9, "dampening": 0.0, "nesterov": False}


@law(
    "A parameter without gradient goes on moving by its momentum.",
    given=changed(Drawn(sgd_steps()).map(later), weight_decay=0.0),
    needs=SGD,
)
def sgd_buffer_moves_a_parameter_without_gradient(impl: Any, p: SGDStep) -> None:
    still = p._replace(g=np.zeros_like(p.g))
    momentum = Fraction(p.settings["momentum"])
    power = momentum**2 if p.settings["nesterov"] else momentum
    buf = exact.fractions(p.buf)
    want = exact.fractions(p.w) - buf * (power * Fraction(p.settings["lr"]))
    got, errors = sgd(impl, still), allowed(still)
    assert_within_exact(got[0], want, errors[0], "w")
    assert_within_exact(got[1], buf * momentum, errors[1], "buf")


@law("The rate does not enter the buffer.", given=Drawn(sgd_steps()).map(with_momentum), needs=SGD)
def sgd_rate_stays_out_of_the_buffer(impl: Any, p: SGDStep) -> None:
    same_bits((p.w, sgd(impl, p, lr=0.5)[1]), (p.w, sgd(impl, p, lr=0.001)[1]))


@law(
    "The first buffer of momentum is the gradient, to the bit.",
    given=changed(Drawn(sgd_steps()).map(first), weight_decay=0.0),
    needs=SGD,
)
def sgd_first_buffer_is_the_gradient(impl: Any, p: SGDStep) -> None:
    same_bits((p.w, sgd(impl, p)[1]), (p.w, p.g))


@law(
    "Nothing dampens the first step.",
    given=changed(Drawn(sgd_steps()).map(first), nesterov=False),
    needs=SGD,
)
def sgd_first_step_is_not_dampened(impl: Any, p: SGDStep) -> None:
    same_bits(sgd(impl, p, dampening=0.5), sgd(impl, p, dampening=0.0))


@law(
    "Undampened, a buffer of zeros is as good as none.",
    given=changed(Drawn(sgd_steps()).map(first), dampening=0.0),
    needs=SGD,
)
def sgd_zero_buffer_is_a_fresh_start(impl: Any, p: SGDStep) -> None:
    same_bits(sgd(impl, p._replace(buf=np.zeros_like(p.w))), sgd(impl, p))


@law(
    "Dampening scales the gradient by 1 - dampening on its way into the buffer.",
    given=changed(Drawn(sgd_steps()).map(later), nesterov=False, dampening=0.375, weight_decay=0.0),
    needs=SGD,
)
def sgd_dampening_scales_the_gradient(impl: Any, p: SGDStep) -> None:
    empty = p._replace(buf=np.zeros_like(p.w))
    want = exact.fractions(p.g) * Fraction(5, 8)
    assert_within_exact(sgd(impl, empty)[1], want, allowed(empty)[1], "buf")


@law(
    "Under a constant gradient the buffer is a geometric sum whose first term is undampened.",
    given=changed(Drawn(sgd_steps()).map(first), weight_decay=0.0),
    needs=SGD,
)
def sgd_buffer_of_a_constant_gradient_is_a_geometric_sum(impl: Any, p: SGDStep) -> None:
    m, damp = (Fraction(p.settings[name]) for name in ("momentum", "dampening"))
    want = exact.fractions(p.g) * (m**3 + (1 - damp) * (1 - m**3) / (1 - m))
    _, bound = bounded_run_sgd(p, [p.g] * 4)
    assert bound is not None
    assert_within_exact(run_sgd(impl, p, [p.g] * 4)[1], want, bound.tolerance, "buf")


@law(
    "With dampening equal to momentum the buffer is an average: between itself and the gradient.",
    given=changed(Drawn(sgd_steps()).map(later), **HEAVY | {"dampening": 0.9, "weight_decay": 0.0}),
    needs=SGD,
)
def sgd_dampened_buffer_is_an_average(impl: Any, p: SGDStep) -> None:
    buf, error = sgd(impl, p)[1].astype(np.float64), allowed(p)[1]
    assert p.buf is not None
    assert (buf >= np.minimum(p.buf, p.g) - error).all(), "the average lies below both"
    assert (buf <= np.maximum(p.buf, p.g) + error).all(), "the average lies above both"


@law(
    "Averaging momentum, from zero, is classic momentum at lr (1 - momentum).",
    given=changed(Drawn(sgd_steps()), **HEAVY | {"lr": 0.25, "weight_decay": 0.0, "momentum": 0.5}),
    needs=SGD,
)
def sgd_averaging_is_classic_momentum_at_a_smaller_rate(impl: Any, p: SGDStep) -> None:
    start = p._replace(buf=np.zeros_like(p.w))
    average = start._replace(settings=p.settings | {"dampening": 0.5})
    classic = start._replace(settings=p.settings | {"lr": 0.125})
    grads = some_gradients(p)
    error = sum(bounded_run_sgd(q, grads)[0].tolerance for q in (average, classic))
    assert_within(run_sgd(impl, average, grads)[0], run_sgd(impl, classic, grads)[0], error, "w")


@law(
    "Nesterov's step is a plain step followed by momentum times the classic one.",
    given=changed(Drawn(sgd_steps()).map(later), nesterov=False, dampening=0.0, weight_decay=0.0),
    needs=SGD,
)
def sgd_nesterov_looks_ahead(impl: Any, p: SGDStep) -> None:
    m, lr = (Fraction(p.settings[name]) for name in ("momentum", "lr"))
    w, g = exact.fractions(p.w), exact.fractions(p.g)
    classic = exact.fractions(sgd(impl, p)[0])
    want = w - g * lr + (classic - w) * m
    error = allowed(p, nesterov=True)[0] + p.settings["momentum"] * allowed(p)[0]
    assert_within_exact(sgd(impl, p, nesterov=True)[0], want, error, "w")


@law(
    "A first step of Nesterov's moves by lr (1 + momentum) g.",
    given=changed(Drawn(sgd_steps()).map(first), nesterov=True, dampening=0.0, weight_decay=0.0),
    needs=SGD,
)
def sgd_first_nesterov_step(impl: Any, p: SGDStep) -> None:
    factor = Fraction(p.settings["lr"]) * (1 + Fraction(p.settings["momentum"]))
    want = exact.fractions(p.w) - exact.fractions(p.g) * factor
    assert_within_exact(sgd(impl, p)[0], want, allowed(p)[0], "w")


@law(
    "Nesterov's buffer is the classic one, to the bit.",
    given=changed(Drawn(sgd_steps()).map(later), dampening=0.0),
    needs=SGD,
)
def sgd_nesterov_changes_no_buffer(impl: Any, p: SGDStep) -> None:
    ahead, classic = sgd(impl, p, nesterov=True)[1], sgd(impl, p, nesterov=False)[1]
    same_bits((p.w, ahead), (p.w, classic))


@law("Without momentum no buffer is read and None is returned.", given=sgd_steps(), needs=SGD)
def sgd_without_momentum_has_no_buffer(impl: Any, p: SGDStep) -> None:
    plain = {"momentum": 0.0, "nesterov": False}
    got = sgd(impl, p._replace(buf=p.w[::-1].copy()), **plain)
    assert got[1] is None, "a buffer was returned"
    same_bits(got, sgd(impl, p._replace(buf=None), **plain))


@law(
    "Without momentum dampening has no effect.",
    given=changed(Drawn(sgd_steps()), momentum=0.0, nesterov=False),
    needs=SGD,
)
def sgd_dampening_needs_momentum(impl: Any, p: SGDStep) -> None:
    plain = p._replace(buf=None)
    same_bits(sgd(impl, plain, dampening=0.5), sgd(impl, plain, dampening=0.0))


@law(
    "Several steps with a rate of zero still fill the buffer as the formula says.",
    given=changed(Drawn(sgd_steps()).map(with_momentum), lr=0.0),
    needs=SGD,
)
def sgd_buffer_fills_at_rate_zero(impl: Any, p: SGDStep) -> None:
    buf = None if p.buf is None else Bounded.exact(p.buf)
    decay = 0.0 if p.settings["decoupled"] else p.settings["weight_decay"]
    for g in some_gradients(p):
        pull = Bounded.exact(g) + Bounded.exact(p.w) * Bounded.exact(p.w).constant(decay)
        damped = pull * pull.constant(1 - p.settings["dampening"])
        buf = pull if buf is None else buf * pull.constant(p.settings["momentum"]) + damped
    assert buf is not None
    assert_within(run_sgd(impl, p, some_gradients(p))[1], buf.value, buf.tolerance, "buf")

"""Laws of one SGD step: what it computes, against exact arithmetic and against itself."""

from fractions import Fraction
from typing import Any

import numpy as np

from npcf.verify import assert_within_exact, bounds, exact
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
from npcf.verify.formulas import Formulas
from npcf.verify.running_error import RunningError
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


EITHER = Drawn(sgd_steps())
STRONG = {"lr": 0.3, "weight_decay": 0.1}


def bounded(p: SGDStep, w: Bounded, g: Bounded, **changes: Any) -> tuple[Bounded, Bounded | None]:
    """Return the step of `p` from `w` along `g`, in Bounded numbers."""
    return Formulas(RunningError(p.dtype)).sgd(w, g, p.buf, **p.settings | changes)


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


@law(
    "A larger gradient never gives a larger parameter.",
    given=changed(Drawn(sgd_steps()), dampening=0.0),
    needs=SGD,
)
def sgd_moves_against_the_gradient(impl: Any, p: SGDStep) -> None:
    pushed = sgd(impl, p._replace(g=p.g + p.dtype.type(0.375)))[0]
    assert (pushed <= sgd(impl, p)[0]).all(), "a larger gradient gave a larger parameter"


@law("With momentum there is a buffer after the first step.", given=EITHER.map(first), needs=SGD)
def sgd_returns_the_first_buffer(impl: Any, p: SGDStep) -> None:
    assert sgd(impl, p)[1] is not None, "no buffer was returned"


@law("Without momentum no buffer is read and None is returned.", given=sgd_steps(), needs=SGD)
def sgd_without_momentum_has_no_buffer(impl: Any, p: SGDStep) -> None:
    plain = {"momentum": 0.0, "nesterov": False}
    got = sgd(impl, p._replace(buf=p.w[::-1].copy()), **plain)
    assert got[1] is None, "a buffer was returned"
    same_bits(got, sgd(impl, p._replace(buf=None), **plain))


@law(
    "Nothing dampens the first step.",
    given=changed(Drawn(sgd_steps()).map(first), nesterov=False),
    needs=SGD,
)
def sgd_first_step_is_not_dampened(impl: Any, p: SGDStep) -> None:
    same_bits(sgd(impl, p, dampening=0.5), sgd(impl, p, dampening=0.0))


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
    "Coupled decay is a larger gradient: g + weight_decay w.",
    given=changed(Drawn(sgd_steps()), **STRONG | {"decoupled": False}),
    needs=SGD,
)
def sgd_coupled_decay_is_part_of_the_gradient(impl: Any, p: SGDStep) -> None:
    w, g = Bounded.exact(p.w), Bounded.exact(p.g)
    pull = g + w * w.constant(0.1)
    want = sgd(impl, p._replace(g=pull.value.astype(p.dtype)), weight_decay=0.0)
    error = bounded(p, w, pull, weight_decay=0.0)
    for name, a, b, bound in zip(("w", "buf"), sgd(impl, p), want, error, strict=True):
        if bound is not None:
            assert_within(a, b, bound.tolerance, name)


@law(
    "Decoupled decay does not enter the buffer.",
    given=changed(Drawn(sgd_steps()).map(with_momentum), **STRONG | {"decoupled": True}),
    needs=SGD,
)
def sgd_decoupled_decay_stays_out_of_the_buffer(impl: Any, p: SGDStep) -> None:
    same_bits((p.w, sgd(impl, p)[1]), (p.w, sgd(impl, p, weight_decay=0.0)[1]))


@law(
    "Decay alone is a geometric series: n steps leave w (1 - lr weight_decay)**n, of every entry.",
    given=changed(Drawn(sgd_steps()), **PLAIN | STRONG),
    needs=SGD,
)
def sgd_decay_alone_is_a_geometric_series(impl: Any, p: SGDStep) -> None:
    still = [np.zeros_like(p.g)] * 4
    want = exact.fractions(p.w) * (1 - Fraction(0.3) * Fraction(0.1)) ** 4
    error = bounded_run_sgd(p._replace(buf=None), still)[0].tolerance
    assert_within_exact(run_sgd(impl, p._replace(buf=None), still)[0], want, error, "w")


@law(
    "Without momentum, coupled and decoupled decay differ by rounding only.",
    given=changed(Drawn(sgd_steps()), **PLAIN | STRONG),
    needs=SGD,
)
def sgd_couplings_agree_without_momentum(impl: Any, p: SGDStep) -> None:
    coupled, decoupled = (sgd(impl, p, decoupled=d)[0] for d in (False, True))
    error = allowed(p, decoupled=False)[0] + allowed(p, decoupled=True)[0]
    assert_within(decoupled, coupled, error, "w")

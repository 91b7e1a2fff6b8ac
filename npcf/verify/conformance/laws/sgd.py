"""Laws of one step of SGD, and of several."""

from fractions import Fraction
from typing import Any

from npcf.verify import assert_within_exact, bounds, exact
from npcf.verify.assertions import assert_within
from npcf.verify.conformance.law import Drawn, law
from npcf.verify.conformance.laws._steps import (
    STRONG,
    after,
    changed,
    coupled_decay_is_part_of_the_gradient,
    in_a_row,
    same_bits,
)
from npcf.verify.strategies import SGDStep, sgd_steps

NEEDS = ("sgd_step",)
ANY = Drawn(sgd_steps())
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
    """Return the a-priori bound of w."""
    return bounds.sgd_step(p.w, p.g, p.buf, **p.settings | changes)[0]


@law("Four steps in a row lie within the running error of the formula.", given=ANY, needs=NEEDS)
def sgd_steps_in_a_row_stay_within_the_running_error(impl: Any, p: SGDStep) -> None:
    in_a_row(impl, p)


@law("Without momentum no buffer is read and None is returned.", given=ANY, needs=NEEDS)
def sgd_without_momentum_has_no_buffer(impl: Any, p: SGDStep) -> None:
    plain = {"momentum": 0.0, "nesterov": False}
    got = after(impl, p._replace(buf=p.w[::-1].copy()), **plain)
    assert got[1] is None, "a buffer was returned"
    same_bits(got, after(impl, p._replace(buf=None), **plain))


@law("Nothing dampens the first step.", given=changed(ANY.map(first), nesterov=False), needs=NEEDS)
def sgd_first_step_is_not_dampened(impl: Any, p: SGDStep) -> None:
    same_bits(after(impl, p, dampening=0.5), after(impl, p, dampening=0.0))


@law("Nesterov's step is a plain step followed by momentum times the classic one.",
     given=changed(ANY.map(later), nesterov=False, dampening=0.0, weight_decay=0.0),
     needs=NEEDS)  # fmt: skip
def sgd_nesterov_looks_ahead(impl: Any, p: SGDStep) -> None:
    m, lr = (Fraction(p.settings[name]) for name in ("momentum", "lr"))
    w, g = exact.fractions(p.w), exact.fractions(p.g)
    want = w - g * lr + (exact.fractions(after(impl, p)[0]) - w) * m
    error = allowed(p, nesterov=True) + p.settings["momentum"] * allowed(p)
    assert_within_exact(after(impl, p, nesterov=True)[0], want, error, "w")


@law("Coupled decay is a larger gradient: g + weight_decay w.",
     given=changed(ANY, **STRONG | {"decoupled": False}), needs=NEEDS)  # fmt: skip
def sgd_coupled_decay_is_part_of_the_gradient(impl: Any, p: SGDStep) -> None:
    coupled_decay_is_part_of_the_gradient(impl, p)


@law("Decoupled decay does not enter the buffer.",
     given=changed(ANY.map(with_momentum), **STRONG | {"decoupled": True}),
     needs=NEEDS)  # fmt: skip
def sgd_decoupled_decay_stays_out_of_the_buffer(impl: Any, p: SGDStep) -> None:
    same_bits(after(impl, p)[1:], after(impl, p, weight_decay=0.0)[1:])


@law("Without momentum, coupled and decoupled decay differ by rounding only.",
     given=changed(ANY, **PLAIN | STRONG), needs=NEEDS)  # fmt: skip
def sgd_couplings_agree_without_momentum(impl: Any, p: SGDStep) -> None:
    coupled, decoupled = (after(impl, p, decoupled=d)[0] for d in (False, True))
    assert_within(decoupled, coupled, allowed(p, decoupled=False) + allowed(p, decoupled=True), "w")

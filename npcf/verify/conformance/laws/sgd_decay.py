"""Laws of weight decay in an SGD step: coupled, as part of the gradient, or decoupled."""

from fractions import Fraction
from typing import Any

import numpy as np

from npcf.verify import assert_within_exact, exact
from npcf.verify.assertions import assert_within
from npcf.verify.bounded import Bounded
from npcf.verify.bounded_model import bounded_sgd
from npcf.verify.conformance.law import Drawn, law
from npcf.verify.conformance.laws._steps import (
    SGD,
    bounded_run_sgd,
    changed,
    run_sgd,
    same_bits,
    sgd,
)
from npcf.verify.conformance.laws.sgd import PLAIN, allowed, first, later, with_momentum
from npcf.verify.strategies import SGDStep, sgd_steps

STRONG = {"lr": 0.3, "weight_decay": 0.1}


def bounded(p: SGDStep, w: Bounded, g: Bounded, **changes: Any) -> tuple[Bounded, Bounded | None]:
    """Return the step of `p` from `w` along `g`, in Bounded numbers."""
    buf = None if p.buf is None else Bounded.exact(p.buf)
    return bounded_sgd(w, g, buf, buf is None, p.settings | changes)


@law(
    "Without decay, coupled and decoupled steps are one, to the bit.",
    given=changed(Drawn(sgd_steps()), weight_decay=0.0),
    needs=SGD,
)
def sgd_couplings_agree_without_decay(impl: Any, p: SGDStep) -> None:
    same_bits(sgd(impl, p, decoupled=True), sgd(impl, p, decoupled=False))


@law(
    "Without momentum, coupled and decoupled decay differ by rounding only.",
    given=changed(Drawn(sgd_steps()), **PLAIN | STRONG),
    needs=SGD,
)
def sgd_couplings_agree_without_momentum(impl: Any, p: SGDStep) -> None:
    coupled, decoupled = (sgd(impl, p, decoupled=d)[0] for d in (False, True))
    error = allowed(p, decoupled=False)[0] + allowed(p, decoupled=True)[0]
    assert_within(decoupled, coupled, error, "w")


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
    "Decoupled decay is an undecayed step that starts at w (1 - lr weight_decay).",
    given=changed(Drawn(sgd_steps()), **STRONG | {"decoupled": True}),
    needs=SGD,
)
def sgd_decoupled_decay_shrinks_first(impl: Any, p: SGDStep) -> None:
    shrunk = exact.fractions(p.w) * (1 - Fraction(0.3) * Fraction(0.1))
    plain = exact.fractions(sgd(impl, p, weight_decay=0.0)[0])
    want = plain - exact.fractions(p.w) + shrunk
    error = allowed(p)[0] + allowed(p, weight_decay=0.0)[0]
    assert_within_exact(sgd(impl, p)[0], want, error, "w")


@law(
    "Decoupled decay does not enter the buffer.",
    given=changed(Drawn(sgd_steps()).map(with_momentum), **STRONG | {"decoupled": True}),
    needs=SGD,
)
def sgd_decoupled_decay_stays_out_of_the_buffer(impl: Any, p: SGDStep) -> None:
    same_bits((p.w, sgd(impl, p)[1]), (p.w, sgd(impl, p, weight_decay=0.0)[1]))


@law(
    "Coupled decay enters the buffer, dampened like the gradient.",
    given=changed(Drawn(sgd_steps()).map(later), **STRONG | {"decoupled": False}),
    needs=SGD,
)
def sgd_coupled_decay_enters_the_buffer(impl: Any, p: SGDStep) -> None:
    share = (1 - Fraction(p.settings["dampening"])) * Fraction(0.1)
    plain = exact.fractions(sgd(impl, p, weight_decay=0.0)[1])
    want = plain + exact.fractions(p.w) * share
    error = allowed(p)[1] + allowed(p, weight_decay=0.0)[1]
    assert_within_exact(sgd(impl, p)[1], want, error, "buf")


@law(
    "Coupled decay is whole in the first buffer: g + weight_decay w.",
    given=changed(Drawn(sgd_steps()).map(first), **STRONG | {"decoupled": False}),
    needs=SGD,
)
def sgd_first_buffer_holds_the_coupled_decay(impl: Any, p: SGDStep) -> None:
    want = exact.fractions(p.g) + exact.fractions(p.w) * Fraction(0.1)
    assert_within_exact(sgd(impl, p)[1], want, allowed(p)[1], "buf")


@law(
    "Without decay the parameters do not enter the buffer.",
    given=changed(Drawn(sgd_steps()).map(with_momentum), weight_decay=0.0),
    needs=SGD,
)
def sgd_parameters_stay_out_of_the_buffer(impl: Any, p: SGDStep) -> None:
    other = p._replace(w=p.w[::-1] + p.dtype.type(1))
    same_bits((p.w, sgd(impl, other)[1]), (p.w, sgd(impl, p)[1]))


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
    "Decay alone never grows a parameter nor turns its sign.",
    given=changed(Drawn(sgd_steps()), **PLAIN | STRONG),
    needs=SGD,
)
def sgd_decay_shrinks(impl: Any, p: SGDStep) -> None:
    w = sgd(impl, p._replace(g=np.zeros_like(p.g), buf=None))[0]
    assert (np.abs(w) <= np.abs(p.w)).all(), "a parameter grew"
    assert (w * np.sign(p.w) >= 0).all(), "a parameter changed its sign"


@law(
    "Decay does not reach a parameter of zero.",
    given=changed(Drawn(sgd_steps()), **STRONG),
    needs=SGD,
)
def sgd_decay_leaves_zero_alone(impl: Any, p: SGDStep) -> None:
    at_zero = p._replace(w=np.zeros_like(p.w))
    same_bits(sgd(impl, at_zero), sgd(impl, at_zero, weight_decay=0.0))


@law(
    "At a rate of zero coupled decay still enters the buffer, and decoupled decay does nothing.",
    given=changed(Drawn(sgd_steps()).map(first), lr=0.0, weight_decay=0.1),
    needs=SGD,
)
def sgd_decay_at_rate_zero(impl: Any, p: SGDStep) -> None:
    same_bits(sgd(impl, p, decoupled=True), sgd(impl, p, weight_decay=0.0))
    want = exact.fractions(p.g) + exact.fractions(p.w) * Fraction(0.1)
    error = allowed(p, decoupled=False)[1]
    assert_within_exact(sgd(impl, p, decoupled=False)[1], want, error, "buf")

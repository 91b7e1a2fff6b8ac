"""Laws of an Adam step under scaling and signs, and of its weight decay."""

from fractions import Fraction
from typing import Any

import numpy as np

from npcf.verify import assert_within_exact, exact
from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.bounded import Bounded
from npcf.verify.bounded_model import bounded_adam
from npcf.verify.conformance.law import Drawn, law
from npcf.verify.conformance.laws._steps import ADAM, adam, changed, on_arrays, ordinary, same_bits
from npcf.verify.conformance.laws.adam import FRESH, PLAIN, allowed, everywhere, first
from npcf.verify.strategies import AdamStep, adam_steps

STRONG = {"lr": 0.3, "weight_decay": 0.1}
COUPLED = changed(Drawn(adam_steps()), **STRONG | {"decoupled": False})
DECOUPLED = changed(Drawn(adam_steps()), **STRONG | {"decoupled": True})


def scaled(p: AdamStep, factor: float) -> AdamStep:
    """Return the step of a loss `factor` times as large, from the same parameters."""
    return p._replace(g=p.g * p.dtype.type(factor), m=p.m * p.dtype.type(factor),
                      v=p.v * p.dtype.type(factor**2))  # fmt: skip


@law(
    "Without eps a loss eight times as large moves the parameters to the same bits.",
    given=changed(PLAIN.map(everywhere), eps=0.0),
    needs=ADAM,
)
def adam_does_not_see_the_scale_of_the_loss(impl: Any, p: AdamStep) -> None:
    assert_same_bits(adam(impl, scaled(p, 8.0))[0], adam(impl, p)[0], "w")


@law(
    "A loss and an eps eight times as large move the parameters to the same bits.",
    given=changed(PLAIN.map(lambda p: on_arrays(p, ordinary)), eps=2.0**-20),
    needs=ADAM,
)
def adam_scales_with_eps(impl: Any, p: AdamStep) -> None:
    assert_same_bits(adam(impl, scaled(p, 8.0), eps=2.0**-17)[0], adam(impl, p)[0], "w")


@law(
    "A loss twice as large doubles the first moment and quadruples the second, exactly.",
    given=PLAIN.map(lambda p: on_arrays(p, ordinary)),
    needs=ADAM,
)
def adam_moments_scale_with_the_loss(impl: Any, p: AdamStep) -> None:
    (_, m, v), (w, m2, v2) = adam(impl, p), adam(impl, scaled(p, 2.0))
    same_bits((w, m2, v2), (w, m * 2, v * 4))


@law(
    "Negated parameters, gradient and first moment give exactly the negated result.",
    given=adam_steps(),
    needs=ADAM,
)
def adam_negates_with_its_arguments(impl: Any, p: AdamStep) -> None:
    w, m, v = adam(impl, p)
    same_bits(adam(impl, p._replace(w=-p.w, g=-p.g, m=-p.m)), (-w, -m, v))


@law(
    "Without decay the parameters enter neither moment, and their place not the step.",
    given=PLAIN,
    needs=ADAM,
)
def adam_step_does_not_depend_on_the_place(impl: Any, p: AdamStep) -> None:
    other = p._replace(w=p.w[::-1] + p.dtype.type(1))
    (w, m, v), (other_w, *moments) = adam(impl, p), adam(impl, other)
    same_bits((w, *moments), (w, m, v))
    moved = exact.fractions(w) - exact.fractions(p.w)
    error = allowed(p)[0] + allowed(other)[0]
    assert_within_exact(other_w, exact.fractions(other.w) + moved, error, "w")


@law(
    "Twice the rate moves the parameters twice as far.",
    given=changed(Drawn(adam_steps()), lr=0.125, decoupled=False),
    needs=ADAM,
)
def adam_moves_in_proportion_to_the_rate(impl: Any, p: AdamStep) -> None:
    w = exact.fractions(p.w)
    want = w + (exact.fractions(adam(impl, p)[0]) - w) * 2
    error = 2 * allowed(p)[0] + allowed(p, lr=0.25)[0]
    assert_within_exact(adam(impl, p, lr=0.25)[0], want, error, "w")


@law("A larger eps never gives a longer step.", given=PLAIN, needs=ADAM)
def adam_eps_shortens_steps(impl: Any, p: AdamStep) -> None:
    short, far = adam(impl, p, eps=0.5)[0], adam(impl, p, eps=0.01)[0]
    within = (np.minimum(far, p.w) <= short) & (short <= np.maximum(far, p.w))
    assert within.all(), "with eps = 0.5 a parameter went farther than with eps = 0.01"


@law(
    "An eps far above every gradient makes a first step lr g / eps: plain gradient descent.",
    given=changed(FRESH, eps=2.0**60),
    needs=ADAM,
)
def adam_with_a_huge_eps_is_gradient_descent(impl: Any, p: AdamStep) -> None:
    lr = 2.0**58
    want = exact.fractions(p.w) - exact.fractions(p.g) / 4
    # lr g / (|g| + eps) falls short of lr g / eps by the factor |g| / eps, of |g| / 4.
    short = np.abs(p.g.astype(np.float64)) ** 2 * 2.0**-62
    assert_within_exact(adam(impl, p, lr=lr)[0], want, allowed(p, lr=lr)[0] + short, "w")


@law(
    "Without decay, Adam is AdamW, to the bit.",
    given=PLAIN,
    needs=ADAM,
)
def adam_couplings_agree_without_decay(impl: Any, p: AdamStep) -> None:
    same_bits(adam(impl, p, decoupled=True), adam(impl, p, decoupled=False))


@law("Decoupled decay enters neither moment.", given=DECOUPLED, needs=ADAM)
def adam_decoupled_decay_stays_out_of_the_moments(impl: Any, p: AdamStep) -> None:
    (w, *moments), (_, *plain) = adam(impl, p), adam(impl, p, weight_decay=0.0)
    same_bits((w, *moments), (w, *plain))


@law(
    "Decoupled decay takes lr weight_decay w from a parameter, whatever its gradient.",
    given=DECOUPLED,
    needs=ADAM,
)
def adam_decoupled_decay_is_proportional_to_the_parameter(impl: Any, p: AdamStep) -> None:
    taken = exact.fractions(p.w) * (Fraction(0.3) * Fraction(0.1))
    plain = exact.fractions(adam(impl, p, weight_decay=0.0)[0])
    error = allowed(p)[0] + allowed(p, weight_decay=0.0)[0]
    assert_within_exact(adam(impl, p)[0], plain - taken, error, "w")


@law(
    "On a first zero gradient decoupled decay shrinks w by 1 - lr weight_decay, and no more.",
    given=DECOUPLED.map(first),
    needs=ADAM,
)
def adam_decoupled_decay_alone(impl: Any, p: AdamStep) -> None:
    still = p._replace(g=np.zeros_like(p.g))
    w, m, v = adam(impl, still)
    want = exact.fractions(p.w) * (1 - Fraction(0.3) * Fraction(0.1))
    assert_within_exact(w, want, allowed(still)[0], "w")
    same_bits((w, m, v), (w, still.g, still.g))


@law(
    "Coupled decay is a larger gradient, g + weight_decay w, in step and moments alike.",
    given=COUPLED,
    needs=ADAM,
)
def adam_coupled_decay_is_part_of_the_gradient(impl: Any, p: AdamStep) -> None:
    w, m, v = (Bounded.exact(array) for array in (p.w, p.m, p.v))
    pull = Bounded.exact(p.g) + w * w.constant(0.1)
    bound = bounded_adam(w, pull, m, v, p.t, p.settings | {"weight_decay": 0.0})
    plain = p._replace(g=pull.value.astype(p.dtype))
    want = adam(impl, plain, weight_decay=0.0)
    for name, a, b, allow in zip(("w", "m", "v"), adam(impl, p), want, bound, strict=True):
        assert_within(a, b, allow.tolerance, name)


@law(
    "Coupled decay alone makes a first step of lr wd w / (wd |w| + eps), the same for all sizes.",
    given=COUPLED.map(first),
    needs=ADAM,
)
def adam_coupled_decay_alone_is_a_step_of_the_rate(impl: Any, p: AdamStep) -> None:
    still = p._replace(g=np.zeros_like(p.g))
    w, eps = exact.fractions(p.w), Fraction(p.settings["eps"])
    pull = w * Fraction(0.1)
    want = w - pull / (abs(pull) + eps) * Fraction(0.3)
    assert_within_exact(adam(impl, still)[0], want, allowed(still)[0], "w")


@law(
    "Decay does not reach a parameter of zero.",
    given=changed(Drawn(adam_steps()), **STRONG),
    needs=ADAM,
)
def adam_decay_leaves_zero_alone(impl: Any, p: AdamStep) -> None:
    at_zero = p._replace(w=np.zeros_like(p.w))
    same_bits(adam(impl, at_zero), adam(impl, at_zero, weight_decay=0.0))

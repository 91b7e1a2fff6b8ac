"""Laws of one Adam step: what it computes, against exact arithmetic and against itself."""

from fractions import Fraction
from typing import Any

import numpy as np

from npcf.verify import assert_within_exact, bounds, exact
from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.bounded import Bounded
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
from npcf.verify.formulas import Formulas
from npcf.verify.running_error import RunningError
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


PLAIN = changed(Drawn(adam_steps()), weight_decay=0.0)
FRESH = PLAIN.map(first)
LATE = 10**5  # beta**t has vanished


def moved_by(p: AdamStep, m: Any, v: Any) -> Bounded:
    """Return w after the step, from its moments; they may have been rounded when returned."""
    w, f = Bounded.exact(p.w), Formulas(RunningError(p.w.dtype))
    lr, eps, beta1, beta2 = f.n.numbers(p.settings["lr"], p.settings["eps"], *p.settings["betas"])
    u, eta = w.precision.u, w.precision.eta
    m, v = (Bounded(x, u * np.abs(x) + eta, w.precision) for x in (m, v))
    root = f.adam_root(f.n.nonnegative(v), f.correction(beta2, p.t), eps)
    moved: Bounded = w - f.adam_update(m, lr, f.correction(beta1, p.t), root, p.g)
    return moved


STRONG = {"lr": 0.3, "weight_decay": 0.1}
COUPLED = changed(Drawn(adam_steps()), **STRONG | {"decoupled": False})
DECOUPLED = changed(Drawn(adam_steps()), **STRONG | {"decoupled": True})


def scaled(p: AdamStep, factor: float) -> AdamStep:
    """Return the step of a loss `factor` times as large, from the same parameters."""
    return p._replace(g=p.g * p.dtype.type(factor), m=p.m * p.dtype.type(factor),
                      v=p.v * p.dtype.type(factor**2))  # fmt: skip


@law(
    "Four steps in a row lie within the running error of the formula.",
    given=adam_steps(),
    needs=ADAM,
)
def adam_steps_in_a_row_stay_within_the_running_error(impl: Any, p: AdamStep) -> None:
    got, want = run_adam(impl, p, some_gradients(p)), bounded_run_adam(p, some_gradients(p))
    for name, a, b in zip(("w", "m", "v"), got, want, strict=True):
        assert_within(a, b.value, b.tolerance, name)


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
    "The parameters move by lr m_hat / (sqrt(v_hat) + eps) of the moments that are returned.",
    given=PLAIN,
    needs=ADAM,
)
def adam_moves_by_the_moments_it_returns(impl: Any, p: AdamStep) -> None:
    w, m, v = adam(impl, p)
    want = moved_by(p, m, v)
    assert_within(w, want.value, want.tolerance, "w")


@law(
    "A parameter whose gradient is zero goes on moving: its first moment is not.",
    given=changed(PLAIN.map(early), lr=0.3).filter(lambda p: p.t > 1),
    needs=ADAM,
)
def adam_moves_parameters_without_gradient(impl: Any, p: AdamStep) -> None:
    still = p._replace(g=np.zeros_like(p.g))
    want = exact.adam_step(p.w, still.g, p.m, p.v, p.t, **p.settings)[0]
    assert_within_exact(adam(impl, still)[0], want, allowed(still)[0], "w")


@law(
    "Under a constant gradient every step is the first one again: lr g / (|g| + eps).",
    given=FRESH,
    needs=ADAM,
)
def adam_steps_along_a_constant_gradient(impl: Any, p: AdamStep) -> None:
    g, eps = exact.fractions(p.g), Fraction(p.settings["eps"])
    want = exact.fractions(p.w) - g / (abs(g) + eps) * (4 * Fraction(p.settings["lr"]))
    error = bounded_run_adam(p, [p.g] * 4)[0].tolerance
    assert_within_exact(run_adam(impl, p, [p.g] * 4)[0], want, error, "w")


@law(
    "Without eps, step t is sqrt(1 - beta2**t) / (1 - beta1**t) times an uncorrected one.",
    given=changed(PLAIN.map(everywhere), eps=0.0, betas=(0.5, 0.75)),
    needs=ADAM,
    examples=tuple(
        AdamStep(np.zeros(1), np.ones(1), np.ones(1), np.ones(1), t,
                 {"lr": 0.3, "betas": (0.5, 0.75), "eps": 0.0, "weight_decay": 0.0,
                  "decoupled": False})
        for t in (1, 2, 3)
    ),
)  # fmt: skip
def adam_correction_is_a_factor(impl: Any, p: AdamStep) -> None:
    late = p._replace(t=LATE)
    ratio = np.sqrt(1 - 0.75**p.t) / (1 - 0.5**p.t)  # at most 1.2; errs by less than 4 u
    far = adam(impl, late)[0].astype(np.float64) - p.w
    errors = allowed(p)[0] + 2 * allowed(late)[0]
    own = 2.0**-53 * (8 * np.abs(ratio * far) + 2 * np.abs(p.w.astype(np.float64)))
    assert_within(adam(impl, p)[0], p.w + ratio * far, errors + own, "w")


@law(
    "Without eps a loss eight times as large moves the parameters to the same bits.",
    given=changed(PLAIN.map(everywhere), eps=0.0),
    needs=ADAM,
)
def adam_does_not_see_the_scale_of_the_loss(impl: Any, p: AdamStep) -> None:
    assert_same_bits(adam(impl, scaled(p, 8.0))[0], adam(impl, p)[0], "w")


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
    "Coupled decay is a larger gradient, g + weight_decay w, in step and moments alike.",
    given=COUPLED,
    needs=ADAM,
)
def adam_coupled_decay_is_part_of_the_gradient(impl: Any, p: AdamStep) -> None:
    f, plain = Formulas(RunningError(p.dtype)), p.settings | {"weight_decay": 0.0}
    pull = f.l2(f.n.array(p.w), f.n.array(p.g), f.n.number(0.1))
    bound = f.adam(p.w, pull, p.m, p.v, p.t, **plain)
    want = adam(impl, p._replace(g=pull.value.astype(p.dtype)), weight_decay=0.0)
    for name, a, b, allow in zip(("w", "m", "v"), adam(impl, p), want, bound, strict=True):
        assert_within(a, b, allow.tolerance, name)

"""Laws of the two moments of Adam, and of their bias correction."""

from fractions import Fraction
from typing import Any

import numpy as np

from npcf.verify import assert_within_exact, exact
from npcf.verify.assertions import assert_within
from npcf.verify.bounded import Bounded
from npcf.verify.conformance.law import law
from npcf.verify.conformance.laws._steps import (
    ADAM,
    adam,
    bounded_run_adam,
    changed,
    run_adam,
    same_bits,
    some_gradients,
)
from npcf.verify.conformance.laws.adam import FRESH, PLAIN, allowed, early, everywhere
from npcf.verify.strategies import AdamStep, adam_steps

LATE = 10**5  # beta**t has vanished


@law(
    "The parameters move by lr m_hat / (sqrt(v_hat) + eps) of the moments that are returned.",
    given=PLAIN,
    needs=ADAM,
)
def adam_moves_by_the_moments_it_returns(impl: Any, p: AdamStep) -> None:
    w, m, v = adam(impl, p)
    want = moved_by(p, m, v)
    assert_within(w, want.value, want.tolerance, "w")


def moved_by(p: AdamStep, m: Any, v: Any) -> Bounded:
    """Return w after the step, from its moments; they may have been rounded when returned."""
    lr, eps, (beta1, beta2) = (p.settings[name] for name in ("lr", "eps", "betas"))
    w = Bounded.exact(p.w)
    rounded = [Bounded(x, w.precision.u * np.abs(x) + w.precision.eta, w.precision) for x in (m, v)]
    double = 2.0**-53  # 1 - beta**t cancels: relative error 2 u beta**t / (1 - beta**t) + u
    errors = [double * (2 * b**p.t / (1 - b**p.t) + 4) for b in (beta1, beta2)]
    m_hat = rounded[0] * w.constant(lr / (1 - beta1**p.t), errors[0])
    root = (rounded[1] * w.constant(1 / (1 - beta2**p.t), errors[1])).sqrt()
    root = Bounded(root.value, root.error + w.precision.gamma(2) * root.magnitude, w.precision)
    return w - m_hat.divide(root + w.constant(eps), at_least=eps * (1 - 4 * w.precision.u))


@law(
    "The first moments are (1 - beta1) g and (1 - beta2) g**2.",
    given=FRESH,
    needs=ADAM,
)
def adam_first_moments(impl: Any, p: AdamStep) -> None:
    g = exact.fractions(p.g)
    beta1, beta2 = map(Fraction, p.settings["betas"])
    _, m, v = adam(impl, p)
    assert_within_exact(m, g * (1 - beta1), allowed(p)[1], "m")
    assert_within_exact(v, g * g * (1 - beta2), allowed(p)[2], "v")


@law(
    "The first moment is an average: between itself and the gradient.",
    given=PLAIN,
    needs=ADAM,
)
def adam_first_moment_is_an_average(impl: Any, p: AdamStep) -> None:
    m, error = adam(impl, p)[1].astype(np.float64), allowed(p)[1]
    assert (m >= np.minimum(p.m, p.g) - error).all(), "the average lies below both"
    assert (m <= np.maximum(p.m, p.g) + error).all(), "the average lies above both"


@law(
    "The second moment is an average of squares: between itself and the squared gradient.",
    given=PLAIN,
    needs=ADAM,
)
def adam_second_moment_is_an_average(impl: Any, p: AdamStep) -> None:
    v, error = exact.fractions(adam(impl, p)[2]), exact.fractions(allowed(p)[2])
    square, old = exact.fractions(p.g) ** 2, exact.fractions(p.v)
    assert (v >= np.minimum(old, square) - error).all(), "the average lies below both"
    assert (v <= np.maximum(old, square) + error).all(), "the average lies above both"


@law("The second moment is never negative.", given=adam_steps(), needs=ADAM)
def adam_second_moment_is_not_negative(impl: Any, p: AdamStep) -> None:
    assert (run_adam(impl, p, some_gradients(p))[2] >= 0).all(), "v is negative"


@law("The second moment does not know the sign of the gradient.", given=PLAIN, needs=ADAM)
def adam_second_moment_ignores_signs(impl: Any, p: AdamStep) -> None:
    same_bits((p.w, adam(impl, p._replace(g=-p.g))[2]), (p.w, adam(impl, p)[2]))


@law(
    "The first moment depends on beta1, m and g alone: not on beta2, v, t, lr or eps.",
    given=PLAIN,
    needs=ADAM,
)
def adam_first_moment_depends_on_little(impl: Any, p: AdamStep) -> None:
    settings = {"lr": 0.5, "eps": 0.25, "betas": (p.settings["betas"][0], 0.625)}
    other = p._replace(v=p.v + p.dtype.type(1), t=p.t + 3)
    same_bits((p.w, adam(impl, other, **settings)[1]), (p.w, adam(impl, p)[1]))


@law(
    "The second moment depends on beta2, v and g alone: not on beta1, m, t, lr or eps.",
    given=PLAIN,
    needs=ADAM,
)
def adam_second_moment_depends_on_little(impl: Any, p: AdamStep) -> None:
    settings = {"lr": 0.5, "eps": 0.25, "betas": (0.625, p.settings["betas"][1])}
    other = p._replace(m=p.m + p.dtype.type(1), t=p.t + 3)
    same_bits((p.w, adam(impl, other, **settings)[2]), (p.w, adam(impl, p)[2]))


@law(
    "A zero gradient lets both moments decay, each by its own beta.",
    given=PLAIN,
    needs=ADAM,
)
def adam_moments_decay_without_gradient(impl: Any, p: AdamStep) -> None:
    still = p._replace(g=np.zeros_like(p.g))
    (_, m, v), errors = adam(impl, still), allowed(still)
    beta1, beta2 = map(Fraction, p.settings["betas"])
    assert_within_exact(m, exact.fractions(p.m) * beta1, errors[1], "m")
    assert_within_exact(v, exact.fractions(p.v) * beta2, errors[2], "v")


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
    "Under a constant gradient the moments are g (1 - beta1**t) and g**2 (1 - beta2**t).",
    given=FRESH,
    needs=ADAM,
)
def adam_moments_of_a_constant_gradient(impl: Any, p: AdamStep) -> None:
    beta1, beta2 = map(Fraction, p.settings["betas"])
    (_, m, v), g = run_adam(impl, p, [p.g] * 4), exact.fractions(p.g)
    _, m_bound, v_bound = bounded_run_adam(p, [p.g] * 4)
    assert_within_exact(m, g * (1 - beta1**4), m_bound.tolerance, "m")
    assert_within_exact(v, g * g * (1 - beta2**4), v_bound.tolerance, "v")


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
    "Late in training nothing is corrected: the step is lr m / (sqrt(v) + eps).",
    given=PLAIN.map(lambda p: p._replace(t=LATE * 10)),
    needs=ADAM,
)
def adam_correction_fades(impl: Any, p: AdamStep) -> None:
    w, m, v = adam(impl, p)
    same_bits(adam(impl, p._replace(t=LATE * 20)), (w, m, v))
    want = moved_by(p._replace(t=LATE * 40), m, v)
    assert_within(w, want.value, want.tolerance, "w")


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

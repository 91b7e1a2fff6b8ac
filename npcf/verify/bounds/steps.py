r"""Bounds of one optimiser step, from exact parameters, gradients and state.

A step is a handful of operations on every entry alone, so its bound is the sum of what each
operation rounds, carried through the ones that follow (`bounds.running`).  Numbers that the
settings decide (1 - beta, 1 - lr weight_decay, the bias corrections) are combined in double by
everybody, and converted once.
"""

import numpy as np

from npcf._types import FloatArray
from npcf.verify.bounds.libraries import ANY, Library
from npcf.verify.bounds.precision import Precision, precision_of, quiet
from npcf.verify.bounds.running import (
    Error,
    average,
    average_of_squares,
    average_square,
    correction_error,
    exactly,
    finished,
    plus,
    product,
    quotient,
    root,
    times,
)


@quiet
def sgd_step(
    w: FloatArray,
    g: FloatArray,
    buf: FloatArray | None,
    *,
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    nesterov: bool = False,
    weight_decay: float = 0.0,
    decoupled: bool = False,
    library: Library = ANY,
) -> tuple[FloatArray, FloatArray | None]:
    """Bound (w, buf) after one step of `npcf.optim.SGD`; buf None before the first.

    With S = |g| + wd |w| + momentum |buf| ... the size of what takes the gradient's place, w is
    off by u (|w| + lr S) + gamma_c lr S + a few eta, c = 2 for lr and its product, and 2 for decay,
    3 for momentum, 3 for nesterov: evaluated here operation by operation.
    """
    p = precision_of(w, library)
    after, gradient = decayed(w, g, lr, weight_decay, decoupled, p)
    state = None
    if momentum:
        state = gradient
        if buf is not None:
            state = plus(
                times(exactly(buf), momentum, p, double=0), times(gradient, 1 - dampening, p), p
            )
        gradient = plus(gradient, times(state, momentum, p, double=0), p) if nesterov else state
    after = plus(after, times(gradient, -lr, p, double=0), p)
    return finished(after, p), None if state is None else finished(state, p)


def decayed(
    w: FloatArray, g: FloatArray, lr: float, weight_decay: float, decoupled: bool, p: Precision
) -> tuple[Error, Error]:
    """Return (w, g) after weight decay.

    Decoupled: w (1 - lr wd), gamma_2 |w| and the double's u64 lr wd |w|, or w - (lr wd) w, whose
    product rounds by gamma_3 lr wd |w|; their sum covers both.
    """
    weight, gradient = exactly(w), exactly(g)
    if not weight_decay:
        return weight, gradient
    if not decoupled:
        decay = times(weight, weight_decay, p, double=0)
        return weight, plus(gradient, decay, p)
    product = abs(lr * weight_decay) * np.abs(weight.value)
    after = times(weight, 1 - lr * weight_decay, p)
    return Error(after.value, after.error + p.gamma(3) * product + p.eta), gradient


@quiet
def adam_step(
    w: FloatArray,
    g: FloatArray,
    m: FloatArray,
    v: FloatArray,
    t: int,
    *,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decoupled: bool = False,
    library: Library = ANY,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Bound (w, m, v) after step t of `npcf.optim.Adam`, t >= 1.

    dm, dv: `average` and `average_square`.  The root sqrt(v / (1 - beta2**t)) + eps = r is off by
    dr = `root` and one addition, the step by

        (lr / (1 - beta1**t)) [ dm + gamma |m| + |m| dr / r ] / (r - dr)

    and by the corrections' own errors, 1 - beta**t having lost digits in double
    (`correction_error`).
    """
    p, (beta1, beta2) = precision_of(w, library), betas
    after, gradient = decayed(w, g, lr, weight_decay, decoupled, p)
    first = average(exactly(m), gradient, beta1, p)
    second = average_square(exactly(v), gradient, beta2, p)
    scale, scale_error = 1 / (1 - beta2**t), correction_error(beta2, t)
    # v scale, or v / (1 - beta2**t), or sqrt(v) / sqrt(1 - beta2**t): at most four roundings
    v_hat = times(second, scale, p, double=scale_error)
    below = root(v_hat, 2 + library.sqrt(w.dtype), p)
    step = times(first, lr / (1 - beta1**t), p, double=correction_error(beta1, t) + 2)
    update = quotient(step, below, eps, p)
    return finished(plus(after, update, p), p), finished(first, p), finished(second, p)


@quiet
def sparse_adam_step(
    w: FloatArray,
    g: FloatArray,
    m: FloatArray,
    v: FloatArray,
    t: int,
    *,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    library: Library = ANY,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Bound (w, m, v) of touched rows after step t of `npcf.optim.SparseAdam`.

    As Adam's, but the correction multiplies the quotient m / (sqrt(v) + eps).
    """
    p, (beta1, beta2) = precision_of(w, library), betas
    first = average(exactly(m), exactly(g), beta1, p, lerp="from old")
    second = average_of_squares(exactly(v), exactly(g), beta2, p)
    correction = lr * np.sqrt(1 - beta2**t) / (1 - beta1**t)
    double = correction_error(beta1, t) + correction_error(beta2, t)
    below = root(second, library.sqrt(w.dtype), p)
    update = quotient(first, below, eps, p)
    update = times(update, correction, p, double=double + 2)
    return finished(plus(exactly(w), update, p), p), finished(first, p), finished(second, p)


@quiet
def rmsprop_step(
    w: FloatArray,
    g: FloatArray,
    v: FloatArray,
    a: FloatArray,
    buf: FloatArray,
    *,
    lr: float,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    centered: bool = False,
    decoupled: bool = False,
    library: Library = ANY,
    clamped: bool = True,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Bound (w, v, a, buf) after one step of `npcf.optim.RMSProp`; a and buf unused are kept.

    The root is that of v, or, centered, of v - a**2, whose error is dv + 2 |a| da + da**2 and a
    rounding of v: where the two cancel, the root's error is the root of that.  npcf cuts v - a**2
    off at 0.  torch does not, and returns NaN where rounding has made it negative: `clamped=False`
    claims nothing where that may be.
    """
    p = precision_of(w, library)
    after, gradient = decayed(w, g, lr, weight_decay, decoupled, p)
    second = average_square(exactly(v), gradient, alpha, p)
    mean, velocity, spread = exactly(a), exactly(buf), second
    if centered:
        mean = average(mean, gradient, alpha, p)
        square = product(mean, mean, p)
        spread = plus(second, Error(-square.value, square.error), p)
        unknown = np.where(clamped | (spread.value > spread.error), 0.0, np.inf)
        spread = Error(np.maximum(spread.value, 0), spread.error + unknown)
    below = root(spread, library.sqrt(w.dtype), p)
    # torch multiplies by lr before it divides: what underflows there is magnified by 1 / root
    scaled = quotient(gradient, below, eps, p, lost=p.eta / lr if lr and not momentum else 0.0)
    if momentum:
        velocity = scaled = plus(times(velocity, momentum, p, double=0), scaled, p)
    after = plus(after, times(scaled, -lr, p, double=0), p)
    return tuple(finished(x, p) for x in (after, second, mean, velocity))  # type: ignore[return-value]

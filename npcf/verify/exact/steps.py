"""The exact value of one optimiser step on one array, and of rows cut back to a length."""

from fractions import Fraction
from typing import Any

import numpy as np

from npcf._types import FloatArray
from npcf.verify.exact import numbers
from npcf.verify.exact.numbers import each, fractions, grid, shortened


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
) -> tuple[Any, Any]:
    """Return (w, buf) after one step of `npcf.optim.SGD`; buf None before the first."""
    rate, inertia = Fraction(lr), Fraction(momentum)
    weight, gradient = _decayed(w, g, rate, weight_decay, decoupled)
    state = None
    if momentum:
        state = gradient
        if buf is not None:
            state = inertia * fractions(buf) + (1 - Fraction(dampening)) * gradient
        gradient = gradient + inertia * state if nesterov else state
    return weight - rate * gradient, state


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
) -> tuple[Any, Any, Any]:
    """Return (w, m, v) after step t of `npcf.optim.Adam`."""
    beta1, beta2 = map(Fraction, betas)
    weight, gradient = _decayed(w, g, Fraction(lr), weight_decay, decoupled)
    first = beta1 * fractions(m) + (1 - beta1) * gradient
    second = beta2 * fractions(v) + (1 - beta2) * gradient * gradient
    step = shortened(Fraction(lr) / (1 - beta1**t), 2 * numbers.BITS)
    scale = shortened(1 / (1 - beta2**t), 2 * numbers.BITS)
    bottom = each(lambda x: numbers.sqrt(x * scale) + Fraction(eps), second)
    return weight - each(lambda x, y: shortened(x * step / y), first, bottom), first, second


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
) -> tuple[Any, Any, Any]:
    """Return (w, m, v) of touched rows after step t of `npcf.optim.SparseAdam`."""
    (beta1, beta2), gradient = map(Fraction, betas), fractions(g)
    first = beta1 * fractions(m) + (1 - beta1) * gradient
    second = beta2 * fractions(v) + (1 - beta2) * gradient * gradient
    step = shortened(Fraction(lr) * numbers.sqrt(1 - beta2**t) / (1 - beta1**t))
    bottom = each(lambda x: numbers.sqrt(x) + Fraction(eps), second)
    return fractions(w) - each(lambda x, y: shortened(x * step / y), first, bottom), first, second


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
) -> tuple[Any, Any, Any, Any]:
    """Return (w, v, a, buf) after one step of `npcf.optim.RMSProp`; a, buf unused are kept."""
    rate, decay = Fraction(lr), Fraction(alpha)
    weight, gradient = _decayed(w, g, rate, weight_decay, decoupled)
    second = decay * fractions(v) + (1 - decay) * gradient * gradient
    mean, velocity, spread = fractions(a), fractions(buf), second
    if centered:
        mean = decay * mean + (1 - decay) * gradient
        spread = each(lambda x, y: max(x - y * y, Fraction(0)), second, mean)
    bottom = each(lambda x: numbers.sqrt(x) + Fraction(eps), spread)
    scaled = each(lambda x, y: shortened(x / y), gradient, bottom)
    if momentum:
        velocity = scaled = Fraction(momentum) * velocity + scaled
    return weight - rate * scaled, second, mean, velocity


def _decayed(
    w: FloatArray, g: FloatArray, lr: Fraction, weight_decay: float, decoupled: bool
) -> tuple[Any, Any]:
    weight, gradient, decay = fractions(w), fractions(g), Fraction(weight_decay)
    if decoupled:
        return weight * (1 - lr * decay), gradient
    return weight, gradient + decay * weight if decay else gradient


def renormalise_rows(weight: FloatArray, ids: Any, max_norm: float) -> Any:
    """Return the table after w <- w max_norm / (|w| + 1e-7) for named rows, |w| > max_norm."""
    result, numbers_of = fractions(weight), grid(weight)
    squares = (numbers_of * numbers_of).sum(axis=1).fractions()
    for row in np.unique(np.asarray(ids, np.intp)):
        if squares[row] > Fraction(max_norm) ** 2:
            scale = Fraction(max_norm) / (numbers.sqrt(squares[row]) + Fraction(1e-7))
            result[row] = result[row] * shortened(scale)
    return result

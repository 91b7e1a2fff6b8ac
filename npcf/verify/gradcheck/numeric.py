r"""Numerical Jacobians J (M, N) of a function of one vector, whole columns at a time."""

import warnings
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from npcf._types import FloatArray
from npcf.verify.gradcheck.subject import SINGLE, FlatFunction

COMPLEX_STEP = 2.0**-400  # a power of two: multiplying and dividing by it is exact


def units(n: int) -> Iterator[FloatArray]:
    """Yield the unit vectors (n,), one after the other in the same memory."""
    unit = np.zeros(n)
    for j in range(n):
        unit[j] = 1.0
        yield unit
        unit[j] = 0.0


class NotAnalyticError(Exception):
    """There is no complex step; the message is the reason, as the report prints it."""


class ComplexColumns(NamedTuple):
    """J by the complex step, and how fast each entry of it fades along its own input."""

    jacobian: FloatArray  # (M, N)
    fading: FloatArray  # (M, N), 1 / length; 0 where J does not decay like an exponential


class Quotient(NamedTuple):
    """J v by central differences along one v."""

    slope: FloatArray  # (M,)
    truncation: FloatArray  # (M,), an upper estimate
    height: FloatArray  # (M,), the largest |f| among the points
    taken: FloatArray  # (N,), the v really taken, after rounding


class CentralColumns(NamedTuple):
    """J by central differences: for every entry the better one of two steps."""

    jacobian: FloatArray  # (M, N)
    truncation: FloatArray  # (M, N)
    height: FloatArray  # (M, N)
    step: FloatArray  # (N,), half the distance of the two points

    def spread(self, gamma: float, noise: FloatArray) -> FloatArray:
        """Return (M, N), how far the quotients may lie from J: `noise` (M,) is the error of f."""
        result: FloatArray = self.truncation + (noise[:, None] + gamma * self.height) / self.step
        return result


def complex_direction(
    subject: FlatFunction, v: FloatArray, x: FloatArray | None = None
) -> FloatArray:
    """Return J v (M,) by one complex step; raises NotAnalyticError where f takes no such step."""
    x = subject.x if x is None else x
    if subject.precision is SINGLE:
        raise NotAnalyticError("f computes in float32, where the step underflows")
    point = x.astype(np.complex128)
    point.imag = COMPLEX_STEP * v
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            out = subject.out(point)
    except Exception as error:  # whatever a function says to numbers it was not written for
        reason = str(error).strip().split("\n")[0]
        raise NotAnalyticError(f"f takes no complex numbers ({reason})") from error
    if out.dtype.kind != "c":
        raise NotAnalyticError(f"f returns {out.dtype} for complex numbers")
    slope: FloatArray = out.imag / COMPLEX_STEP
    return slope


def complex_columns(subject: FlatFunction) -> ComplexColumns:
    r"""Return J and its fading, min(|J' / J|, |J'' / J'|), derivatives along the entry's own input.

    Both quotients are 1 / length for an exponential tail exp(-x / length), as sigmoid and tanh
    have; where J merely crosses zero, or is a polynomial, the second one is small.  An entry whose
    own effect is too small to see it fades as the largest of its output does: J = phi'(z) dz / dx,
    and phi' is the same for all.
    """
    n = subject.x.size
    jacobian, fading = np.empty((subject.value.size, n)), np.empty((subject.value.size, n))
    for j, unit in enumerate(units(n)):
        step = subject.step * max(1.0, abs(float(subject.x[j])))
        here = complex_direction(subject, unit)
        above = complex_direction(subject, unit, subject.x + step * unit)
        below = complex_direction(subject, unit, subject.x - step * unit)
        first, second = (above - below) / (2 * step), (above - 2 * here + below) / step**2
        with np.errstate(all="ignore"):
            fades = np.fmin(np.abs(first / here), np.abs(second / first))
        jacobian[:, j], fading[:, j] = here, np.where(np.isfinite(fades), fades, 0.0)
    return ComplexColumns(jacobian, np.fmax(fading, _shared(jacobian, fading)))


def _shared(jacobian: FloatArray, fading: FloatArray) -> FloatArray:
    """Return for every entry what it fades by if it does as the largest of its row."""
    slopes = np.abs(jacobian)
    if not slopes.size:
        return fading
    leading = slopes.argmax(axis=1)[:, None]
    with np.errstate(all="ignore"):
        shared = slopes * np.take_along_axis(fading / slopes, leading, axis=1)
    return np.where(np.isfinite(shared), shared, 0.0)


def central_slope(subject: FlatFunction, v: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return J v (M,), where the truncation is known otherwise, and the v really taken (N,)."""
    above, below = subject.x + subject.step * v, subject.x - subject.step * v
    width = 2 * subject.step
    return (subject.out(above) - subject.out(below)) / width, (above - below) / width


def central_direction(subject: FlatFunction, v: FloatArray) -> Quotient:
    """Return J v, and what is known of its error.

    The truncation of D(h) is h**2 f''' / 6 + ...; that of D(2 h) is four times as large, so their
    difference is three times the one sought: we allow all of it (Richardson).
    """
    quotients, heights = [], []
    for width in (subject.step, 2 * subject.step):
        above = subject.out_or_nan(subject.x + width * v)
        below = subject.out_or_nan(subject.x - width * v)
        quotients.append((above - below) / (2 * width))
        heights += [np.abs(above), np.abs(below)]
    h = subject.step
    taken = (subject.x + h * v - (subject.x - h * v)) / (2 * h)
    narrow, wide = quotients
    return Quotient(narrow, np.abs(wide - narrow), np.maximum.reduce(heights), taken)


def central_columns(subject: FlatFunction, noise: float) -> CentralColumns:
    """Return J with, for each entry, the better one of two steps.

    A step in proportion to the entry stays inside the domain of sqrt and log; one in proportion to
    1 sees an entry that is tiny beside its neighbours.  `noise` is the relative noise of f.
    """
    n = subject.x.size
    jacobian, truncation, height = np.empty((3, subject.value.size, n))
    steps = np.empty(n)
    for j in range(n):
        unit, size = np.eye(1, n, j)[0], abs(float(subject.x[j]))
        found = [
            central_direction(subject, scale * unit) for scale in {max(size, 1.0), size or 1.0}
        ]
        best = min(found, key=lambda quotient: _badness(subject, quotient, j, noise))
        taken = best.taken[j]
        jacobian[:, j], truncation[:, j] = best.slope / taken, best.truncation / taken
        height[:, j], steps[j] = best.height, subject.step * taken
    return CentralColumns(jacobian, truncation, height, steps)


def _badness(subject: FlatFunction, quotient: Quotient, j: int, noise: float) -> float:
    """Return what a column would have to be allowed; infinity if it left the domain."""
    rounding = noise * quotient.height / subject.step
    total = float(np.sum(quotient.truncation + rounding) / quotient.taken[j])
    return total if np.isfinite(total) else np.inf

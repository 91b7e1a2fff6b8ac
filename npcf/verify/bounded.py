r"""Numbers with a bound on their rounding error: the source of every tolerance.

A `Bounded` holds a value and an `error` such that *any* evaluation of the same formula in the
working precision, in any order of additions, with or without fused multiply-add, lies within
`error` of the exact result.  Each operation adds what it inherits and what it rounds
(Higham 2002, chapters 2-4; u = unit roundoff, eta = smallest subnormal, gamma_n = n u / (1 - n u)):

    a + b    ea + eb                                        + u |a + b|
    a * b    |a| eb + |b| ea + ea eb                        + u |a b| + eta
    a / b    (ea + |a / b| eb) / (b - eb)                   + u |a / b| + eta
    sqrt a   ea / (2 sqrt(a - ea)), at most sqrt(ea)        + gamma_r sqrt(a)
    exp a    exp(a + ea) (exp(ea) - 1)                      + gamma_c exp(a) + tiny
    sum_n a  sum ea                                         + gamma_(n-1) sum |a|
    scatter  sum_d ea                                       + gamma_(d-1) sum_d |a|
    sigmoid  s (1 - s) exp(ex) (exp(ex) - 1)                + gamma_(2 + c (1 - s)) s + tiny

where |x| stands for |value| + 2 error, an upper bound of the computed magnitude, and c and r are
the library's errors of exp and sqrt in units of u (`npcf.verify.bounds.Library`; its default covers
every library measured).  Two implementations of one formula may differ by twice the error:
`tolerance`.

The value is carried in float64: exact enough for float32 problems, and itself one of the bounded
evaluations for float64 ones; no wider type is needed, so the bounds are the same everywhere.
"""

from typing import Any

import numpy as np

from npcf._types import FloatArray, IdArray
from npcf.verify.bounds.libraries import ANY, NUMPY, Library
from npcf.verify.bounds.precision import ARITHMETIC_SLACK, DOUBLE, PRECISION, Precision

__all__ = ["ARITHMETIC_SLACK", "PRECISION", "Bounded", "Precision"]

quiet = np.errstate(over="ignore", invalid="ignore", divide="ignore")  # an infinite error is lawful


class Bounded:
    """value (float64 array), error (float64 array >= 0), precision."""

    @quiet
    def __init__(self, value: Any, error: Any, precision: Precision):
        self.value = np.asarray(value, np.float64)
        error = np.broadcast_to(np.asarray(error, np.float64), self.value.shape)
        # Where the format may overflow, or the bound itself is inf * 0, nothing is known.
        known = np.abs(self.value) + error <= precision.huge
        self.error = np.where(known, error, np.inf)
        self.precision = precision

    @classmethod
    def exact(cls, array: FloatArray) -> "Bounded":
        """Take in numbers as they are, in the precision of their dtype."""
        return cls(array, 0.0, PRECISION[array.dtype])

    def constant(self, number: float, relative_error: float = 0.0) -> "Bounded":
        """Return a Python number as it enters this precision: rounded once."""
        error = abs(number) * (self.precision.u + relative_error)
        return Bounded(number, error, self.precision)

    @property
    def _dtype(self) -> Any:
        return np.float64 if self.precision.u == DOUBLE.u else np.float32

    @property
    def magnitude(self) -> FloatArray:
        """An upper bound of the exact absolute value."""
        bound: FloatArray = np.abs(self.value) + self.error
        return bound

    @property
    def _reach(self) -> FloatArray:
        """An upper bound of a computed absolute value: an error off one that is an error off."""
        bound: FloatArray = np.abs(self.value) + 2 * self.error
        return bound

    @property
    def tolerance(self) -> FloatArray:
        """How far two implementations may lie apart."""
        return 2 * self.error * ARITHMETIC_SLACK + 2 * self.precision.eta

    @quiet
    def _rounded(self, value: Any, inherited: Any, eta: bool = False) -> "Bounded":
        """Return `value` with the error of its operands and of one rounding."""
        p = self.precision
        error = inherited + p.u * (np.abs(value) + 2 * inherited) + (p.eta if eta else 0.0)
        return Bounded(value, error, p)

    def __add__(self, other: "Bounded") -> "Bounded":
        return self._rounded(self.value + other.value, self.error + other.error)

    def __sub__(self, other: "Bounded") -> "Bounded":
        return self._rounded(self.value - other.value, self.error + other.error)

    @quiet
    def __mul__(self, other: "Bounded") -> "Bounded":
        inherited = self.magnitude * other.error + other.magnitude * self.error
        inherited = inherited + self.error * other.error  # the exact factors are unknown
        return self._rounded(self.value * other.value, inherited, eta=True)

    def __truediv__(self, other: "Bounded") -> "Bounded":
        """Divide by positive numbers; an interval that reaches zero gives an infinite error."""
        return self.divide(other, at_least=0.0)

    @quiet
    def divide(self, other: "Bounded", at_least: float) -> "Bounded":
        """Divide by numbers of which more is known than their error says: they are >= at_least.

        |a'/b' - a/b| <= (|a' - a| + |a / b| |b' - b|) / b', without a difference of neighbours.
        """
        # the exact divisor is an error away from the value, and a computed one as far again
        low = np.maximum(other.value - 2 * other.error, at_least)
        inherited = (self.error + self.magnitude / low * other.error) / low
        inherited = np.where(low > 0, inherited, np.inf)
        return self._rounded(self.value / other.value, inherited, eta=True)

    @quiet
    def sqrt(self, library: Library = ANY) -> "Bounded":
        """Return the square root of non-negative numbers."""
        value = np.sqrt(self.value)
        low = np.sqrt(np.maximum(self.value - 2 * self.error, 0))
        inherited = np.fmin(self.error / (2 * low), np.sqrt(self.error))
        rounding = self.precision.gamma(library.sqrt(self._dtype)) * (value + 2 * inherited)
        return Bounded(value, inherited + rounding, self.precision)

    @quiet
    def exp(self, library: Library = ANY) -> "Bounded":
        """Return e to the power of these numbers; a library may flush what is not normal.

        Nothing is claimed beyond -log(tiny), where libraries were not measured.
        """
        value, p = np.exp(self.value), self.precision
        # np.exp is off by its own error from the e**value that the formula means
        grown = np.exp(self.error)  # the exact argument may be an error above the value
        inherited = value * (grown * np.expm1(self.error) + NUMPY.exp64 * DOUBLE.u)
        error = inherited + p.gamma(library.exp(self._dtype)) * (value + 2 * inherited) + p.tiny
        measured = self.value + 2 * self.error <= -np.log(p.tiny)
        return Bounded(value, np.where(measured, error, np.inf), p)

    @quiet
    def sum(self, axis: int | None = None) -> "Bounded":
        """Sum in any order."""
        n = self.value.size if axis is None else self.value.shape[axis]
        rounding = self.precision.gamma(max(n - 1, 0)) * self._reach.sum(axis)
        return Bounded(self.value.sum(axis), self.error.sum(axis) + rounding, self.precision)

    @quiet
    def sigmoid_pair(self, library: Library = ANY) -> tuple["Bounded", "Bounded"]:
        """Return (s, 1 - s), the second by subtraction from a rounded s."""
        p = self.precision
        s, complement = 1 / (1 + np.exp(-self.value)), 1 / (1 + np.exp(self.value))
        # at the exact argument, s, 1 - s and s (1 - s) are at most exp(error) times these
        grown = np.exp(self.error)
        slope = np.fmin(s * complement * grown * np.expm1(self.error), self.error / 4)
        inherited = np.fmin(slope, 1.0)
        share = np.fmin(complement * grown, 1.0)
        rounding = p.gamma(2 + library.exp(self._dtype) * share) * (s + 2 * inherited)
        error = inherited + rounding + p.tiny
        return Bounded(s, error, p), Bounded(complement, error + p.u * (complement + error), p)

    def take(self, ids: IdArray) -> "Bounded":
        """Look up rows: no rounding."""
        return Bounded(self.value[ids], self.error[ids], self.precision)

    def rows(self) -> "Bounded":
        """Return (B,) as (B, 1), to scale rows with."""
        return Bounded(self.value[:, None], self.error[:, None], self.precision)

    @quiet
    def scatter(self, ids: IdArray, n_rows: int) -> "Bounded":
        """Sum rows over equal ids, in any order, into a table of `n_rows` rows."""
        shape = (n_rows, *self.value.shape[1:])
        value, error, magnitude = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        np.add.at(value, ids, self.value)
        np.add.at(error, ids, self.error)
        np.add.at(magnitude, ids, self._reach)
        extra = np.maximum(np.bincount(ids, minlength=n_rows) - 1, 0)
        gamma = self.precision.gamma(extra).reshape(-1, *[1] * (len(shape) - 1))
        return Bounded(value, error + gamma * magnitude, self.precision)

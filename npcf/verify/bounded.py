r"""Numbers with a bound on their rounding error: the source of every tolerance.

A `Bounded` holds a value and an `error` such that *any* evaluation of the same formula in the
working precision, in any order of additions, with or without fused multiply-add, lies within
`error` of the exact result.  Each operation adds what it inherits and what it rounds
(Higham 2002, chapters 2-4; u = unit roundoff, eta = smallest subnormal, gamma_n = n u / (1 - n u)):

    a + b    ea + eb                                        + u |a + b|
    a * b    |a| eb + |b| ea + ea eb                        + u |a b| + eta
    a / b    widest corner of the two intervals             + u |a / b| + eta
    sqrt a   widest end of the interval                     + 2 u sqrt(a)   (torch's is not exact)
    sum_n a  sum ea                                         + gamma_(n-1) sum |a|
    sigmoid  s (1 - s) (exp(ex) - 1)                        + gamma_(2+c) s + tiny

where |x| on the right stands for |value| + error, an upper bound of the exact magnitude.  Two
implementations of one formula may differ by twice the error: `tolerance`.

The value is carried in float64: exact enough for float32 problems, and itself one of the bounded
evaluations for float64 ones; no wider type is needed, so the bounds are the same everywhere.
"""

from typing import Any, NamedTuple

import numpy as np

from npcf._types import FloatArray, IdArray

EXP_ERROR = 6  # units of u; NumPy's float32 exp is off by up to about 4, measured; libm by 1
ARITHMETIC_SLACK = 1 + 2.0**-30  # the bounds themselves are rounded float64 sums of < 2**20 terms

quiet = np.errstate(over="ignore", invalid="ignore", divide="ignore")  # an infinite error is lawful


class Precision(NamedTuple):
    """The constants of a binary format."""

    u: float  # unit roundoff
    eta: float  # smallest subnormal
    tiny: float  # smallest normal
    huge: float  # largest finite number

    def gamma(self, n: Any) -> Any:
        """Return n u / (1 - n u): the relative error of n roundings in a row."""
        return n * self.u / (1 - n * self.u)


PRECISION = {
    np.dtype(np.float32): Precision(
        2.0**-24, 2.0**-149, 2.0**-126, float(np.finfo(np.float32).max)
    ),
    np.dtype(np.float64): Precision(
        2.0**-53, 2.0**-1074, 2.0**-1022, float(np.finfo(np.float64).max)
    ),
}


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
    def magnitude(self) -> FloatArray:
        """An upper bound of the exact absolute value."""
        bound: FloatArray = np.abs(self.value) + self.error
        return bound

    @property
    def tolerance(self) -> FloatArray:
        """How far two implementations may lie apart."""
        return 2 * self.error * ARITHMETIC_SLACK + 2 * self.precision.eta

    @quiet
    def _rounded(self, value: Any, inherited: Any, eta: bool = False) -> "Bounded":
        """Return `value` with the error of its operands and of one rounding."""
        p = self.precision
        error = inherited + p.u * (np.abs(value) + inherited) + (p.eta if eta else 0.0)
        return Bounded(value, error, p)

    def __add__(self, other: "Bounded") -> "Bounded":
        return self._rounded(self.value + other.value, self.error + other.error)

    def __sub__(self, other: "Bounded") -> "Bounded":
        return self._rounded(self.value - other.value, self.error + other.error)

    @quiet
    def __mul__(self, other: "Bounded") -> "Bounded":
        inherited = np.abs(self.value) * other.error + other.magnitude * self.error
        return self._rounded(self.value * other.value, inherited, eta=True)

    def __truediv__(self, other: "Bounded") -> "Bounded":
        """Divide by positive numbers; an interval that reaches zero gives an infinite error."""
        return self.divide(other, at_least=0.0)

    @quiet
    def divide(self, other: "Bounded", at_least: float) -> "Bounded":
        """Divide by numbers of which more is known than their error says: they are >= at_least."""
        low, high = np.maximum(other.value - other.error, at_least), other.value + other.error
        value = self.value / other.value
        ends = (self.value - self.error, self.value + self.error)
        corners = [np.abs(end / bound - value) for end in ends for bound in (low, high)]
        inherited = np.where(low > 0, np.maximum.reduce(corners), np.inf)
        return self._rounded(value, inherited, eta=True)

    @quiet
    def sqrt(self) -> "Bounded":
        """Return the square root of non-negative numbers."""
        value = np.sqrt(self.value)
        below = value - np.sqrt(np.maximum(self.value - self.error, 0))
        above = np.sqrt(self.value + self.error) - value
        once = self._rounded(value, np.maximum(below, above))
        return Bounded(value, once.error + self.precision.u * once.magnitude, self.precision)

    @quiet
    def sum(self, axis: int | None = None) -> "Bounded":
        """Sum in any order."""
        n = self.value.size if axis is None else self.value.shape[axis]
        rounding = self.precision.gamma(max(n - 1, 0)) * self.magnitude.sum(axis)
        return Bounded(self.value.sum(axis), self.error.sum(axis) + rounding, self.precision)

    @quiet
    def sigmoid_pair(self) -> tuple["Bounded", "Bounded"]:
        """Return (s, 1 - s), the second by subtraction from a rounded s."""
        p = self.precision
        s, complement = 1 / (1 + np.exp(-self.value)), 1 / (1 + np.exp(self.value))
        slope = np.fmin(s * complement * np.expm1(self.error), self.error / 4)
        inherited = np.minimum(slope, 1.0)
        error = inherited + p.gamma(2 + EXP_ERROR) * (s + inherited) + p.tiny
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
        np.add.at(magnitude, ids, self.magnitude)
        extra = np.maximum(np.bincount(ids, minlength=n_rows) - 1, 0)
        gamma = self.precision.gamma(extra).reshape(-1, *[1] * (len(shape) - 1))
        return Bounded(value, error + gamma * magnitude, self.precision)

r"""Numbers with a bound on their rounding error: the source of every tolerance.

A `Bounded` holds a value and an `error` such that *any* evaluation of the same formula in the
working precision, in any order of additions, with or without fused multiply-add, lies within
`error` of the exact result; the value itself lies no farther from it.  Each operation adds what it
inherits and what it rounds (Higham 2002, chapters 2-4; u = unit roundoff, eta = smallest
subnormal, gamma_n = n u / (1 - n u)):

    a + b      ea + eb                                       + u |a + b|
    a * b      |a| eb + |b| ea + 3 ea eb                     + u |a b| + eta
    a / b      (ea + |a / b| eb) / (b - 2 eb)                + u |a / b| + eta
    sqrt a     ea / (2 sqrt(a - 2 ea)), at most sqrt(ea)     + gamma_r sqrt(a)
    sum_n a    sum ea                                        + gamma_(n-1) sum |a|
    scatter    sum_d ea                                      + gamma_(d-1) sum_d |a|
    sigmoid    s (1 - s) exp(ex) (exp(ex) - 1)               + gamma_(2 + c (1 - s)) s + tiny
    s (1 - s)  |1 - 2 s| es + es**2                          + gamma_2 s (1 - s) + eta

where |x| stands for |value| + 2 error, an upper bound of the computed magnitude, and c and r are
the library's errors of exp and sqrt in units of u (`npcf.verify.libraries`; the default covers
every library measured).  Two implementations of one formula may differ by twice the error:
`tolerance`.

Where a format may overflow, on the way too, nothing is known: the error is infinite.  The value is
carried in float64: exact enough for float32 problems, and itself one of the bounded evaluations
for float64 ones; no wider type is needed, so the bounds are the same everywhere.
"""

import math
from typing import Any, cast

import numpy as np

from npcf.verify.bounded_sums import BoundedSums
from npcf.verify.precision import PRECISION, Precision, quiet
from npcf.verify.setting import Setting

__all__ = ["PRECISION", "Bounded", "Precision"]


class Bounded(BoundedSums):
    """A number with its error: arithmetic and functions."""

    __slots__ = ()

    def _rounded(
        self, value: Any, inherited: Any, floor: float | None = None, peak: float = math.inf,
        lost: Any = 0.0, rounds: bool = True,
    ) -> "Bounded":  # fmt: skip
        """Return `value` with the error of its operands and of one rounding."""
        p = self.precision
        error = inherited + lost
        if rounds:
            error = error + p.u * (abs(value) + 2 * inherited)
        return Bounded(value, error, p, floor, peak * (1 + 4 * p.u))

    def __neg__(self) -> "Bounded":
        return Bounded(-self.value, self._error, self.precision, None, self.peak)

    @quiet
    def __add__(self, other: Any) -> "Bounded":
        p, floor = self.precision, None
        value: Any
        if isinstance(other, Bounded):
            value, error, peak, low = other.value, other._error, other.peak, other.floor
        else:
            value, error, _ = Setting.of(other).within(p)
            peak, low = abs(value) + error, value - error
        if self.floor is not None and low is not None and self.floor >= 0 and low >= 0:
            floor = (self.floor + low) * (1 - 2 * p.u)  # rounding is monotone
        return self._rounded(
            self.value + value, self._error + error, floor, self.peak + peak, p.dropped
        )

    def __sub__(self, other: Any) -> "Bounded":
        return -self.__rsub__(other)

    def __rsub__(self, other: Any) -> "Bounded":
        difference: Bounded = -self + other
        return difference

    @quiet
    def __mul__(self, other: Any) -> "Bounded":
        p, inherited = self.precision, cast(Any, 0.0)
        if not isinstance(other, Bounded):
            c, dc, free = Setting.of(other).within(p)
            inherited = self._error * (abs(c) + 3 * dc)
            if dc:
                inherited = inherited + dc * self._abs
            floor = 0.0 if self.floor is not None and self.floor >= 0 and c >= 0 else None
            peak = self.peak * (abs(c) + dc)
            return self._rounded(self.value * c, inherited, floor, peak, p.eta, not free)
        value, peak = self.value * other.value, self.peak * other.peak
        if self._exact and other._exact:  # zero is exactly zero
            lost = p.eta * ((self.value != 0) & (other.value != 0))
            return self._rounded(value, 0.0, 0.0 if self is other else None, peak, lost)
        if not other._exact:
            inherited = self._abs * other._error
        if not self._exact:
            inherited = inherited + other._abs * self._error
            if not other._exact:
                inherited = inherited + 3 * self._error * other._error
        return self._rounded(value, inherited, 0.0 if self is other else None, peak, p.eta)

    __radd__, __rmul__ = __add__, __mul__

    @quiet
    def __truediv__(self, other: Any) -> "Bounded":
        """Divide by positive numbers; an interval that reaches zero gives an infinite error.

        |a'/b' - a/b| <= (|a' - a| + |a / b| |b' - b|) / b', without a difference of neighbours.
        """
        p = self.precision
        if not isinstance(other, Bounded):
            c, dc, free = Setting.of(other).within(p)
            least, value = abs(c) - dc, self.value / np.float64(c)
            if not least > 0:
                return Bounded(value, math.inf, p)
            inherited = (self._error + (self._abs + self._error) * (dc / least)) / least
            floor = 0.0 if self.floor is not None and self.floor >= 0 and c > 0 else None
            return self._rounded(value, inherited, floor, self.peak / least, p.eta, not free)
        least, floor = other.value - 2 * other._error, other.floor
        if floor is not None:
            least = np.maximum(least, floor)
        inherited = (self._error + self.magnitude / least * other._error) / least
        if floor:
            peak = self.peak / floor
        else:
            peak, inherited = math.inf, np.where(least > 0, inherited, np.inf)
        return self._rounded(self.value / other.value, inherited, None, peak, p.eta)

    def __rtruediv__(self, other: Any) -> "Bounded":
        value, error, _ = Setting.of(other).within(self.precision)
        return Bounded(np.full(self.shape, value), error, self.precision) / self

    # -- functions ---------------------------------------------------------------------------------

    @quiet
    def sqrt(self) -> "Bounded":
        """Return the square root; of what may be negative, nothing is known."""
        value = np.sqrt(np.maximum(self.value, 0))
        low = np.sqrt(np.maximum(self.value - 2 * self._error, 0))
        inherited = np.fmin(self._error / (2 * low), np.sqrt(self._error))
        if self.floor is None:
            inherited = np.where(low > 0, inherited, np.inf)
        rounding = self.precision.gamma(self.precision.sqrt) * (value + 2 * inherited)
        peak = 2 * math.sqrt(self.peak) + 1
        floor = math.sqrt(max(self.floor or 0.0, 0.0)) * (
            1 - self.precision.gamma(self.precision.sqrt + 2)
        )
        return Bounded(value, inherited + rounding, self.precision, floor, peak)

    @quiet
    def sigmoid(self) -> "Bounded":
        """Return 1 / (1 + exp(-x))."""
        p, error = self.precision, self._error
        s, complement = 1 / (1 + np.exp(-self.value)), 1 / (1 + np.exp(self.value))
        # at the exact argument, s, 1 - s and s (1 - s) are at most exp(error) times these
        grown = np.exp(error)
        slope = np.fmin(s * complement * grown * np.expm1(error), error / 4)
        inherited = np.fmin(slope, 1.0)
        share = np.fmin(complement * grown, 1.0)
        top = np.fmin(s * grown, 1.0) + inherited
        result = Bounded(s, inherited + p.gamma(2 + p.exp * share) * top + p.tiny, p, 0.0, 4.0)
        result.complement = complement
        return result

    @quiet
    def slope(self) -> "Bounded":
        """Return s (1 - s) of numbers in [0, 1]: |1 - 2 s| ds + ds**2, and two roundings."""
        p, ds = self.precision, self._error
        complement = 1 - self.value if self.complement is None else self.complement
        inherited = np.fmin(abs(complement - self.value) + 2 * ds, 1.0) * ds + ds * ds
        value = self.value * complement
        error = inherited + p.gamma(2) * (value + 2 * inherited) + p.eta
        return Bounded(value, error, p, 0.0, 4.0)

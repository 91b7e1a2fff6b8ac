"""Exact numbers: fractions, and exp and square root to 240 bits.

Every float is a whole number times a power of two, so sums and products of floats are done on whole
numbers over one power of two (`Grid`) and become fractions at the end: many times faster than
fractions all the way, whose every addition looks for a common divisor.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

BITS = 240  # relative precision of what is not rational


@dataclass(frozen=True)
class Grid:
    """Numbers on one grid: whole * 2**exponent, `whole` an object array of Python integers."""

    whole: Any
    exponent: int

    def __getitem__(self, index: Any) -> "Grid":
        return Grid(self.whole[index], self.exponent)

    def __mul__(self, other: "Grid") -> "Grid":
        return Grid(self.whole * other.whole, self.exponent + other.exponent)

    def __add__(self, other: "Grid") -> "Grid":
        left, right, exponent = _common(self, other)
        return Grid(left + right, exponent)

    def __sub__(self, other: "Grid") -> "Grid":
        left, right, exponent = _common(self, other)
        return Grid(left - right, exponent)

    def sum(self, axis: int | None = None) -> "Grid":
        """Sum along an axis; of nothing, zero."""
        return Grid(np.asarray(self.whole.sum(axis=axis, initial=0), object), self.exponent)

    def scatter(self, ids: Any, n_rows: int) -> "Grid":
        """Sum rows over equal ids into a table of `n_rows` rows."""
        table = np.zeros((n_rows, *self.whole.shape[1:]), object)
        np.add.at(table, np.asarray(ids, np.intp), self.whole)
        return Grid(table, self.exponent)

    def fractions(self, factor: Any = 1) -> Any:
        """Return an object array of Fractions, multiplied by `factor`."""
        factor = Fraction(factor) * Fraction(2) ** self.exponent
        top, bottom = factor.numerator, factor.denominator
        return each(lambda whole: Fraction(whole * top, bottom), self.whole)


def _common(left: Grid, right: Grid) -> tuple[Any, Any, int]:
    exponent = min(left.exponent, right.exponent)
    shifts = left.exponent - exponent, right.exponent - exponent
    return left.whole << shifts[0], right.whole << shifts[1], exponent


def grid(array: Any) -> Grid:
    """Return floats, or fractions over powers of two, as a Grid; they must be finite."""
    array = np.asarray(array)
    if array.dtype == object:
        bottom = max((x.denominator for x in array.ravel()), default=1)
        whole = each(lambda x: x.numerator * (bottom // x.denominator), array)
        return Grid(whole, 1 - bottom.bit_length())
    mantissa, exponent = np.frexp(array.astype(np.float64))
    if not np.isfinite(mantissa).all():
        raise ValueError("inf and nan have no exact value")
    used = exponent[mantissa != 0]
    lowest = int(used.min(initial=0)) if used.size else 0
    whole = (mantissa * 2.0**53).astype(np.int64).astype(object)
    shift = np.where(mantissa != 0, exponent - lowest, 0).astype(object)
    return Grid(np.asarray(whole << shift, object), lowest - 53)


def each(function: Any, *arrays: Any) -> Any:
    """Return function(x, y, ...) for every entry, as an object array of the common shape."""
    arrays = np.broadcast_arrays(*(np.asarray(array, object) for array in arrays))
    result = np.empty(arrays[0].shape, object)
    result.reshape(-1)[:] = list(map(function, *(array.ravel().tolist() for array in arrays)))
    return result


def fractions(array: Any) -> Any:
    """Return an object array of Fractions equal to the numbers of `array`."""
    return each(Fraction, np.asarray(array, np.float64))


def shortened(x: Fraction, bits: int = BITS) -> Fraction:
    """Return x rounded to `bits` binary digits: a fraction over a power of two, or near one."""
    if not x:
        return x
    shift = bits - (abs(x.numerator).bit_length() - x.denominator.bit_length())
    if shift <= 0:
        return Fraction(round(x / 2**-shift) * 2**-shift)
    return Fraction(round(x * 2**shift), 2**shift)


def exp(x: Fraction) -> Fraction:
    """Return e**x to 240 bits."""
    import mpmath

    with mpmath.workprec(BITS + 10):
        power = mpmath.exp(mpmath.mpf(x.numerator) / mpmath.mpf(x.denominator))
    sign, whole, exponent, _ = power._mpf_
    return (
        Fraction(int(whole) << exponent) if exponent >= 0 else Fraction(int(whole), 1 << -exponent)
    )


def sqrt(x: Fraction) -> Fraction:
    """Return the square root of x >= 0 to 240 bits, by whole numbers alone."""
    if not x:
        return x
    size = x.numerator.bit_length() - x.denominator.bit_length()
    shift = max(0, BITS + 10 - size // 2)
    whole = math.isqrt((x.numerator << 2 * shift) // x.denominator)
    return Fraction(whole, 1 << shift)


SATURATED = 5000  # beyond it sigmoid(x) is within 2**-7000 of 0 or 1: far below any bound


def sigmoid(x: Fraction) -> Fraction:
    """Return 1 / (1 + e**-x), and so that 1 minus it has 240 bits too."""
    if abs(x) > SATURATED:
        return Fraction(int(x > 0))
    e = exp(-abs(x))
    return shortened(1 / (1 + e) if x > 0 else e / (1 + e), BITS + 2 * int(abs(x)) + 10)

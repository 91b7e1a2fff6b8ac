"""Arrays of rational numbers over one denominator.

Every float is a whole number times a power of two, so sums and products of floats are done on whole
numbers over one denominator: many times faster than on fractions, whose every addition looks for a
common divisor.  Division and square root are rounded to BITS digits.
"""

import math
from fractions import Fraction
from typing import Any

import numpy as np

BITS = 240  # relative precision of what is not rational
LONGEST = 1000  # a setting of more digits is shortened to 2 BITS


def each(function: Any, *arrays: Any) -> Any:
    """Return function(x, y, ...) for every entry, as an object array of the common shape."""
    arrays = np.broadcast_arrays(*(np.asarray(array, object) for array in arrays))
    result = np.empty(arrays[0].shape, object)
    result.reshape(-1)[:] = list(map(function, *(array.ravel().tolist() for array in arrays)))
    return result


class Rationals:
    """whole * 2**exponent / divisor: `whole` an object array of Python integers, divisor odd."""

    __slots__ = ("divisor", "exponent", "whole")
    __array_ufunc__ = None  # NumPy numbers leave the operators to us

    def __init__(self, whole: Any, exponent: int = 0, divisor: int = 1):
        self.whole = np.asarray(whole, object)
        self.exponent, self.divisor = exponent, divisor

    @classmethod
    def exactly(cls, floats: Any) -> "Rationals":
        """Take in floats, which must be finite."""
        mantissa, exponent = np.frexp(np.asarray(floats, np.float64))
        if not np.isfinite(mantissa).all():
            raise ValueError("inf and nan have no exact value")
        used = exponent[mantissa != 0]
        lowest = int(used.min()) if used.size else 0
        whole = (mantissa * 2.0**53).astype(np.int64).astype(object)
        shift = np.where(mantissa != 0, exponent - lowest, 0).astype(object)
        return cls(whole << shift, lowest - 53)

    @classmethod
    def number(cls, x: Any) -> "Rationals":
        """Take in a Fraction or whole number, as an array of no axes."""
        if isinstance(x, Rationals):
            return x
        x = Fraction(x)
        up, down = _twos(x.numerator), _twos(x.denominator)
        if (x.numerator >> up).bit_length() + (x.denominator >> down).bit_length() > LONGEST:
            return cls.number(_shortened(x))
        return cls(x.numerator >> up, up - down, x.denominator >> down)

    @classmethod
    def dyadic(cls, fractions: Any) -> "Rationals":
        """Take in an object array of fractions over powers of two."""
        bottom = max((x.denominator for x in fractions.ravel().tolist()), default=1)
        whole = each(lambda x: x.numerator * (bottom // x.denominator), fractions)
        return cls(whole, 1 - bottom.bit_length())

    def fractions(self) -> Any:
        """Return an object array of Fractions."""
        up, down = 1 << max(self.exponent, 0), self.divisor << max(-self.exponent, 0)
        return each(lambda x: Fraction(x * up, down), self.whole)

    def __len__(self) -> int:
        return len(self.whole)

    @property
    def size(self) -> int:
        """Number of entries."""
        return int(self.whole.size)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return self.whole.shape

    def like(self, whole: Any) -> "Rationals":
        """Return other whole numbers over the same denominator."""
        return Rationals(whole, self.exponent, self.divisor)

    def common(self, other: Any) -> tuple[Any, Any, int, int]:
        """Return the whole numbers of both over one denominator, and that."""
        other = Rationals.number(other)
        a, b, divisor = self.whole, other.whole, self.divisor
        if divisor != other.divisor:
            divisor = math.lcm(divisor, other.divisor)
            a, b = a * (divisor // self.divisor), b * (divisor // other.divisor)
        shift = self.exponent - other.exponent
        if shift > 0:
            return a << shift, b, other.exponent, divisor
        return a, b << -shift if shift else b, self.exponent, divisor

    def __add__(self, other: Any) -> "Rationals":
        a, b, *scale = self.common(other)
        return Rationals(a + b, *scale)

    def __sub__(self, other: Any) -> "Rationals":
        a, b, *scale = self.common(other)
        return Rationals(a - b, *scale)

    def __rsub__(self, other: Any) -> "Rationals":
        return Rationals.number(other) - self

    def __neg__(self) -> "Rationals":
        return self.like(-self.whole)

    def __mul__(self, other: Any) -> "Rationals":
        other = Rationals.number(other)
        exponent, divisor = self.exponent + other.exponent, self.divisor * other.divisor
        return Rationals(self.whole * other.whole, exponent, divisor)

    def __matmul__(self, other: "Rationals") -> "Rationals":
        exponent, divisor = self.exponent + other.exponent, self.divisor * other.divisor
        return Rationals(self.whole @ other.whole, exponent, divisor)

    __radd__, __rmul__ = __add__, __mul__

    def __truediv__(self, other: Any) -> "Rationals":
        if not isinstance(other, Rationals):
            return self * (1 / Fraction(other))
        a, b = np.broadcast_arrays(self.whole * other.divisor, other.whole * self.divisor)
        # one shift for all: the smallest quotient keeps BITS digits
        pairs = list(zip(a.ravel().tolist(), b.ravel().tolist(), strict=True))
        least = min((x.bit_length() - y.bit_length() for x, y in pairs if x), default=0)
        shift = max(0, BITS + 2 - least)
        whole = np.empty(a.shape, object)
        whole.reshape(-1)[:] = [(x << shift) // y for x, y in pairs]
        return Rationals(whole, self.exponent - other.exponent - shift)

    def __rtruediv__(self, other: Any) -> "Rationals":
        return Rationals.number(other) / self

    def sqrt(self) -> "Rationals":
        """Return the square root, so that the smallest keeps BITS digits."""
        whole = np.asarray(self.whole * self.divisor, object)
        least = min((x.bit_length() for x in whole.ravel().tolist() if x), default=0)
        shift = max(0, 2 * BITS + 4 - least)
        shift += (self.exponent - shift) % 2
        roots = each(lambda x: math.isqrt(x << shift), whole)
        return Rationals(roots, (self.exponent - shift) // 2, self.divisor)


def _twos(x: int) -> int:
    """Return how often 2 divides x; 0 of 0."""
    return max((x & -x).bit_length() - 1, 0)


def _shortened(x: Fraction) -> Fraction:
    """Return a fraction rounded to 2 BITS digits, over a power of two."""
    shift = 2 * BITS - abs(x.numerator).bit_length() + x.denominator.bit_length()
    return Fraction(round(x * Fraction(2) ** shift)) / Fraction(2) ** shift

r"""Numbers with an error that grows as they are computed with: what a step's bound is made of.

|x| is an exact size, dx the bound of its error.  fl(x) adds u (|x| + dx); a product with a Python
number gamma_1, or gamma_2 if the format does not hold the number, which is converted first.
"""

from typing import Any, NamedTuple

import numpy as np

from npcf._types import FloatArray
from npcf.verify.bounds.precision import DOUBLE, Precision, bounded_by, conversion, rounded


class Error(NamedTuple):
    """A float64 value, a bound of its distance from the exact one and from any computed one."""

    value: Any
    error: Any

    @property
    def size(self) -> Any:
        """A bound of the exact absolute value."""
        return np.abs(self.value) + self.error


def exactly(array: Any) -> Error:
    """Take in numbers as they are."""
    return Error(np.asarray(array).astype(np.float64), 0.0)


def times(a: Error, number: float, p: Precision, double: float = 1.0) -> Error:
    """Multiply by a Python number: converted (u), itself off by `double` roundings in double."""
    relative = p.gamma(1 + conversion(number, p) + double * DOUBLE.u / p.u)
    value = a.value * number
    return Error(value, abs(number) * a.error * (1 + relative) + relative * abs(value) + p.eta)


def plus(a: Error, b: Error, p: Precision) -> Error:
    """Add two numbers: both errors, and u of the sum."""
    value = a.value + b.value
    return Error(value, rounded(value, a.error + b.error, p))


def product(a: Error, b: Error, p: Precision) -> Error:
    """Multiply: |a| db + |b| da + da db, and u of the product."""
    value = a.value * b.value
    inherited = a.size * b.error + b.size * a.error + a.error * b.error
    return Error(value, rounded(value, inherited, p) + p.eta)


def average(old: Error, new: Error, beta: float, p: Precision, lerp: str = "torch") -> Error:
    """Bound beta old + (1 - beta) new, or old + (1 - beta) (new - old), or new - beta (new - old).

    The last two are torch's lerp, for 1 - beta below and above 1/2; SparseAdam has the second form
    for every beta (lerp="from old").  All round the result (u), and before it
    gamma_2 beta |old| + gamma_3 (1 - beta) |new|, or gamma_3 |new - old| times 1 - beta (the last
    form: beta).
    """
    value = beta * old.value + (1 - beta) * new.value
    inherited = beta * old.error + (1 - beta) * new.error
    plain = p.gamma(2) * beta * old.size + p.gamma(3) * (1 - beta) * new.size
    weight = 1 - beta if beta > 0.5 or lerp == "from old" else beta
    drawn = p.gamma(3) * weight * (np.abs(new.value - old.value) + new.error + old.error)
    return Error(value, rounded(value, inherited + np.maximum(plain, drawn), p) + 2 * p.eta)


def average_square(old: Error, new: Error, beta: float, p: Precision) -> Error:
    """Bound beta old + (1 - beta) new**2, the square in any order of its two products.

    gamma_2 beta |old| + gamma_4 (1 - beta) new**2 and u of the result; new brings in
    2 |new| dnew + dnew**2.
    """
    value = beta * old.value + (1 - beta) * new.value**2
    inherited = beta * old.error + (1 - beta) * (2 * new.size * new.error + new.error**2)
    rounding = p.gamma(2) * beta * old.size + p.gamma(4) * (1 - beta) * new.size**2
    underflow = p.eta * (3 + new.size)
    return Error(value, rounded(value, inherited + rounding, p) + underflow)


def average_of_squares(old: Error, new: Error, beta: float, p: Precision) -> Error:
    """Bound old + (1 - beta) (new**2 - old): the lerp of a square that is rounded first."""
    square = product(new, new, p)
    either = average(old, square, beta, p, lerp="from old")
    return Error(np.maximum(either.value, 0), either.error)


def root(a: Error, roundings: float, p: Precision) -> Error:
    """Bound sqrt(a), a >= 0: da / (2 sqrt(a - 2 da)), at most sqrt(da); and `roundings` more.

    |sqrt(x) - sqrt(y)| = |x - y| / (sqrt(x) + sqrt(y)), which loses no digits.  a.value may lie
    da from the exact number, and a computed one as far again.
    """
    value = np.sqrt(a.value)
    lowest = np.sqrt(np.maximum(a.value - 2 * a.error, 0))
    inherited = np.fmin(a.error / (2 * lowest), np.sqrt(a.error))
    return Error(value, inherited + p.gamma(roundings) * (value + inherited))


def quotient(above: Error, below: Error, eps: float, p: Precision, lost: float = 0.0) -> Error:
    """Bound -above / (below + eps): (da + |a / b| db) / b, b the smallest denominator.

    No right implementation divides by less than eps, rounded.
    """
    bottom = plus(below, Error(eps, conversion(eps, p) * p.u * eps), p)
    floor = eps * (1 - p.gamma(2))
    low = np.maximum(bottom.value - 2 * bottom.error, floor)
    inherited = (above.error + lost + above.size / low * bottom.error) / low
    value = -above.value / bottom.value
    return Error(value, rounded(value, inherited, p) + p.eta)


def correction_error(beta: float, t: int) -> float:
    """Relative error of 1 / (1 - beta**t) in double, in units of its u.

    pow is off by u or two, and the difference cancels when beta is near 1.
    """
    return float(2 * beta**t / (1 - beta**t) + 3)


def finished(a: Error, p: Precision) -> FloatArray:
    """Return the bound of a result."""
    return bounded_by(a.error, a.size, p)

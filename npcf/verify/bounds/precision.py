"""The constants of rounding, and the helpers with which every bound is put together."""

from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from npcf._types import FloatArray
from npcf.verify.bounds.libraries import ANY, Library

ARITHMETIC_SLACK = 1 + 2.0**-30  # bounds are themselves float64 sums of < 2**20 positive terms

quiet = np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore")


class Precision(NamedTuple):
    """The constants of a binary format."""

    u: float  # unit roundoff
    eta: float  # smallest subnormal
    tiny: float  # smallest normal
    huge: float  # largest finite number

    def gamma(self, n: Any) -> Any:
        """Return n u / (1 - n u): the relative error of n roundings in a row.

        Higham 2002, lemma 3.1.  n need not be whole: an error of c u counts as c roundings,
        because (1 + gamma_a)(1 + gamma_b) <= 1 + gamma_(a+b) holds for all real a and b.
        """
        return n * self.u / (1 - n * self.u)


PRECISION = {
    np.dtype(np.float32): Precision(
        2.0**-24, 2.0**-149, 2.0**-126, float(np.finfo(np.float32).max)
    ),
    np.dtype(np.float64): Precision(
        2.0**-53, 2.0**-1074, 2.0**-1022, float(np.finfo(np.float64).max)
    ),
}
DOUBLE = PRECISION[np.dtype(np.float64)]


def precision_of(array: Any, library: Library = ANY) -> Precision:
    """Return the precision of an array's dtype, as `library` computes in it.

    A library that flushes has no subnormals: what underflows is off by the smallest normal number.
    (Subnormal *inputs*, which it reads as zero, are outside the bounds.)
    """
    p = PRECISION[np.asarray(array).dtype]
    return p._replace(eta=p.tiny) if library.flushes else p


def dropped(p: Precision) -> float:
    """Return what an addition loses below the normal numbers: nothing, unless flushed."""
    return p.eta if p.eta == p.tiny else 0.0


@quiet
def bounded_by(error: Any, largest: Any, p: Precision) -> FloatArray:
    """Return `error` as a bound: rounded upwards, infinite where `largest` may overflow.

    `largest` bounds every intermediate result of the operation.
    """
    error = np.asarray(error, np.float64) * ARITHMETIC_SLACK
    fits = np.asarray(largest, np.float64) * ARITHMETIC_SLACK <= p.huge
    bound: FloatArray = np.where(fits & ~np.isnan(error), error, np.inf)
    return bound


def rounded(value: Any, inherited: Any, p: Precision) -> Any:
    """Return the error of fl(x), |x - value| <= inherited: what it inherits and u |x|."""
    return inherited + p.u * (np.abs(value) + inherited) + dropped(p)


def conversion(number: Any, p: Precision) -> float:
    """Return 1 if a Python number is rounded on its way into the format, 0 if it is exact."""
    if p.u == DOUBLE.u:
        return 0.0
    return 0.0 if float(np.float32(number)) == float(number) else 1.0


def height_error(low: float, high: float, p: Precision) -> float:
    """Bound the error of high - low, computed in the format or in double and then converted.

    u times each of low, high and high - low that the format does not hold exactly.
    """
    exact = Fraction(high) - Fraction(low)
    number = np.float64 if p.u == DOUBLE.u else np.float32
    error = 0.0
    for part in (Fraction(low), Fraction(high), exact):
        if Fraction(float(number(float(part)))) != part:
            error += p.u * abs(float(part))
    return error


def division_by(count: int) -> int:
    """Return the roundings of a multiplication by 1 / count: none for a power of two, else two."""
    return 0 if count & (count - 1) == 0 else 2


def column(array: Any) -> Any:
    """Return (B,) as (B, 1), to scale rows with."""
    return np.asarray(array)[:, None]


def scattered(array: Any, ids: Any, n_rows: int) -> FloatArray:
    """Sum rows over equal ids in float64, into a table of `n_rows` rows."""
    table = np.zeros((n_rows, *np.shape(array)[1:]))
    np.add.at(table, np.asarray(ids, np.intp), array)
    return table


def mentions(ids: Any, n_rows: int, ndim: int = 1) -> Any:
    """Count how often each row is named, as a column to scale tables of `ndim` axes with."""
    counts = np.bincount(np.asarray(ids, np.intp).ravel(), minlength=n_rows)
    return counts.reshape(-1, *[1] * (ndim - 1))

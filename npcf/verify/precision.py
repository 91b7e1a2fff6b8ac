"""The constants of rounding: one binary format, as one library computes in it."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from npcf.verify.libraries import ANY, LIBM, Library

SLACK = 1 + 2.0**-30  # bounds are themselves float64 sums of < 2**20 positive terms
quiet = np.errstate(all="ignore")  # an infinite bound is lawful: it claims nothing


class Precision(NamedTuple):
    """The constants of a binary format, and the errors of a library in it (in units of u)."""

    u: float  # unit roundoff
    eta: float  # what a product loses by underflow: the smallest subnormal, or tiny if flushed
    tiny: float  # smallest normal
    huge: float  # largest finite number
    dropped: float  # what an addition loses by underflow: nothing, or tiny if flushed
    exp: float
    sqrt: float

    def gamma(self, n: Any) -> Any:
        """Return n u / (1 - n u): the relative error of n roundings in a row.

        Higham 2002, lemma 3.1.  n need not be whole: an error of c u counts as c roundings,
        because (1 + gamma_a)(1 + gamma_b) <= 1 + gamma_(a+b) holds for all real a and b.
        """
        return n * self.u / (1 - n * self.u)


@cache
def precision_of(dtype: Any, library: Library = ANY) -> Precision:
    """Return the precision of a dtype as `library` computes in it.

    A library that flushes has no subnormals: what underflows is off by the smallest normal number.
    (Subnormal *inputs*, which it reads as zero, are outside the bounds.)
    """
    info = np.finfo(dtype)
    tiny, smallest = float(info.tiny), float(info.smallest_subnormal)
    eta, dropped = (tiny, tiny) if library.flushes else (smallest, 0.0)
    u, errors = float(info.eps) / 2, (library.exp(dtype), library.sqrt(dtype))
    return Precision(u, eta, tiny, float(info.max), dropped, *errors)


PRECISION = {
    np.dtype(dtype): precision_of(np.dtype(dtype), ANY._replace(flushes=False))
    for dtype in (np.float32, np.float64)
}
DOUBLE = PRECISION[np.dtype(np.float64)]
BFLOAT16 = "bfloat16"  # NumPy has no dtype for it: the upper half of a float32


def narrow(dtype: Any) -> Precision:
    """Return the precision of a dtype, or of BFLOAT16, that numbers pass through."""
    if dtype != BFLOAT16:
        return precision_of(np.dtype(dtype), LIBM)
    wide = precision_of(np.dtype(np.float32), LIBM)
    return wide._replace(u=2.0**-8, huge=3.3895e38)


def rounded_to(x: Any, dtype: Any) -> Any:
    """Return float numbers as a dtype, or BFLOAT16, has them: to nearest, ties to even."""
    if dtype != BFLOAT16:
        return x.astype(dtype).astype(x.dtype)
    bits = np.asarray(x, np.float32).view(np.uint32)
    bits = (bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
    return bits.view(np.float32).astype(x.dtype)

"""How exactly each library computes exp and sqrt: the only figures here that were measured.

Relative errors in units of u, half the spacing of numbers in [1, 2) (an error of half a unit in
the last place is between u/2 and u).  Of normal results; a subnormal one may be off by the
smallest normal number, because libraries flush there.  exp is measured up to |x| = -log(tiny), all
that a sigmoid needs: the rest of the way to overflow jax's float32 exp is off by 5.5.

Largest errors found, over all versions that a library chooses from by what the processor can do;
`compare/measure_libraries.py` searches for them.  float32: all arguments from 2**-33 to 88 in size,
and in [1, 4), against double.  float64: tens of millions, most of them where errors are largest,
against 80-bit numbers.  NumPy 2.4, Numba 0.68, torch 2.13, jax 0.10, glibc 2.36.

    library  float32: exp  sqrt   float64: exp  sqrt
    numpy           3.568  1             1.201  1       with AVX-512; otherwise the C library's
    numba           1.000  1             1.007  1       calls the C library
    torch           1.180  1.498         1.201  1.300   MKL's, whose sqrt is not IEEE's
    jax             1.419  1             2.540  1       XLA's own polynomials
    libm            1.000  1             1.007  1       glibc, with fused multiply-add or without

No version of torch's is worst in all: exp in float32 is with AVX2 (1.040 with AVX-512, 1.069
without either), sqrt in float32 without either (1.069 with AVX-512, 1 with AVX2), the others are
with AVX-512 (1.020 and 1.029 without).  The figures below leave a twentieth of room for versions
and processors that were not measured, and are rounded up to tenths; a square root that rounds
correctly needs none.  The worst arguments are held in `compare/pinned_errors.py`, and from them
`compare/test_libraries.py` computes the figures.
"""

from typing import Any, NamedTuple

import numpy as np


class Library(NamedTuple):
    """Largest relative errors of exp and sqrt, in units of u; and what becomes of subnormals."""

    exp32: float
    exp64: float
    sqrt32: float
    sqrt64: float
    flushes: bool = False  # results below the smallest normal number become zero

    def exp(self, dtype: Any) -> float:
        """Return the error of exp in the given dtype."""
        return self.exp32 if np.dtype(dtype) == np.float32 else self.exp64

    def sqrt(self, dtype: Any) -> float:
        """Return the error of sqrt in the given dtype."""
        return self.sqrt32 if np.dtype(dtype) == np.float32 else self.sqrt64


NUMPY = Library(exp32=3.8, exp64=1.3, sqrt32=1.0, sqrt64=1.0)
NUMBA = Library(exp32=1.1, exp64=1.1, sqrt32=1.0, sqrt64=1.0)
TORCH = Library(exp32=1.3, exp64=1.3, sqrt32=1.6, sqrt64=1.4)
JAX = Library(exp32=1.5, exp64=2.7, sqrt32=1.0, sqrt64=1.0, flushes=True)
LIBM = Library(exp32=1.1, exp64=1.1, sqrt32=1.0, sqrt64=1.0)
ALL = (NUMPY, NUMBA, TORCH, JAX, LIBM)
ANY = Library(
    max(library.exp32 for library in ALL),
    max(library.exp64 for library in ALL),
    max(library.sqrt32 for library in ALL),
    max(library.sqrt64 for library in ALL),
    flushes=True,
)

LIBRARIES = {
    "any": ANY,
    "numpy": NUMPY,
    "numba": NUMBA,
    "torch": TORCH,
    "jax": JAX,
    "libm": LIBM,
}

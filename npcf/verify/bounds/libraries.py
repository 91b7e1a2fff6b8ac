"""How exactly each library computes exp and sqrt: the only figures here that were measured.

Relative errors in units of u, half the spacing of numbers in [1, 2) (an error of half a unit in
the last place is between u/2 and u).  Of normal results; a subnormal one may be off by the
smallest normal number, because libraries flush there.  exp is measured up to |x| = -log(tiny), all
that a sigmoid needs: the rest of the way to overflow jax's float32 exp is off by 5.5.

float32 exp: a third of all arguments from 2**-33 to 88 in size, against double; float32 sqrt: all
arguments in [1, 4).  float64: ten million arguments, N(0, 9) and uniform over the range, against
80-bit numbers; `compare/test_libraries.py` measures anew against mpmath.  Measured on an AVX2
machine with NumPy 2.4, Numba 0.68, torch 2.13, jax 0.10; each figure is the largest found on it,
rounded up, for other machines take other paths.

    library  float32: exp  sqrt   float64: exp  sqrt
    numpy            3.57  1              1.01  1
    numba            1.00  1              1.01  1       calls the C library
    torch            1.07  1.50           1.02  1.03    vector maths; its sqrt is not IEEE's
    jax              1.42  1              2.43  1       XLA's own polynomials
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


NUMPY = Library(exp32=4.0, exp64=1.1, sqrt32=1.0, sqrt64=1.0)
NUMBA = Library(exp32=1.1, exp64=1.1, sqrt32=1.0, sqrt64=1.0)
TORCH = Library(exp32=1.2, exp64=1.1, sqrt32=1.6, sqrt64=1.1)
JAX = Library(exp32=1.5, exp64=2.6, sqrt32=1.0, sqrt64=1.0, flushes=True)
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

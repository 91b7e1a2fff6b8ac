"""The errors of exp and sqrt that `npcf.verify.bounds.libraries` states, measured again."""

import ctypes
import ctypes.util
from fractions import Fraction

import numpy as np
import pytest
from numba import njit

from compare import torch_models as oracle
from npcf.verify import LIBRARIES, PRECISION, exact

DTYPES = (np.dtype(np.float32), np.dtype(np.float64))
SEVERAL = 400  # arguments a figure; the figures themselves come from millions


@njit
def _exp(x):
    out = np.empty_like(x)
    for i in range(x.size):
        out[i] = np.exp(x[i])
    return out


@njit
def _sqrt(x):
    out = np.empty_like(x)
    for i in range(x.size):
        out[i] = np.sqrt(x[i])
    return out


def _c(name):
    """Return a function of the C library on arrays, `expf` or `exp` by dtype."""
    library = ctypes.CDLL(ctypes.util.find_library("m"))
    number = {4: ctypes.c_float, 8: ctypes.c_double}

    def call(x):
        one = getattr(library, name + ("f" if x.itemsize == 4 else ""))
        one.argtypes, one.restype = [number[x.itemsize]], number[x.itemsize]
        return np.array([one(number) for number in x.tolist()], x.dtype)

    return call


def _jax(name):
    """Return a function of jax on arrays, in their own precision."""

    def call(x):
        jax = pytest.importorskip("jax")
        with jax.enable_x64(True):
            return np.asarray(getattr(jax.numpy, name)(x))

    return call


FUNCTIONS = {
    "numpy": (np.exp, np.sqrt),
    "numba": (_exp, _sqrt),
    "torch": (oracle.exp, oracle.sqrt),
    "libm": (_c("exp"), _c("sqrt")),
    "jax": (_jax("exp"), _jax("sqrt")),
}


def exponents(dtype):
    """Arguments between -log(tiny) and log(tiny): random ones, multiples of log 2, both ends."""
    rng = np.random.default_rng(0)
    low = float(np.log(np.finfo(dtype).tiny))
    high = -low
    multiples = np.arange(-100, 101) * np.log(2) / 2
    near = np.concatenate([np.nextafter(multiples, np.inf), multiples, 2.0 ** -np.arange(40)])
    x = np.concatenate([rng.normal(0, 3, SEVERAL), rng.uniform(low, high, SEVERAL), near])
    x = x[(x > low + 1) & (x < high - 1)]
    return np.concatenate([x, [low + 2.0**-10, high - 2.0**-10]]).astype(dtype)


def radicands(dtype):
    """Arguments of a square root: two binades, the neighbours of squares, and all magnitudes."""
    rng = np.random.default_rng(0)
    squares = np.arange(1, 200, dtype=dtype) ** 2
    near = [squares, np.nextafter(squares, dtype.type(0)), np.nextafter(squares, dtype.type(1e9))]
    wide = np.exp2(rng.uniform(-100, 100, SEVERAL))
    return np.concatenate([*near, rng.uniform(1, 4, SEVERAL), wide]).astype(dtype)


def largest_error(got, arguments, function, dtype):
    """The largest relative error, in units of u, against 240 bits."""
    errors = []
    for y, x in zip(got.tolist(), arguments.tolist(), strict=True):
        right = function(Fraction(x))
        errors.append(float(abs(Fraction(y) - right) / right))
    return max(errors) / PRECISION[dtype].u


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("library", list(FUNCTIONS))
def test_exp_is_as_good_as_stated(library, dtype):
    x = exponents(dtype)
    error = largest_error(FUNCTIONS[library][0](x), x, exact.exp, dtype)
    assert error <= LIBRARIES[library].exp(dtype), error
    assert error > 0.5  # no library rounds every exp correctly; if one does, the figure is stale


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("library", list(FUNCTIONS))
def test_square_root_is_as_good_as_stated(library, dtype):
    x = radicands(dtype)
    error = largest_error(FUNCTIONS[library][1](x), x, exact.sqrt, dtype)
    assert error <= LIBRARIES[library].sqrt(dtype), error
    assert error > 0.5


def test_every_library_is_measured():
    assert set(FUNCTIONS) == set(LIBRARIES) - {"any"}


def test_a_worse_exp_than_stated_is_measured_as_such():
    x = exponents(DTYPES[0])
    worse = np.exp(x.astype(np.float64)) * (1 + 3 * PRECISION[DTYPES[0]].u)
    error = largest_error(worse.astype(np.float32), x, exact.exp, DTYPES[0])
    assert error > LIBRARIES["torch"].exp(DTYPES[0])

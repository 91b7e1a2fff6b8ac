"""exp and sqrt of every library in `npcf.verify.LIBRARIES`, on NumPy arrays in their own dtype."""

import ctypes
import ctypes.util
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numba import njit

from compare import torch_models as oracle


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


def _c(name: str) -> Callable[[Any], Any]:
    """Return a function of the C library on arrays, `expf` or `exp` by dtype."""
    library = ctypes.CDLL(ctypes.util.find_library("m"))
    number = {4: ctypes.c_float, 8: ctypes.c_double}

    def call(x: Any) -> Any:
        one = getattr(library, name + ("f" if x.itemsize == 4 else ""))
        one.argtypes, one.restype = [number[x.itemsize]], number[x.itemsize]
        return np.array([one(number) for number in x.tolist()], x.dtype)

    return call


def _jax(name: str) -> Callable[[Any], Any]:
    """Return a function of jax on arrays, in their own precision."""

    def call(x: Any) -> Any:
        jax = pytest.importorskip("jax")
        with jax.enable_x64(True):
            return np.asarray(getattr(jax.numpy, name)(x))

    return call


FUNCTIONS: dict[str, dict[str, Callable[[Any], Any]]] = {
    "numpy": {"exp": np.exp, "sqrt": np.sqrt},
    "numba": {"exp": _exp, "sqrt": _sqrt},
    "torch": {"exp": oracle.exp, "sqrt": oracle.sqrt},
    "libm": {"exp": _c("exp"), "sqrt": _c("sqrt")},
    "jax": {"exp": _jax("exp"), "sqrt": _jax("sqrt")},
}

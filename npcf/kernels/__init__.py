"""The same, compiled: twins of `npcf.ops`, chosen by passing this module as `backend=`."""

from typing import TYPE_CHECKING

from npcf.errors import UsageError

try:
    import numba as _numba  # noqa: F401
except ValueError as error:  # NUMBA_NUM_THREADS=0
    cure = "Look at the environment variables NUMBA_..., and correct the one that is meant."
    raise UsageError("numba", f"cannot be loaded ({error})", cure) from None
except ModuleNotFoundError as error:  # in a browser there is none
    if error.name != "numba":
        raise
    problem = "is not installed, and compiled code was asked for"
    cure = 'Use the reference: npcf.ops, backend="numpy"; or install it: pip install numba'
    raise UsageError("numba", problem, cure) from None

from npcf.kernels._jit import compile_seconds as compile_seconds
from npcf.kernels._jit import compiles as compiles
from npcf.kernels.ops import (
    bias_backward,
    bias_forward,
    embedding_backward,
    embedding_forward,
    mse_backward,
    mse_forward,
    row_dot_backward,
    row_dot_forward,
    sigmoid_range_backward,
    sigmoid_range_forward,
)
from npcf.suggestions import suggesting

__all__ = [
    "bias_backward",
    "bias_forward",
    "embedding_backward",
    "embedding_forward",
    "mse_backward",
    "mse_forward",
    "row_dot_backward",
    "row_dot_forward",
    "sigmoid_range_backward",
    "sigmoid_range_forward",
]

if not TYPE_CHECKING:  # to a type checker every name would be there
    __getattr__ = suggesting(__name__, __all__)

"""The same, compiled: twins of `npcf.ops`, chosen by passing this module as `backend=`.

Of `npcf.ops` itself are the layers where compiled loops win nothing: a linear layer is two products
of matrices, which NumPy hands to its library; the others are a few passes over rows that are small.
"""

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
    relu_backward,
    relu_forward,
    row_dot_backward,
    row_dot_forward,
    sigmoid_range_backward,
    sigmoid_range_forward,
)
from npcf.ops import (
    batch_norm_backward,
    batch_norm_forward,
    batch_norm_running,
    concatenate_backward,
    concatenate_forward,
    dropout_backward,
    dropout_forward,
    linear_backward,
    linear_forward,
)
from npcf.suggestions import suggesting

__all__ = [
    "batch_norm_backward",
    "batch_norm_forward",
    "batch_norm_running",
    "bias_backward",
    "bias_forward",
    "concatenate_backward",
    "concatenate_forward",
    "dropout_backward",
    "dropout_forward",
    "embedding_backward",
    "embedding_forward",
    "linear_backward",
    "linear_forward",
    "mse_backward",
    "mse_forward",
    "relu_backward",
    "relu_forward",
    "row_dot_backward",
    "row_dot_forward",
    "sigmoid_range_backward",
    "sigmoid_range_forward",
]

if not TYPE_CHECKING:  # to a type checker every name would be there
    __getattr__ = suggesting(__name__, __all__)

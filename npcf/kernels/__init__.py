"""The same, compiled: twins of `npcf.ops`, chosen by passing this module as `backend=`."""

from npcf.kernels._jit import compiles as compiles
from npcf.kernels.twins import (
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

"""The reference: one operation a file, forward and backward side by side, the derivation on top.

`x_forward(...) -> (out, cache)`; `x_backward(d_out, cache) ->` the gradients in the order of the
forward's differentiable arguments, `d_x` with the shape and dtype of `x`.  Both halves are pure.
`npcf.kernels` holds compiled twins under the same names.
"""

from typing import TYPE_CHECKING

from npcf.ops.bias import BiasCache, bias_backward, bias_forward
from npcf.ops.embedding import EmbeddingCache, embedding_backward, embedding_forward
from npcf.ops.mse import MSECache, mse_backward, mse_forward
from npcf.ops.one_hot import OneHotCache, one_hot, one_hot_backward, one_hot_forward
from npcf.ops.row_dot import RowDotCache, row_dot_backward, row_dot_forward
from npcf.ops.sigmoid_range import (
    SigmoidRangeCache,
    sigmoid_range_backward,
    sigmoid_range_forward,
)
from npcf.suggestions import suggesting

__all__ = [
    "BiasCache",
    "EmbeddingCache",
    "MSECache",
    "OneHotCache",
    "RowDotCache",
    "SigmoidRangeCache",
    "bias_backward",
    "bias_forward",
    "embedding_backward",
    "embedding_forward",
    "mse_backward",
    "mse_forward",
    "one_hot",
    "one_hot_backward",
    "one_hot_forward",
    "row_dot_backward",
    "row_dot_forward",
    "sigmoid_range_backward",
    "sigmoid_range_forward",
]

if not TYPE_CHECKING:  # to a type checker every name would be there
    __getattr__ = suggesting(__name__, __all__)

"""The reference: one operation a file, forward and backward side by side, the derivation on top.

`x_forward(...) -> (out, cache)`; `x_backward(d_out, cache) ->` the gradients in the order of the
forward's differentiable arguments, `d_x` with the shape and dtype of `x`.  Both halves are pure.
`npcf.kernels` holds compiled twins under the same names.
"""

from typing import TYPE_CHECKING

from npcf.ops.batch_norm import (
    BatchNormCache,
    batch_norm_backward,
    batch_norm_forward,
    batch_norm_running,
)
from npcf.ops.bias import BiasCache, bias_backward, bias_forward
from npcf.ops.concatenate import ConcatenateCache, concatenate_backward, concatenate_forward
from npcf.ops.dropout import DropoutCache, dropout_backward, dropout_forward
from npcf.ops.embedding import EmbeddingCache, embedding_backward, embedding_forward
from npcf.ops.linear import LinearCache, linear_backward, linear_forward
from npcf.ops.mse import MSECache, mse_backward, mse_forward
from npcf.ops.one_hot import OneHotCache, one_hot, one_hot_backward, one_hot_forward
from npcf.ops.relu import ReluCache, relu_backward, relu_forward
from npcf.ops.row_dot import RowDotCache, row_dot_backward, row_dot_forward
from npcf.ops.sigmoid_range import (
    SigmoidRangeCache,
    sigmoid_range_backward,
    sigmoid_range_forward,
)
from npcf.suggestions import suggesting

__all__ = [
    "BatchNormCache",
    "BiasCache",
    "ConcatenateCache",
    "DropoutCache",
    "EmbeddingCache",
    "LinearCache",
    "MSECache",
    "OneHotCache",
    "ReluCache",
    "RowDotCache",
    "SigmoidRangeCache",
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
    "one_hot",
    "one_hot_backward",
    "one_hot_forward",
    "relu_backward",
    "relu_forward",
    "row_dot_backward",
    "row_dot_forward",
    "sigmoid_range_backward",
    "sigmoid_range_forward",
]

if not TYPE_CHECKING:  # to a type checker every name would be there
    __getattr__ = suggesting(__name__, __all__)

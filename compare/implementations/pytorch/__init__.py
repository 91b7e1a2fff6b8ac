"""PyTorch as an implementation of the protocol: autograd, torch.optim, torch's own schedules.

What torch does not refuse and the protocol does (broadcasting, an empty mean, float ids) is refused
before torch sees it.  `linear`, `exponential` and `one_cycle_fastai` are not torch's, and absent.
"""

from compare.implementations.pytorch.layers import (
    batch_norm_backward,
    batch_norm_forward,
    concatenate_backward,
    concatenate_forward,
    dropout_backward,
    dropout_forward,
    linear_backward,
    linear_forward,
    relu_backward,
    relu_forward,
)
from compare.implementations.pytorch.model import (
    dot_product_bias_backward,
    dot_product_bias_forward,
)
from compare.implementations.pytorch.operations import (
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
from compare.implementations.pytorch.schedules import (
    cosine,
    cosine_restarts,
    epoch_batches,
    one_cycle_torch,
    step_decay,
)
from compare.implementations.pytorch.steps import adam_step, sgd_step
from compare.implementations.pytorch.training import load, save, train

LIBRARY = "torch"

__all__ = [
    "adam_step",
    "batch_norm_backward",
    "batch_norm_forward",
    "bias_backward",
    "bias_forward",
    "concatenate_backward",
    "concatenate_forward",
    "cosine",
    "cosine_restarts",
    "dot_product_bias_backward",
    "dot_product_bias_forward",
    "dropout_backward",
    "dropout_forward",
    "embedding_backward",
    "embedding_forward",
    "epoch_batches",
    "linear_backward",
    "linear_forward",
    "load",
    "mse_backward",
    "mse_forward",
    "one_cycle_torch",
    "relu_backward",
    "relu_forward",
    "row_dot_backward",
    "row_dot_forward",
    "save",
    "sgd_step",
    "sigmoid_range_backward",
    "sigmoid_range_forward",
    "step_decay",
    "train",
]

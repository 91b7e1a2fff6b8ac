"""The whole protocol in plain NumPy, written from its page and from nothing else of npcf.

No operation, model or update rule of npcf is imported: where this and npcf agree, two programs do.
Each function is short: `npcf.verify.mistakes` puts wrong ones in their place.
"""

from npcf.verify.examples.plain.batches import epoch_batches
from npcf.verify.examples.plain.model import (
    dot_product_bias_backward,
    dot_product_bias_forward,
)
from npcf.verify.examples.plain.operations import (
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
from npcf.verify.examples.plain.schedules import (
    cosine,
    cosine_restarts,
    exponential,
    linear,
    one_cycle_fastai,
    one_cycle_torch,
    step_decay,
)
from npcf.verify.examples.plain.steps import adam_step, sgd_step
from npcf.verify.examples.plain.training import load, save, train

LIBRARY = "numpy"

__all__ = [
    "adam_step",
    "bias_backward",
    "bias_forward",
    "cosine",
    "cosine_restarts",
    "dot_product_bias_backward",
    "dot_product_bias_forward",
    "embedding_backward",
    "embedding_forward",
    "epoch_batches",
    "exponential",
    "linear",
    "load",
    "mse_backward",
    "mse_forward",
    "one_cycle_fastai",
    "one_cycle_torch",
    "row_dot_backward",
    "row_dot_forward",
    "save",
    "sgd_step",
    "sigmoid_range_backward",
    "sigmoid_range_forward",
    "step_decay",
    "train",
]

"""npcf's reference, NumPy, as an implementation of the protocol."""

from functools import partial

from npcf import ops
from npcf.models import dot_product_bias_backward
from npcf.models import dot_product_bias_forward as _forward
from npcf.ops import (
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
from npcf.optim import (
    cosine,
    cosine_restarts,
    exponential,
    linear,
    one_cycle_torch,
    step_decay,
)
from npcf.verify.conformance.examples import npcf_adapters
from npcf.verify.conformance.examples.npcf_adapters import (
    adam_step,
    epoch_batches,
    load,
    one_cycle_fastai,
    save,
    sgd_step,
)

LIBRARY = "numpy"

dot_product_bias_forward = partial(_forward, backend=ops)
train = partial(npcf_adapters.train, backend=ops)

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

"""A-priori bounds: how far a right implementation may lie from the exact result.

For every operation, the model, its loss and gradients, and the step of every optimiser: any order
of the additions, fused multiply-add or not.  `npcf.verify.exact` has the exact results, under the
same names; two implementations may differ by twice the bound.
"""

from npcf.verify.bounds.libraries import ANY, LIBRARIES, Library
from npcf.verify.bounds.model import (
    dot_product_bias,
    dot_product_bias_gradients,
    dot_product_bias_loss,
)
from npcf.verify.bounds.ops import (
    bias,
    bias_backward,
    embedding_backward,
    lookup,
    mse,
    mse_backward,
    one_hot,
    row_dot,
    row_dot_backward,
    sigmoid,
    sigmoid_range,
    sigmoid_range_backward,
)
from npcf.verify.bounds.precision import PRECISION, Precision
from npcf.verify.bounds.rows import renormalise_rows
from npcf.verify.bounds.steps import adam_step, rmsprop_step, sgd_step, sparse_adam_step

__all__ = [
    "ANY",
    "LIBRARIES",
    "PRECISION",
    "Library",
    "Precision",
    "adam_step",
    "bias",
    "bias_backward",
    "dot_product_bias",
    "dot_product_bias_gradients",
    "dot_product_bias_loss",
    "embedding_backward",
    "lookup",
    "mse",
    "mse_backward",
    "one_hot",
    "renormalise_rows",
    "rmsprop_step",
    "row_dot",
    "row_dot_backward",
    "sgd_step",
    "sigmoid",
    "sigmoid_range",
    "sigmoid_range_backward",
    "sparse_adam_step",
]

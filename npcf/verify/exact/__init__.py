"""The exact value of every operation, model, loss and optimiser step.

Functions have the names and arguments of `npcf.verify.bounds` (without `library`) and return object
arrays of `fractions.Fraction`: rational operations exactly, exp and square root to 240 bits.
Arguments must be finite.  Needs the extra `verify` (mpmath) where there is an exp.
"""

from npcf.verify.exact.model import (
    dot_product_bias,
    dot_product_bias_gradients,
    dot_product_bias_loss,
)
from npcf.verify.exact.numbers import exp, fractions, sqrt
from npcf.verify.exact.ops import (
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
from npcf.verify.exact.steps import (
    adam_step,
    renormalise_rows,
    rmsprop_step,
    sgd_step,
    sparse_adam_step,
)

__all__ = [
    "adam_step",
    "bias",
    "bias_backward",
    "dot_product_bias",
    "dot_product_bias_gradients",
    "dot_product_bias_loss",
    "embedding_backward",
    "exp",
    "fractions",
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
    "sqrt",
]

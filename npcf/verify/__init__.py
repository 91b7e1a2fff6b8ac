"""Is a gradient right?  Bounds derived from rounding theory, and checks that use them."""

from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.bounded import EXP_ERROR, PRECISION, Bounded, Precision
from npcf.verify.bounded_model import (
    bounded_adam,
    bounded_gradients,
    bounded_predictions,
    bounded_rmsprop,
    bounded_sgd,
    bounded_sparse_adam,
    exact_params,
)
from npcf.verify.gradcheck import gradcheck
from npcf.verify.report import GradcheckReport, Mismatch

__all__ = [
    "EXP_ERROR",
    "PRECISION",
    "Bounded",
    "GradcheckReport",
    "Mismatch",
    "Precision",
    "assert_same_bits",
    "assert_within",
    "bounded_adam",
    "bounded_gradients",
    "bounded_predictions",
    "bounded_rmsprop",
    "bounded_sgd",
    "bounded_sparse_adam",
    "exact_params",
    "gradcheck",
]

"""Is a gradient right?  Bounds derived from rounding theory, and checks that use them."""

from typing import TYPE_CHECKING

from npcf.suggestions import suggesting
from npcf.verify.assertions import (
    assert_crosscheck,
    assert_same_bits,
    assert_within,
    assert_within_exact,
)
from npcf.verify.bounded import Bounded
from npcf.verify.bounded_model import (
    bounded_adam,
    bounded_gradients,
    bounded_predictions,
    bounded_rmsprop,
    bounded_sgd,
    bounded_sparse_adam,
    exact_params,
)
from npcf.verify.floats import Floats
from npcf.verify.formulas import Formulas
from npcf.verify.gradcheck import as_vjp, gradcheck
from npcf.verify.libraries import LIBRARIES, Library
from npcf.verify.precision import PRECISION, Precision
from npcf.verify.report import GradcheckReport, Mismatch
from npcf.verify.running_error import RunningError

__all__ = [
    "LIBRARIES",
    "PRECISION",
    "Bounded",
    "Floats",
    "Formulas",
    "GradcheckReport",
    "Library",
    "Mismatch",
    "Precision",
    "RunningError",
    "as_vjp",
    "assert_crosscheck",
    "assert_same_bits",
    "assert_within",
    "assert_within_exact",
    "bounded_adam",
    "bounded_gradients",
    "bounded_predictions",
    "bounded_rmsprop",
    "bounded_sgd",
    "bounded_sparse_adam",
    "exact_params",
    "gradcheck",
]

if not TYPE_CHECKING:  # to a type checker every name would be there
    __getattr__ = suggesting(__name__, __all__)

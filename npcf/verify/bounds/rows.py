"""The bound of rows cut back to a length (`npcf.optim.renormalise_rows`)."""

from typing import Any

import numpy as np

from npcf._types import FloatArray
from npcf.verify.bounds.libraries import ANY, Library
from npcf.verify.bounds.precision import bounded_by, column, conversion, precision_of, quiet


@quiet
def renormalise_rows(
    weight: FloatArray, ids: Any, max_norm: float, *, library: Library = ANY
) -> FloatArray:
    """Bound the table (N, K) after w <- w max_norm / (|w| + 1e-7) where |w| > max_norm.

    |w| is off relatively by gamma_r, r = K / 2 + c: K roundings under the root, halved by it, and
    c, the root's own; and by sqrt(K eta) where squares underflow.  The row: gamma_(r+3), for the
    addition, the division and the product, and the conversions of max_norm and of 1e-7.  Where |w|
    is so near to max_norm that rounding decides, the row may be cut or not: the difference of the
    two is added.
    """
    p, k = precision_of(weight, library), weight.shape[1]
    w = weight.astype(np.float64)
    squares = (w * w).sum(axis=1)
    norm = np.sqrt(squares)
    roundings = k / 2 + library.sqrt(weight.dtype)
    norm_error = p.gamma(roundings) * norm + np.fmin(k * p.eta / norm, np.sqrt(k * p.eta))
    norm_error = np.where(norm == 0, 0.0, norm_error)
    cut = w * column(max_norm / (norm + 1e-7))
    converted = conversion(max_norm, p) + 1e-7 / (norm + 1e-7)
    error = np.abs(cut) * column(norm_error / norm + p.gamma(3 + converted)) + 2 * p.eta
    undecided = np.abs(norm - max_norm) <= norm_error + p.gamma(2) * max_norm
    decision = np.abs(cut - w) * column(undecided)
    long = (norm > max_norm) | undecided
    named = np.isin(np.arange(len(w)), np.asarray(ids))
    error = np.where(column(long & named), error + decision, 0.0)
    largest = np.where(named, squares * (1 + p.gamma(k)), 0.0)
    return bounded_by(error, column(largest), p)

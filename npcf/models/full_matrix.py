r"""The spreadsheet's view: all users times all items at once, and why pairs give the same.

    matrix = low + (high - low) * sigmoid( P @ Q.T + b[:, None] + c[None, :] )          (U, I)
    loss   = mean over the observed cells of (matrix - rating)**2

The lesson's workbook multiplies matrices and compares with the whole table; the notebook predicts
one pair a row.  Both are right: an unobserved cell has no rating, so it has no term in the loss,
and the mean over observed cells is the mean over pairs.

Derivation.  With d_logit (U, I), zero in unobserved cells, a row of P meets every item once:

    d_P = d_logit @ Q        d_b = d_logit.sum(axis=1)
    d_Q = d_logit.T @ P      d_c = d_logit.sum(axis=0)

which gathers, for each user, exactly the terms that the pairs' scatter adds.  The cost differs:
U * I predictions against one an observed rating; and `torch.mm` on a *batch* of looked-up rows
would make B * B numbers of which only the diagonal is wanted (`pair_costs`).
"""

from typing import Any, NamedTuple

import numpy as np

from npcf import ops
from npcf._types import FloatArray, Params, YRange
from npcf.errors import (
    ShapeError,
    as_array,
    require_count,
    require_floats,
    require_gradient,
    require_pair,
    require_params,
    require_same_shape,
    require_tables,
    require_type,
)
from npcf.models.dot_product_bias import PARAM_NAMES
from npcf.ops.row_dot import check_rows


class FullMatrixCache(NamedTuple):
    """What `full_matrix_backward` needs."""

    params: Params
    range: ops.SigmoidRangeCache | None


class MaskedMSECache(NamedTuple):
    """What `masked_mse_backward` needs."""

    observed: Any  # (U, I) bool
    mse: ops.MSECache


class PairCosts(NamedTuple):
    """Multiplications, and numbers held, of both ways to the dots of B pairs of K factors."""

    row_dot_multiplications: int  # B * K
    matmul_multiplications: int  # B * B * K
    row_dot_numbers: int  # B
    matmul_numbers: int  # B * B


def predict_matrix(params: Params, y_range: YRange = (0.0, 5.5)) -> FloatArray:
    """Return the predictions (U, I) of every user for every item."""
    return full_matrix_forward(params, y_range)[0]


def full_matrix_forward(
    params: Params, y_range: YRange = (0.0, 5.5)
) -> tuple[FloatArray, FullMatrixCache]:
    """Return (matrix (U, I), cache).  Without bias tables in `params` there are no bias terms."""
    params = _checked(params)
    logit = params["user_factors"] @ params["item_factors"].T  # (U, I)
    if "user_bias" in params:
        logit = logit + params["user_bias"].reshape(-1, 1) + params["item_bias"].reshape(-1)
    if y_range is None:
        return logit, FullMatrixCache(params, None)
    matrix, range_cache = ops.sigmoid_range_forward(logit, *require_pair("y_range", y_range))
    return matrix, FullMatrixCache(params, range_cache)


def _checked(params: Params) -> Params:
    """Return the tables as arrays that belong together, or raise; biases may be (n,) or (n, 1)."""
    require_tables("params", params)
    names = PARAM_NAMES if "user_bias" in params else PARAM_NAMES[:2]
    require_params(params, names)
    tables: Params = {}
    for name in names:
        argument, factors = f"params[{name!r}]", tables.get(name.replace("bias", "factors"))
        table = require_floats(argument, params[name], 2 if factors is None else None)
        if factors is not None and table.shape not in ((n := len(factors),), (n, 1)):
            problem, cure = f"shape {table.shape} is not ({n},)", "Give each row one bias."
            raise ShapeError(argument, problem, cure)
        tables[name] = table
    widths = {name: tables[name][:1] for name in PARAM_NAMES[:2]}
    require_same_shape(**{f"params[{name!r}]": row for name, row in widths.items()})
    return tables


def full_matrix_backward(d_matrix: FloatArray, cache: FullMatrixCache) -> Params:
    """Map d_matrix (U, I) to gradients under the names of `params`."""
    require_type("cache", cache, FullMatrixCache, "Pass what full_matrix_forward returned second.")
    shape = tuple(len(cache.params[name]) for name in ("user_factors", "item_factors"))
    d_logit = require_gradient(d_matrix, shape, cache.params["user_factors"].dtype)
    if cache.range is not None:
        d_logit = ops.sigmoid_range_backward(d_matrix, cache.range)
    grads = {
        "user_factors": d_logit @ cache.params["item_factors"],
        "item_factors": d_logit.T @ cache.params["user_factors"],
    }
    if "user_bias" in cache.params:
        sums = {"user_bias": d_logit.sum(axis=1), "item_bias": d_logit.sum(axis=0)}
        grads |= {name: d.reshape(cache.params[name].shape) for name, d in sums.items()}
    return grads


def masked_mse_forward(
    matrix: FloatArray, rating: FloatArray, observed: Any
) -> tuple[Any, MaskedMSECache]:
    """Return (mean squared error over the cells where `observed` (U, I) is True, cache)."""
    matrix, rating = as_array("matrix", matrix), as_array("rating", rating)
    observed = as_array("observed", observed)
    if observed.dtype != bool or not matrix.shape == rating.shape == observed.shape:
        raise ShapeError(
            "observed",
            f"must be a boolean mask of the shape of matrix {matrix.shape} and rating "
            f"{rating.shape}, got {observed.dtype} {observed.shape}",
            "~np.isnan(rating) makes one of a table with empty cells.",
        )
    loss, cache = ops.mse_forward(matrix[observed], rating[observed])
    return loss, MaskedMSECache(observed, cache)


def masked_mse_backward(d_loss: Any, cache: MaskedMSECache) -> FloatArray:
    """Map d_loss to d_matrix (U, I): zero where nothing was observed."""
    require_type("cache", cache, MaskedMSECache, "Pass what masked_mse_forward returned second.")
    d_cells = ops.mse_backward(d_loss, cache.mse)
    d_matrix = np.zeros(cache.observed.shape, d_cells.dtype)
    d_matrix[cache.observed] = d_cells
    return d_matrix


def matmul_pairs(left: FloatArray, right: FloatArray) -> FloatArray:
    """Return the dots (B,) of `left` and `right` (B, K) the wasteful way: diag(left @ right.T)."""
    left, right = check_rows(left, right)
    return np.diagonal(left @ right.T)


def pair_costs(batch: int, n_factors: int) -> PairCosts:
    """Count what `row_dot` and `matmul_pairs` compute and hold for a batch: a factor of B apart."""
    batch, n_factors = require_count("batch", batch, 0), require_count("n_factors", n_factors, 0)
    return PairCosts(batch * n_factors, batch * batch * n_factors, batch, batch * batch)

r"""Bounds of the whole model of lesson 5: prediction, loss and gradients.

The operations' bounds (`bounds.ops`) put together.  An operation that is given an argument off by
dx adds its own rounding to what the argument brings in; and where the formula needs the size of
an intermediate result, it takes the float64 value and its error together, so that the bound holds
for float64 itself, whose intermediate values are no better known than those of anybody else.
"""

from typing import Any, NamedTuple

import numpy as np

from npcf._types import FloatArray, Params, YRange
from npcf.verify.bounds.libraries import ANY, Library
from npcf.verify.bounds.ops import ranged
from npcf.verify.bounds.precision import (
    Precision,
    bounded_by,
    column,
    conversion,
    division_by,
    dropped,
    height_error,
    mentions,
    precision_of,
    quiet,
    rounded,
    scattered,
)


class Forward(NamedTuple):
    """What the forward leaves for the backward: sizes and errors, all (B,)."""

    pred: Any
    d_pred: Any  # error of pred
    largest: Any  # bounds every intermediate result
    slope: Any  # upper bound of R s (1 - s); 1 without a range
    d_slope: Any  # its error, with the roundings of the products that apply it


def dot_product_bias(
    params: Params,
    users: Any,
    items: Any,
    y_range: YRange,
    library: Library = ANY,
    *,
    mean: float = 0.0,
) -> FloatArray:
    """Bound pred (B,) = low + R s(z), z = P[users] . Q[items] + b[users] + c[items] (+ mean).

    z: gamma_(K+2) (sum_k |p q| + |b| + |c|) + K eta = dz; with a mean, gamma_(K+3) of the sum with
    |mean|, and its conversion.  s(z + dz) is off from s(z) by at most s (1 - s) (exp(dz) - 1), and
    by at most 1; what the library adds and what the range does is `bounds.sigmoid_range`.
    """
    p = precision_of(params["user_factors"], library)
    forward = _forward(params, users, items, y_range, library, mean)
    return bounded_by(forward.d_pred, forward.largest, p)


def dot_product_bias_loss(
    params: Params,
    users: Any,
    items: Any,
    rating: FloatArray,
    y_range: YRange,
    library: Library = ANY,
    *,
    mean: float = 0.0,
) -> FloatArray:
    """Bound the loss, a number: (2 / B) sum |e| dy + (1 / B) sum dy**2 + gamma_(B+4) L + B eta.

    e = pred - rating and dy its error, dy including the bound of pred and none for the rating.
    """
    p = precision_of(params["user_factors"], library)
    forward = _forward(params, users, items, y_range, library, mean)
    e, n = _residual(forward, params, rating), np.size(rating)
    total = ((np.abs(e) + forward.d_pred) ** 2).sum()  # bounds B L, and B times the computed loss
    inherited = (2 * np.abs(e) * forward.d_pred + 3 * forward.d_pred**2).sum() / n
    error = inherited + p.gamma(n + 2 + division_by(n)) * total / n
    error = error + (n + 1) * (p.eta + dropped(p)) * (1 + np.sqrt(total))
    return bounded_by(error, np.maximum(total * (1 + p.gamma(n + 4)), forward.largest.max()), p)


@quiet
def dot_product_bias_gradients(
    params: Params,
    users: Any,
    items: Any,
    rating: FloatArray,
    y_range: YRange,
    library: Library = ANY,
    *,
    mean: float = 0.0,
) -> dict[str, FloatArray]:
    """Bound the gradients of the loss, under the names of `params`.

    D_b = (2 / B) e_b R s (1 - s) has size D and error dD:

        (2 / B) [ (|e| + de) (d_slope + gamma_n slope) + de slope ],  n = 1 (+ 2 unless B is 2**i)

    de = u (|e| + dy) + dy.  An entry of a table: sum_d dD |q| + gamma_d sum_d (D + dD) |q| + d eta;
    of a bias, with q = 1: sum_d dD + gamma_(d-1) sum_d (D + dD).
    """
    p = precision_of(params["user_factors"], library)
    forward = _forward(params, users, items, y_range, library, mean)
    size, error, largest = _d_logit(forward, params, rating, p)
    ids = {"user": (users, items), "item": (items, users)}
    bounds = {}
    for name, table in params.items():
        side = name.split("_")[0]
        own, partner = ids[side]
        d = mentions(own, len(table), table.ndim)
        if name.endswith("bias"):
            additions, factor = np.maximum(d - 1, 0), np.ones(len(size))
            sizes, errors = size, error
        else:
            other = params["item_factors" if side == "user" else "user_factors"]
            factor = np.abs(other.astype(np.float64))[partner]
            additions, sizes, errors = d, column(size) * factor, column(error) * factor
        total = scattered(sizes + errors, own, len(table))
        bound = scattered(errors, own, len(table)) + p.gamma(additions) * total
        bound = bound + d * (p.eta + dropped(p))
        peak = float(np.max(largest, initial=0.0))
        bounds[name] = bounded_by(bound, np.maximum(total + bound, peak), p)
    return bounds


@quiet
def _forward(
    params: Params, users: Any, items: Any, y_range: YRange, library: Library, mean: float
) -> Forward:
    dtype = params["user_factors"].dtype
    p = precision_of(params["user_factors"], library)
    z, dz, largest = _logit(params, users, items, mean, p)
    if y_range is None:
        return Forward(z, dz, largest, np.ones_like(z), np.zeros_like(z))
    low, high = y_range
    height, dr = high - low, height_error(low, high, p)
    s, complement = 1 / (1 + np.exp(-z)), 1 / (1 + np.exp(z))
    grown = np.exp(dz)  # s and s (1 - s) at the exact z are at most this times those at z
    slope = np.fmin(s * complement * grown, 0.25)
    inherited = np.fmin(np.fmin(slope * np.expm1(dz), dz / 4), 1.0)
    top = np.fmin(s * grown, 1.0) + inherited
    ds = inherited + p.gamma(2 + library.exp(dtype) * np.fmin(complement * grown, 1.0)) * top
    ds = ds + p.tiny
    d_pred, size = ranged(np.fmin(top, 1.0), ds, (low, high), p)
    d_slope = (np.fmin(np.abs(complement - s) + dz / 2, 1.0) * ds + ds * ds) * (1 + p.gamma(4))
    d_slope = height * (d_slope + p.gamma(4) * slope) + dr * (slope + d_slope)
    d_slope = d_slope + 3 * p.eta * max(1.0, height)
    return Forward(low + height * s, d_pred, np.maximum(largest, size), height * slope, d_slope)


def _logit(
    params: Params, users: Any, items: Any, mean: float, p: Precision
) -> tuple[Any, Any, Any]:
    """Return (z, dz, bound of the size) of the logit, all (B,)."""
    left = params["user_factors"].astype(np.float64)[users]
    right = params["item_factors"].astype(np.float64)[items]
    products, k = left * right, left.shape[1]
    terms = [products.sum(axis=1)]
    for name, ids in (("user_bias", users), ("item_bias", items)):
        if name in params:
            terms.append(params[name].astype(np.float64)[ids])
    if mean:
        terms.append(np.full(len(left), float(mean)))
    size = np.abs(products).sum(axis=1) + sum(np.abs(term) for term in terms[1:])
    error = p.gamma(k + len(terms) - 1) * size + (k + len(terms)) * (p.eta + dropped(p))
    error = error + conversion(mean, p) * p.u * (1 + p.gamma(1)) * abs(mean)
    return sum(terms[1:], terms[0]), error, size + error


def _residual(forward: Forward, params: Params, rating: Any) -> Any:
    """Return e = pred - rating in float64, the rating in the precision of the model."""
    cast = np.asarray(rating).astype(params["user_factors"].dtype)
    return forward.pred - cast.astype(np.float64)


def _d_logit(
    forward: Forward, params: Params, rating: FloatArray, p: Precision
) -> tuple[Any, Any, Any]:
    """Return (size, error, bound of the intermediates) of D_b, the gradient of the logit."""
    n = np.size(rating)
    e = np.abs(_residual(forward, params, rating)) + forward.d_pred  # bounds the exact one
    de = rounded(e, forward.d_pred, p)
    gamma = p.gamma(1 + division_by(n))
    slope, d_slope = forward.slope, forward.d_slope
    error = (2 / n) * ((e + de) * (d_slope + gamma * (slope + d_slope)) + de * slope)
    error = error + 3 * p.eta * np.maximum(1, e)
    size = (2 / n) * e * slope
    return size, error, np.maximum(forward.largest, 2 * (e + de) * np.maximum(1, slope + d_slope))

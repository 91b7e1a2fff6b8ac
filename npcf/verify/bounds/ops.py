r"""How far a right implementation of each operation may lie from the exact result.

Each function returns, for every entry, a bound on |computed - exact| that holds in any order of
the additions, with or without fused multiply-add (Higham 2002, sections 2.2, 3.1 and 4.2):

    gamma_n = n u / (1 - n u)     n roundings in a row are off by at most this, relatively
    eta                           the smallest subnormal: what a product loses by underflow
    tiny                          the smallest normal number: what exp and 1 / x lose there

Letters of `npcf`: B batch, K factors, d how often a row is named.  A Python number that the format
does not hold (0.1 in float32) counts as one more rounding.  Bounds are float64, rounded upwards,
and infinite where the computation may overflow.  `library` says whose exp is used, and whether it
flushes subnormals to zero: then tiny takes the place of eta, and each addition may lose it too.
"""

from typing import Any

import numpy as np

from npcf._types import FloatArray
from npcf.verify.bounds.libraries import ANY, Library
from npcf.verify.bounds.precision import (
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


def lookup(weight: FloatArray, ids: Any) -> FloatArray:
    """Return zeros: out_b = weight[ids_b] is a copy."""
    return np.zeros((*np.shape(ids), weight.shape[1]))


def one_hot(weight: FloatArray, ids: Any) -> FloatArray:
    """Return zeros: a product with a one-hot row adds zeros to a copy, exactly."""
    return lookup(weight, ids)


@quiet
def embedding_backward(
    ids: Any,
    d_out: FloatArray,
    n_rows: int,
    *,
    padding_idx: int | None = None,
    scale_grad_by_freq: bool = False,
    library: Library = ANY,
) -> FloatArray:
    """Bound d_weight (N, K), d_weight[n] = sum_d d_out: gamma_(d-1) sum_d |d_out|.

    d numbers take d - 1 additions.  With `scale_grad_by_freq` each is first multiplied by a
    rounded 1 / d (two roundings, as it may be rounded to double first; none if d is a power of
    two) and that product rounded: gamma_(d+2) sum_d |d_out| / d + d eta.  The padding row is 0.
    """
    p, ids = precision_of(d_out, library), np.ravel(np.asarray(ids, np.intp))
    d_rows = np.abs(np.asarray(d_out, np.float64)).reshape(ids.size, np.shape(d_out)[-1])
    total, d = scattered(d_rows, ids, n_rows), mentions(ids, n_rows, ndim=2)
    additions = np.maximum(d - 1, 0)
    error = p.gamma(additions) * total + additions * dropped(p)
    if scale_grad_by_freq:
        total = total / np.maximum(d, 1)
        error = p.gamma(d + 2) * total + 2 * d * p.eta
        error = np.where(d == 1, 0.0, error)
    bound = bounded_by(error, total + error, p)
    if padding_idx is not None:
        bound[padding_idx] = 0.0
    return bound


@quiet
def row_dot(left: FloatArray, right: FloatArray, *, library: Library = ANY) -> FloatArray:
    """Bound out (B,), out_b = sum_k left_bk right_bk: gamma_K sum_k |left right| + K eta.

    A product is rounded once and then takes part in at most K - 1 additions.
    """
    p, k = precision_of(left, library), left.shape[1]
    products = np.abs(left.astype(np.float64) * right.astype(np.float64)).sum(axis=1)
    error = p.gamma(k) * products + k * (p.eta + dropped(p))
    return bounded_by(error, products + error, p)


@quiet
def row_dot_backward(
    d_out: FloatArray, left: FloatArray, right: FloatArray, *, library: Library = ANY
) -> tuple[FloatArray, FloatArray]:
    """Bound (d_left, d_right), both (B, K): u |exact| + eta, or 0 where a factor is 0."""
    p, d_rows = precision_of(d_out, library), column(d_out).astype(np.float64)
    bounds = []
    for other in (right, left):
        exact = np.abs(d_rows * other.astype(np.float64))
        error = np.where((d_rows != 0) & (other != 0), p.u * exact + p.eta, 0.0)
        bounds.append(bounded_by(error, exact + error, p))
    return bounds[0], bounds[1]


@quiet
def bias(
    dot: FloatArray,
    user_bias: FloatArray,
    item_bias: FloatArray,
    users: Any,
    items: Any,
    *,
    library: Library = ANY,
) -> FloatArray:
    """Bound out (B,) = dot + user_bias[users] + item_bias[items]: gamma_2 of the sizes' sum."""
    p = precision_of(dot, library)
    terms = np.abs(dot.astype(np.float64))
    terms = terms + np.abs(user_bias.astype(np.float64))[users]
    terms = terms + np.abs(item_bias.astype(np.float64))[items]
    return bounded_by(p.gamma(2) * terms + 2 * dropped(p), terms * (1 + p.gamma(2)), p)


def bias_backward(
    d_out: FloatArray,
    users: Any,
    items: Any,
    n_users: int,
    n_items: int,
    *,
    library: Library = ANY,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Bound (d_dot (B,), d_user_bias (U,), d_item_bias (I,)): 0, and gamma_(d-1) sum_d |d_out|."""
    d_rows = column(d_out)
    d_users = embedding_backward(users, d_rows, n_users, library=library)[:, 0]
    d_items = embedding_backward(items, d_rows, n_items, library=library)[:, 0]
    return np.zeros(np.shape(d_out)), d_users, d_items


@quiet
def sigmoid(x: FloatArray, library: Library = ANY) -> FloatArray:
    r"""Bound s (B,) = 1 / (1 + exp(-x)): gamma_(2 + c (1 - s)) s + tiny.

    c is the library's error of exp in units of u.  exp(-x) (1 + c u) enters 1 + exp(-x), of which
    it is the share 1 - s; the addition and the division round once each.  The form for negative x,
    exp(x) / (1 + exp(x)), has the same bound: of the two errors of exp the share 1 - s is left.
    tiny: below the normal numbers libraries flush, and exp(-x) overflows before s reaches eta.
    """
    p, x64 = precision_of(x, library), x.astype(np.float64)
    s, complement = 1 / (1 + np.exp(-x64)), 1 / (1 + np.exp(x64))
    return bounded_by(p.gamma(2 + library.exp(x.dtype) * complement) * s + p.tiny, s, p)


@quiet
def sigmoid_range(x: FloatArray, low: float, high: float, library: Library = ANY) -> FloatArray:
    """Bound out (B,) = low + R s, R = high - low.

        R ds + |dR| (s + ds) + gamma_1 R s + |d low| + u |out| + eta

    what s (`sigmoid`) and the rounded ends bring in, the product, and the addition.
    """
    p, x64 = precision_of(x, library), x.astype(np.float64)
    s = 1 / (1 + np.exp(-x64))
    error, largest = ranged(s, sigmoid(x, library), (low, high), p)
    return bounded_by(error, largest, p)


def ranged(s: Any, ds: Any, ends: tuple[float, float], p: Any) -> tuple[Any, Any]:
    """Return the error of low + R s, s being off by ds, and the largest intermediate size."""
    low, high = ends
    height, dr = high - low, height_error(low, high, p)
    product = height * s
    inherited = height * ds + dr * (s + ds)
    inherited = rounded(product, inherited, p) + p.eta
    error = rounded(low + product, inherited + conversion(low, p) * p.u * abs(low), p)
    return error, abs(low) + height + dr + error


@quiet
def sigmoid_range_backward(
    d_out: FloatArray, x: FloatArray, low: float, high: float, library: Library = ANY
) -> FloatArray:
    r"""Bound d_x (B,) = d_out R s (1 - s), computed from x; D = |d_out| R.

        D (gamma_4 s (1 - s) + (|1 - 2 s| ds + ds**2) (1 + gamma_4)) + |d_out dR| s (1 - s)
          + 3 eta max(1, |d_out|) max(1, R)

    Three products and the subtraction round once each: gamma_4.  An s that is off by ds (`sigmoid`)
    gives s' (1 - s') - s (1 - s) = ds (1 - 2 s) - ds**2.  Absolute near s = 1, where 1 - s cancels.
    """
    p, x64 = precision_of(x, library), x.astype(np.float64)
    s, complement = 1 / (1 + np.exp(-x64)), 1 / (1 + np.exp(x64))
    scale, ds = np.abs(d_out.astype(np.float64)), sigmoid(x, library)
    height, dr = high - low, height_error(low, high, p)
    slope, dslope = s * complement, np.abs(complement - s) * ds + ds * ds
    error = height * (p.gamma(4) * slope + dslope * (1 + p.gamma(4)))
    error = scale * (error + dr * (slope + dslope) * (1 + p.gamma(4)))
    underflow = 3 * p.eta * np.maximum(1, scale) * max(1.0, height)
    return bounded_by(error + underflow, scale * (height + dr) * (1 + p.gamma(4)), p)


@quiet
def mse(pred: FloatArray, rating: Any, *, library: Library = ANY) -> FloatArray:
    """Bound the loss L = (1 / B) sum_b (pred_b - rating_b)**2: gamma_(B+4) L + (B + 1) eta.

    The difference rounds once and enters squared (2), the square (1), B - 1 additions, and the
    product with a rounded 1 / B (2).  For B a power of two that product is exact: gamma_(B+2).
    """
    p, n = precision_of(pred, library), pred.size
    rating = np.asarray(rating).astype(pred.dtype)
    total = ((pred.astype(np.float64) - rating.astype(np.float64)) ** 2).sum()
    error = p.gamma(n + 2 + division_by(n)) * total / n
    error = error + (n + 1) * (p.eta + dropped(p)) * (1 + np.sqrt(total))
    return bounded_by(error, total * (1 + p.gamma(n + 4)), p)


@quiet
def mse_backward(
    d_loss: Any, pred: FloatArray, rating: Any, *, library: Library = ANY
) -> FloatArray:
    """Bound d_pred (B,) = (2 / B) (pred - rating) d_loss: gamma_4 |exact| + 2 eta max(...).

    The difference, a rounded 2 / B, and two products.  For B a power of two the product with 2 / B
    is exact, and gamma_2 remains.  What underflows may still be multiplied, by d_loss or by the
    difference.
    """
    p, rating = precision_of(pred, library), np.asarray(rating).astype(pred.dtype)
    scale = abs(float(pred.dtype.type(d_loss)))
    difference = np.abs(pred.astype(np.float64) - rating.astype(np.float64))
    exact = difference * (2 * scale / pred.size)
    error = p.gamma(2 + division_by(pred.size)) * exact
    error = error + 2 * p.eta * max(1.0, scale) * np.maximum(1, difference)
    return bounded_by(error, np.maximum(2 * difference * max(1.0, scale), exact + error), p)

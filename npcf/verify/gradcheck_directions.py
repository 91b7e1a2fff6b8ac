r"""A model's gradients along random directions, all arrays at once.

    random direction   <grad, v> against (L(x + h v) - L(x - h v)) / (2 h)
    adjoint identity   <J v, w> = <v, J^T w>,  J the derivative of the predictions, J v by one
                       complex step, J^T w by the backward of the model for a fresh w

Along v, with V the directions of the looked-up rows, the logit of rating b is a parabola:

    z'  = V_p . q + p . V_q + V_bu + V_bi        z'' = 2 V_p . V_q

so L''' = mean (f''' z'**3 + 3 f'' z' z''), f the squared error as a function of the logit.  The
bound of f''' and its ingredients are in `npcf.verify.allowances`; likewise, with the range,
|f''| <= 2 (R**2 / 16 + 0.0963 M R), and without it f'' = 2.

With E_j the running-error bound of entry j of J^T w and M_j = sum_b |w_b J_bj|, <v, J^T w> is off
by at most sum |v_j| (E_j + gamma_n M_j), n = 2 N + 3 B + 8: the N additions of the product, and
those of a logit, 2 K + 2 <= N.  J v by the complex step is off by twice as much.
"""

import copy
from types import ModuleType
from typing import Any

import numpy as np

from npcf._types import FloatArray, Params
from npcf.models import PairModel
from npcf.verify.allowances import (
    CENTRAL_STEP,
    COMPLEX_STEP,
    FLOAT64,
    second_derivative,
    third_derivative,
    underflow_of_complex_step,
)
from npcf.verify.bounded import Bounded
from npcf.verify.formulas import Formulas
from npcf.verify.report import Mismatch, scalar_mismatch
from npcf.verify.running_error import RunningError


def random_direction(
    model: PairModel, pairs: Any, rating: FloatArray, grads: Params, rng: np.random.Generator
) -> Mismatch:
    """Compare <grads, v> with a central difference of the loss along v."""
    params, (users, items) = model.core_params(), pairs.T
    drawn = {name: rng.uniform(-1, 1, table.shape) for name, table in params.items()}
    up = {name: table + CENTRAL_STEP * drawn[name] for name, table in params.items()}
    down = {name: table - CENTRAL_STEP * drawn[name] for name, table in params.items()}
    # the direction that was really taken, after rounding
    v = {name: (up[name] - down[name]) / (2 * CENTRAL_STEP) for name in params}
    numeric = (_loss(model, up, pairs, rating) - _loss(model, down, pairs, rating)) / (
        2 * CENTRAL_STEP
    )
    first, second = _slopes(params, v, users, items)
    third = third_derivative(model, rating) * first**3
    third += 3 * second_derivative(model, rating) * first * second
    error, noise = _errors(model, pairs, v, rating=rating)
    allowed = error + noise / CENTRAL_STEP + CENTRAL_STEP**2 / 6 * third.mean()
    return scalar_mismatch("random direction", _inner(grads, v), numeric, allowed)


def adjoint_identity(
    model: PairModel, pairs: Any, rating: FloatArray, backend: ModuleType, rng: Any
) -> Mismatch:
    """Compare <J v, w> with <v, J^T w> for the predictions' derivative J."""
    params = model.core_params()
    v = {name: rng.uniform(-1, 1, table.shape) for name, table in params.items()}
    w = rng.uniform(-1, 1, len(pairs))
    pred, cache = model.forward(pairs, backend=backend)
    pulled = model.backward(w.reshape(pred.shape), cache)
    moved = _at(
        model, {name: table + 1j * COMPLEX_STEP * v[name] for name, table in params.items()}
    )
    pushed = moved.forward(pairs)[0].reshape(-1).imag / COMPLEX_STEP
    error, _ = _errors(model, pairs, v, upstream=w)
    lost = underflow_of_complex_step(model, rating) * sum(np.abs(d).sum() for d in v.values())
    return scalar_mismatch(
        "adjoint identity", _inner(pulled, v), float(pushed @ w), 3 * error + float(lost)
    )


def _slopes(params: Params, v: Params, users: Any, items: Any) -> tuple[FloatArray, FloatArray]:
    """Return upper bounds of |z'| between the two points, and of |z''|, each (B,)."""
    p, q = params["user_factors"][users], params["item_factors"][items]
    v_p, v_q = v["user_factors"][users], v["item_factors"][items]
    second = 2 * np.abs((v_p * v_q).sum(axis=1))
    first = (v_p * q + p * v_q).sum(axis=1)
    if "user_bias" in params:
        first = first + v["user_bias"][users] + v["item_bias"][items]
    return np.abs(first) + CENTRAL_STEP * second, second


def _errors(
    model: PairModel,
    pairs: Any,
    v: Params,
    *,
    rating: FloatArray | None = None,
    upstream: FloatArray | None = None,
) -> tuple[float, float]:
    """Return the errors of <v, J^T w> and of the loss; w is `upstream`, or that of the loss."""
    params, (users, items) = model.core_params(), pairs.T
    f = Formulas(RunningError())
    pred, tape = f.forward(params, users, items, model.y_range, model.mean)
    noise = 0.0
    if rating is None:
        d_logit = f.n.array(upstream)
    else:
        residual = f.residual(pred, f.n.array(rating))
        noise = float(f.loss(residual).tolerance) / 2
        d_logit = f.loss_gradient(residual, f.n.number(1))
    p, q, s = tape[:3]
    if model.y_range is not None:
        d_logit = f.range_backward(d_logit, s, *f.n.numbers(*model.y_range))
    gamma = FLOAT64.gamma(2 * sum(table.size for table in v.values()) + 3 * len(pairs) + 8)
    total = 0.0
    for name, direction in v.items():
        ids, other = (users, q) if name.startswith("user") else (items, p)
        terms = d_logit if name.endswith("bias") else d_logit.column() * other
        sizes = Bounded(terms.magnitude, 0.0, FLOAT64).scatter(ids, len(direction)).magnitude
        error = terms.scatter(ids, len(direction)).tolerance / 2
        total += float((np.abs(direction) * (error + gamma * sizes)).sum())
    return total, noise


def _inner(left: Params, right: Params) -> float:
    return float(sum((left[name].reshape(right[name].shape) * right[name]).sum() for name in right))


def _loss(model: PairModel, params: Params, pairs: Any, rating: FloatArray) -> float:
    error = _at(model, params)(pairs).reshape(-1) - rating
    return float((error * error).mean())


def _at(model: PairModel, params: Params) -> PairModel:
    """Return the model with other numbers in its tables, which keep their shapes."""
    moved = copy.copy(model)
    moved.params = {name: params[name].reshape(t.shape) for name, t in model.params.items()}
    return moved

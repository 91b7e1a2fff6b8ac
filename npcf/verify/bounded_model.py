"""The model and one optimiser step in `Bounded` numbers: tolerances of whole training steps.

Each function is the formula of its namesake in `npcf.models` or `npcf.optim`, once more.
"""

from typing import Any

import numpy as np

from npcf._types import FloatArray, IdArray, Params, YRange
from npcf.verify.bounded import PRECISION, Bounded

BoundedParams = dict[str, Bounded]


def exact_params(params: Params) -> BoundedParams:
    """Take in parameters as they are."""
    return {name: Bounded.exact(table) for name, table in params.items()}


def bounded_predictions(
    params: BoundedParams, users: IdArray, items: IdArray, y_range: YRange, mean: float = 0.0
) -> tuple[Bounded, Any]:
    """Return (pred (B,), what `bounded_gradients` needs)."""
    p, q = params["user_factors"].take(users), params["item_factors"].take(items)
    logit = (p * q).sum(axis=1)
    if "user_bias" in params:
        bias = (params["user_bias"].take(users), params["item_bias"].take(items))
        terms = [logit, *bias]
        total = terms[0].value + terms[1].value + terms[2].value
        magnitude = sum(term.magnitude for term in terms)
        inherited = sum(term.error for term in terms)
        rounding = logit.precision.gamma(2) * magnitude
        logit = Bounded(total, inherited + rounding, logit.precision)
    if mean:
        logit = logit + logit.constant(mean)
    if y_range is None:
        return logit, (p, q, None)
    low, high = y_range
    s, complement = logit.sigmoid_pair()
    height = logit.constant(high - low)
    return s * height + logit.constant(low), (p, q, (s, complement, height))


def bounded_gradients(
    params: BoundedParams,
    users: IdArray,
    items: IdArray,
    rating: FloatArray,
    y_range: YRange,
    dtype: Any,
    mean: float = 0.0,
) -> tuple[Bounded, Bounded, BoundedParams]:
    """Return (pred, loss, grads) of the mean squared error, with bounds."""
    pred, (p, q, squash) = bounded_predictions(params, users, items, y_range, mean)
    error = pred - Bounded(rating, 0.0, PRECISION[np.dtype(dtype)])
    n = error.value.size
    loss = (error * error).sum() * pred.constant(1 / n)
    d_logit = error * pred.constant(2 / n)
    if squash is not None:
        s, complement, height = squash
        d_logit = d_logit * height * complement * s
    n_users, n_items = len(params["user_factors"].value), len(params["item_factors"].value)
    grads = {
        "user_factors": (d_logit.rows() * q).scatter(users, n_users),
        "item_factors": (d_logit.rows() * p).scatter(items, n_items),
    }
    if "user_bias" in params:
        grads["user_bias"] = d_logit.scatter(users, n_users)
        grads["item_bias"] = d_logit.scatter(items, n_items)
    return pred, loss, grads


def bounded_sgd(
    w: Bounded, g: Bounded, buf: Bounded | None, first: bool, setting: dict[str, Any]
) -> tuple[Bounded, Bounded | None]:
    """Return (w, buf) after one step of `npcf.optim.SGD` with the keyword arguments `setting`."""
    lr, wd, momentum = setting["lr"], setting["weight_decay"], setting["momentum"]
    if setting["decoupled"] and wd:
        w = w * w.constant(1 - lr * wd)
    elif wd:
        g = g + w * w.constant(wd)
    if momentum:
        if first or buf is None:
            buf = g
        else:
            buf = buf * w.constant(momentum) + g * w.constant(1 - setting["dampening"])
        g = g + buf * w.constant(momentum) if setting["nesterov"] else buf
    return w - g * w.constant(lr), buf


def bounded_adam(
    w: Bounded, g: Bounded, m: Bounded, v: Bounded, t: int, setting: dict[str, Any]
) -> tuple[Bounded, Bounded, Bounded]:
    """Return (w, m, v) after step t of `npcf.optim.Adam` with the keyword arguments `setting`."""
    lr, wd, (beta1, beta2) = setting["lr"], setting["weight_decay"], setting["betas"]
    if setting["decoupled"] and wd:
        w = w * w.constant(1 - lr * wd)
    elif wd:
        g = g + w * w.constant(wd)
    m = _average(m, g, beta1)
    v = v * w.constant(beta2) + g * w.constant(1 - beta2) * g
    v_hat = v * w.constant(1 / (1 - beta2**t), _correction_error(beta2, t))
    # torch divides sqrt(v) by sqrt(1 - beta2**t) instead: one more rounding, twice over.
    root = v_hat.sqrt()
    root = Bounded(root.value, root.error + w.precision.gamma(2) * root.magnitude, w.precision)
    step_size = w.constant(lr / (1 - beta1**t), _correction_error(beta1, t))
    eps = setting["eps"]
    update = (m * step_size).divide(root + w.constant(eps), at_least=eps * (1 - 4 * w.precision.u))
    return w - update, m, v


def bounded_sparse_adam(
    w: Bounded, g: Bounded, m: Bounded, v: Bounded, t: int, setting: dict[str, Any]
) -> tuple[Bounded, Bounded, Bounded]:
    """Return (w, m, v) of touched rows after step t of `npcf.optim.SparseAdam`."""
    lr, eps, (beta1, beta2) = setting["lr"], setting["eps"], setting["betas"]
    m, v = _average(m, g, beta1), _average(v, g * g, beta2)
    v = Bounded(np.maximum(v.value, 0), v.error, v.precision)
    error = _correction_error(beta1, t) + _correction_error(beta2, t)
    step_size = w.constant(lr * np.sqrt(1 - beta2**t) / (1 - beta1**t), error)
    floor = eps * (1 - 4 * w.precision.u)
    return w - m.divide(v.sqrt() + w.constant(eps), at_least=floor) * step_size, m, v


def bounded_rmsprop(
    w: Bounded, g: Bounded, v: Bounded, a: Bounded, buf: Bounded, setting: dict[str, Any]
) -> tuple[Bounded, Bounded, Bounded, Bounded]:
    """Return (w, v, a, buf) after one step of `npcf.optim.RMSProp`."""
    lr, wd, alpha, eps = (setting[name] for name in ("lr", "weight_decay", "alpha", "eps"))
    if setting["decoupled"] and wd:
        w = w * w.constant(1 - lr * wd)
    elif wd:
        g = g + w * w.constant(wd)
    v = v * w.constant(alpha) + g * w.constant(1 - alpha) * g
    mean_square = v
    if setting["centered"]:
        a = _average(a, g, alpha)
        variance = v - a * a
        mean_square = Bounded(np.maximum(variance.value, 0), variance.error, w.precision)
    floor = eps * (1 - 4 * w.precision.u)
    root, rate = mean_square.sqrt() + w.constant(eps), w.constant(lr)
    scaled = g.divide(root, at_least=floor)
    if setting["momentum"]:
        buf = buf * w.constant(setting["momentum"]) + scaled
        return w - buf * rate, v, a, buf
    # torch multiplies by lr first: what underflows there is magnified by the division.
    update = _either(scaled * rate, (g * rate).divide(root, at_least=floor))
    return w - update, v, a, buf


def _either(a: Bounded, b: Bounded) -> Bounded:
    """Return a bound for one quantity that may be computed in the way of `a` or of `b`."""
    return Bounded(a.value, np.maximum(a.error, b.error + np.abs(a.value - b.value)), a.precision)


def _average(old: Bounded, new: Bounded, beta: float) -> Bounded:
    """Return beta old + (1 - beta) new, which may be computed as old + (1 - beta)(new - old).

    That is torch's lerp; gamma_4 (|old| + (1 - beta)(|new| + |old|)) covers both.
    """
    value = beta * old.value + (1 - beta) * new.value
    rounding = old.magnitude + (1 - beta) * (new.magnitude + old.magnitude)
    error = beta * old.error + (1 - beta) * new.error
    error = error + old.precision.gamma(4) * rounding + 4 * old.precision.eta
    return Bounded(value, error, old.precision)


def _correction_error(beta: float, t: int) -> float:
    """Relative error of 1 / (1 - beta**t) in double: 1 - beta**t cancels when beta is near 1."""
    double = PRECISION[np.dtype(np.float64)].u
    return double * (2 * beta**t / (1 - beta**t) + 3)

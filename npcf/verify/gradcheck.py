r"""Hold hand-written gradients against two numerical ones, every entry, with derived tolerances.

    complex step         Im L(x + i h) / h,  h = 1e-200: no subtraction, so no cancellation; exact
                         but for rounding (Squire & Trapp 1998).  Needs a forward free of abs,
                         max and conj, which is why npcf's forwards accept complex parameters.
    central differences  (L(x + h) - L(x - h)) / (2 h),  h = eps**(1/3)

What is allowed, for each entry.  The gradient carries its running-error bound E
(`npcf.verify.bounded`).  The complex step multiplies the same factors, with at most twice the
roundings, in complex arithmetic: E + 2 E.  The difference quotient adds the rounding of two losses,
2 E_loss / (2 h), and its truncation, h**2 / 6 max |L'''|.  Along one entry w that enters the logit
of rating b with slope a_b (a factor of the other side, or 1 for a bias), L''' is the mean of
a_b**3 f'''(z_b); with the range, f = (low + R sigmoid(z) - y)**2 has, from |sigmoid'| <= 1/4,
|sigmoid''| <= 0.0963, |sigmoid'''| <= 1/8 and |error| <= max(|low - y|, |high - y|) =: M,
|f'''| <= 2 (3 R**2 0.0963 / 4 + M R / 8); without it f''' = 0.

Rows that the batch does not name are not stepped through: their gradient must be exactly zero, and
the loss must not change by a bit when they are replaced by noise.
"""

import copy
from types import ModuleType
from typing import Any

import numpy as np

from npcf import ops
from npcf._types import FloatArray, Params
from npcf.models import PairModel
from npcf.verify.bounded_model import bounded_gradients, exact_params
from npcf.verify.report import GradcheckReport, Mismatch

COMPLEX_STEP = 1e-200
CENTRAL_STEP = float(np.finfo(np.float64).eps) ** (1 / 3)  # where both error terms balance


def gradcheck(model: PairModel, batch: Any, *, backend: ModuleType = ops) -> GradcheckReport:
    """Check every gradient of the mean squared error of `model` on `batch`, in float64.

    `batch` has `users`, `items` (B,) and `rating` (B,).  `backend` is the module of operations
    whose gradients are checked.  The model is not changed.
    """
    probe = copy.copy(model)
    probe.params = {name: table.astype(np.float64) for name, table in model.params.items()}
    pairs = np.stack([batch.users, batch.items], axis=1).astype(np.int64)
    rating = np.asarray(batch.rating, np.float64)
    grads = _analytic(probe, pairs, rating, backend)

    named = {"user": np.unique(pairs[:, 0]), "item": np.unique(pairs[:, 1])}
    rows = {name: named[name.split("_")[0]] for name in probe.params}
    worst = [_absent_rows(probe, pairs, rating, grads, rows)]

    small = copy.copy(probe)
    small.params = {name: table[rows[name]] for name, table in probe.params.items()}
    small_pairs = np.stack(
        [np.searchsorted(named["user"], pairs[:, 0]), np.searchsorted(named["item"], pairs[:, 1])],
        axis=1,
    )
    allowed = _allowances(small, small_pairs, rating)
    numeric = {
        "complex step": _complex_step(small, small_pairs, rating),
        "central differences": _central_differences(small, small_pairs, rating),
    }
    for method, arrays in numeric.items():
        for name, array in arrays.items():
            analytic = grads[name][rows[name]]
            worst.append(_worst(method, name, analytic, array, allowed[method][name], rows[name]))
    return GradcheckReport(tuple(worst), sum(table.size for table in small.params.values()))


def _loss(model: PairModel, pairs: Any, rating: FloatArray) -> Any:
    pred = model.forward(pairs)[0]
    return ops.mse_forward(pred.reshape(-1), rating)[0]


def _analytic(model: PairModel, pairs: Any, rating: FloatArray, backend: ModuleType) -> Params:
    pred, cache = model.forward(pairs, backend=backend)
    _, loss_cache = backend.mse_forward(pred.reshape(-1), rating)
    d_pred = backend.mse_backward(1.0, loss_cache).reshape(pred.shape)
    return model.backward(d_pred, cache)


def _complex_step(model: PairModel, pairs: Any, rating: FloatArray) -> Params:
    probe = copy.copy(model)
    probe.params = {name: table.astype(np.complex128) for name, table in model.params.items()}
    result = {}
    for name, table in probe.params.items():
        numeric = np.empty(table.shape)
        for index in np.ndindex(table.shape):
            saved = table[index]
            table[index] = saved + 1j * COMPLEX_STEP
            numeric[index] = _loss(probe, pairs, rating).imag / COMPLEX_STEP
            table[index] = saved
        result[name] = numeric
    return result


def _central_differences(model: PairModel, pairs: Any, rating: FloatArray) -> Params:
    probe = copy.copy(model)
    probe.params = {name: table.copy() for name, table in model.params.items()}
    result = {}
    for name, table in probe.params.items():
        numeric = np.empty(table.shape)
        for index in np.ndindex(table.shape):
            saved = table[index]
            up, down = saved + CENTRAL_STEP, saved - CENTRAL_STEP
            table[index] = up
            above = _loss(probe, pairs, rating)
            table[index] = down
            below = _loss(probe, pairs, rating)
            table[index] = saved
            numeric[index] = (above - below) / (up - down)  # the step that was really taken
        result[name] = numeric
    return result


def _allowances(model: PairModel, pairs: Any, rating: FloatArray) -> dict[str, Params]:
    """Return what each entry may differ by, for each method: the module docstring's formulas."""
    params, (users, items) = model.core_params(), pairs.T
    bounded = exact_params(params)
    _, loss, grads = bounded_gradients(bounded, users, items, rating, model.y_range, np.float64)
    quotient = loss.tolerance / (2 * CENTRAL_STEP)
    curvature = CENTRAL_STEP**2 / 6 * _third_derivative(model, rating) / rating.size
    cubes = {
        "user_factors": (users, np.abs(params["item_factors"][items]) ** 3),
        "item_factors": (items, np.abs(params["user_factors"][users]) ** 3),
        "user_bias": (users, np.ones(len(users))),
        "item_bias": (items, np.ones(len(items))),
    }
    complex_step, central = {}, {}
    for name, table in model.params.items():
        truncation = np.zeros(params[name].shape)
        np.add.at(truncation, cubes[name][0], curvature * cubes[name][1])
        rounding = grads[name].tolerance
        complex_step[name] = (1.5 * rounding).reshape(table.shape)
        central[name] = (rounding + quotient + truncation).reshape(table.shape)
    return {"complex step": complex_step, "central differences": central}


def _third_derivative(model: PairModel, rating: FloatArray) -> float:
    """Bound |f'''| of one squared error as a function of its logit."""
    if model.y_range is None:
        return 0.0
    low, high = model.y_range
    height = high - low
    most = max(np.abs(rating - low).max(), np.abs(rating - high).max())
    return float(2 * (3 * height**2 * 0.0963 / 4 + most * height / 8))


def _absent_rows(
    model: PairModel, pairs: Any, rating: FloatArray, grads: Params, rows: dict[str, Any]
) -> Mismatch:
    """Check that rows outside the batch have zero gradient and no influence, exactly."""
    noisy = copy.copy(model)
    noisy.params = {}
    rng = np.random.default_rng(0)
    largest, where, at = 0.0, "all arrays", ()  # type: tuple[float, str, tuple[int, ...]]
    for name, table in model.params.items():
        absent = np.ones(len(table), bool)
        absent[rows[name]] = False
        noise = rng.standard_normal(table.shape)
        noisy.params[name] = np.where(absent.reshape(-1, *[1] * (table.ndim - 1)), noise, table)
        size = np.abs(grads[name]) * absent.reshape(-1, *[1] * (table.ndim - 1))
        if size.size and not size.max() <= largest:
            at = tuple(map(int, np.unravel_index(int(size.argmax()), size.shape)))
            largest, where = float(size.max()), name
    influence = float(abs(_loss(noisy, pairs, rating) - _loss(model, pairs, rating)))
    error = max(largest, influence)
    return Mismatch("rows not in batch", where, at, largest, 0.0, error, 0.0, 0.0)


def _worst(
    method: str,
    name: str,
    analytic: FloatArray,
    numeric: FloatArray,
    allowed: FloatArray,
    rows: Any,
) -> Mismatch:
    """Find the entry whose error is largest in units of what is allowed; NaN is the largest."""
    error = np.abs(analytic - numeric)
    with np.errstate(over="ignore"):  # what is allowed may be the smallest subnormal
        used = np.where(np.isnan(error), np.inf, error / allowed)
    index = np.unravel_index(int(used.argmax()), error.shape)
    largest = np.abs(numeric).max()
    relative = float(error.max() / largest) if largest else float(error.max())
    position = (int(rows[index[0]]), *map(int, index[1:]))
    return Mismatch(
        method, name, position, float(analytic[index]), float(numeric[index]),
        float(error[index]), float(allowed[index]), relative,
    )  # fmt: skip

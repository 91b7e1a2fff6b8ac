r"""Hold hand-written gradients against two numerical ones, every entry, with derived tolerances.

    complex step         Im L(x + i h) / h,  h = 1e-200: no subtraction, so no cancellation; exact
                         but for rounding (Squire & Trapp 1998).  Needs a forward free of abs,
                         max and conj, which is why npcf's forwards accept complex parameters.
    central differences  (L(x + h) - L(x - h)) / (2 h),  h = eps**(1/3)

What each entry may differ by is derived in `npcf.verify.allowances`.

Rows that the batch does not name are not stepped through: their gradient must be exactly zero, and
the loss must not change by a bit when they are replaced by noise.
"""

import copy
from types import ModuleType
from typing import Any

import numpy as np

from npcf import ops
from npcf._types import FloatArray, Params
from npcf.errors import DivergenceError
from npcf.models import PairModel
from npcf.verify.allowances import CENTRAL_STEP, COMPLEX_STEP, OVERFLOW, allowances
from npcf.verify.report import GradcheckReport, Mismatch


def gradcheck(model: PairModel, batch: Any, *, backend: ModuleType = ops) -> GradcheckReport:
    """Check every gradient of the mean squared error of `model` on `batch`, in float64.

    `batch` has `users`, `items` (B,) and `rating` (B,).  `backend` is the module of operations
    whose gradients are checked.  The model is not changed.
    Raises DivergenceError where a logit lies so low that exp overflows: there is no complex step.
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
    _refuse_overflow(small, small_pairs)
    allowed = allowances(small, small_pairs, rating)
    numeric = {
        "complex step": _complex_step(small, small_pairs, rating),
        "central differences": _central_differences(small, small_pairs, rating),
    }
    for method, arrays in numeric.items():
        for name, array in arrays.items():
            analytic = grads[name][rows[name]]
            worst.append(_worst(method, name, analytic, array, allowed[method][name], rows[name]))
    return GradcheckReport(tuple(worst), sum(table.size for table in small.params.values()))


def _refuse_overflow(model: PairModel, pairs: Any) -> None:
    """Raise DivergenceError naming the first rating whose logit is below OVERFLOW."""
    if model.y_range is None:
        return
    unsquashed = copy.copy(model)
    unsquashed.y_range = None
    logits = unsquashed(pairs).reshape(-1)
    if (logits < OVERFLOW).any():
        position = int((logits < OVERFLOW).argmax())
        raise DivergenceError(
            "batch",
            f"the model's logit there is {logits[position]:g}, and exp overflows",
            "The gradient is exactly 0 so far out; check the model at smaller parameters.",
            position=position,
            value=float(logits[position]),
        )


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

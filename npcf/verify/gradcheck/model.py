"""The checks of `gradcheck` on a model: its loss as a function of the rows that a batch names."""

import copy
from types import ModuleType
from typing import Any

import numpy as np

from npcf import ops
from npcf._types import FloatArray, Params
from npcf.data.batches import require_batch
from npcf.errors import DivergenceError
from npcf.models import PairModel
from npcf.verify.gradcheck.numeric import central_slope, complex_direction, units
from npcf.verify.gradcheck.subject import FlatTables, worst_entries
from npcf.verify.gradcheck.tolerances import OfModel
from npcf.verify.report import GradcheckReport, Mismatch, scalar_mismatch

OVERFLOW = -700.0  # complex exp(-z) is inf + nan i for z below -709


def check_model(
    model: PairModel, batch: Any, backend: ModuleType, rng: np.random.Generator
) -> GradcheckReport:
    """Check every gradient of the mean squared error of `model` on `batch`, in float64.

    Rows that the batch does not name are not stepped through: their gradient must be exactly zero,
    and the loss must not change by a bit when they are replaced by noise.
    Raises DivergenceError where a logit lies so low that exp overflows: there is no complex step.
    """
    batch = require_batch(batch)
    pairs = np.stack([batch.users, batch.items], axis=1).astype(np.int64)
    rating = np.asarray(batch.rating, np.float64)
    named = {"user": np.unique(pairs[:, 0]), "item": np.unique(pairs[:, 1])}
    rows = {name: named[name[:4]] for name in model.params}
    whole = _at(model, {name: table.astype(np.float64) for name, table in model.params.items()})
    grads = _backward(whole, pairs, backend, rating=rating)
    worst = [_absent_rows(whole, pairs, rating, rows, grads)]

    small = _at(whole, {name: table[rows[name]] for name, table in whole.params.items()})
    pairs = np.stack([np.searchsorted(named[side], pairs[:, i])
                      for i, side in enumerate(("user", "item"))], axis=1)  # fmt: skip
    _refuse_overflow(small, pairs)
    loss = FlatTables(lambda tables: _loss(_at(small, tables), pairs, rating), small.params)
    gradient = np.concatenate([grads[name][rows[name]].ravel() for name in small.params])
    tolerances = OfModel(small, pairs, rating, loss.step)
    exact, central = np.empty((2, loss.x.size))
    for j, unit in enumerate(units(loss.x.size)):
        exact[j] = complex_direction(loss, unit)[0]
        slope, taken = central_slope(loss, unit)
        central[j] = slope[0] / taken[j]
    for method, numeric, allowed in (
        ("complex step", exact, tolerances.complex_step()),
        ("central differences", central, tolerances.central_differences()),
    ):
        worst += worst_entries(loss, method, gradient, numeric, allowed, rows)
    v = rng.uniform(-1, 1, loss.x.size)
    slope, v = central_slope(loss, v)
    room = tolerances.random_direction(v)
    worst.append(scalar_mismatch("random direction", float(gradient @ v), float(slope[0]), room))

    v, w = rng.uniform(-1, 1, loss.x.size), rng.uniform(-1, 1, len(pairs))
    pred = FlatTables(lambda tables: _at(small, tables).forward(pairs)[0].reshape(-1), small.params)
    pulled = _backward(small, pairs, backend, upstream=w)
    back = float(np.concatenate([pulled[name].ravel() for name in small.params]) @ v)
    pushed = float(w @ complex_direction(pred, v))
    room = tolerances.adjoint_identity(v, w)
    worst.append(scalar_mismatch("adjoint identity", back, pushed, room))
    return GradcheckReport(tuple(worst), loss.x.size)


def _at(model: PairModel, params: Params) -> PairModel:
    moved = copy.copy(model)
    moved.params = params
    return moved


def _loss(model: PairModel, pairs: Any, rating: FloatArray) -> Any:
    return ops.mse_forward(model.forward(pairs)[0].reshape(-1), rating)[0]


def _backward(
    model: PairModel, pairs: Any, backend: ModuleType, *, rating: Any = None, upstream: Any = None
) -> Params:
    """Return the gradients of the loss, or of the predictions pulled by `upstream`."""
    pred, cache = model.forward(pairs, backend=backend)
    if upstream is None:
        _, loss_cache = backend.mse_forward(pred.reshape(-1), rating)
        upstream = backend.mse_backward(1.0, loss_cache)
    return model.backward(upstream.reshape(pred.shape), cache)


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


def _absent_rows(
    model: PairModel, pairs: Any, rating: FloatArray, rows: dict[str, Any], grads: Params
) -> Mismatch:
    """Check that rows outside the batch have zero gradient and no influence, exactly."""
    rng = np.random.default_rng(0)
    noisy: Params = {}
    largest, where, at = 0.0, "all arrays", ()  # type: tuple[float, str, tuple[int, ...]]
    for name, table in model.params.items():
        absent = np.ones(len(table), bool)
        absent[rows[name]] = False
        absent = absent.reshape(-1, *[1] * (table.ndim - 1))
        noisy[name] = np.where(absent, rng.standard_normal(table.shape), table)
        size = np.where(absent, np.abs(grads[name]), 0.0)
        if size.size and not size.max() <= largest:
            at = tuple(map(int, np.unravel_index(int(size.argmax()), size.shape)))
            largest, where = float(size.max()), name
    influence = float(abs(_loss(_at(model, noisy), pairs, rating) - _loss(model, pairs, rating)))
    error = max(largest, influence)
    return Mismatch("rows not in batch", where, at, largest, 0.0, error, 0.0, 0.0)

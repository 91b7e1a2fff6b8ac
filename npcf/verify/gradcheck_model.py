"""The four checks of `gradcheck` on a model: every entry, and along directions.

Rows that the batch does not name are not stepped through: their gradient must be exactly zero, and
the loss must not change by a bit when they are replaced by noise.
"""

import copy
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from npcf import ops
from npcf._types import FloatArray, Params
from npcf.data.batches import require_batch
from npcf.errors import DivergenceError
from npcf.models import PairModel
from npcf.verify.allowances import CENTRAL_STEP, COMPLEX_STEP, OVERFLOW, allowances
from npcf.verify.gradcheck_directions import adjoint_identity, random_direction
from npcf.verify.report import GradcheckReport, Mismatch, worst_entry


class Probe(NamedTuple):
    """A float64 copy of the model, the batch, and the rows that the batch names."""

    model: PairModel
    pairs: Any  # (B, 2)
    rating: FloatArray  # (B,)
    rows: dict[str, Any]  # for each array, its rows in the batch, ascending

    def named(self) -> "Probe":
        """Return the same problem on the named rows alone."""
        small = copy.copy(self.model)
        small.params = {name: table[self.rows[name]] for name, table in self.model.params.items()}
        sides = (self.rows["user_factors"], self.rows["item_factors"])
        columns = [np.searchsorted(side, self.pairs[:, i]) for i, side in enumerate(sides)]
        return Probe(small, np.stack(columns, axis=1), self.rating, self.rows)

    def loss(self, params: Params) -> Any:
        """Return the mean squared error at `params`."""
        moved = copy.copy(self.model)
        moved.params = params
        return ops.mse_forward(moved.forward(self.pairs)[0].reshape(-1), self.rating)[0]


def check_model(
    model: PairModel, batch: Any, backend: ModuleType, rng: np.random.Generator
) -> GradcheckReport:
    """Check every gradient of the mean squared error of `model` on `batch`, in float64.

    Raises DivergenceError where a logit lies so low that exp overflows: there is no complex step.
    """
    probe = _probe(model, batch)
    grads = _analytic(probe, backend)
    small = probe.named()
    _refuse_overflow(small)
    worst = [_absent_rows(probe, grads)]
    small_grads = {name: grad[probe.rows[name]] for name, grad in grads.items()}
    allowed = allowances(small.model, small.pairs, small.rating)
    numeric = {
        "complex step": _complex_step(small),
        "central differences": _central_differences(small),
    }
    for method, arrays in numeric.items():
        for name, array in arrays.items():
            limits, rows = allowed[method][name], probe.rows[name]
            worst.append(worst_entry(method, name, small_grads[name], array, limits, rows))
    problem = small.model, small.pairs, small.rating
    worst.append(random_direction(*problem, small_grads, rng))
    worst.append(adjoint_identity(*problem, backend, rng))
    return GradcheckReport(tuple(worst), sum(table.size for table in small_grads.values()))


def _probe(model: PairModel, batch: Any) -> Probe:
    probe = copy.copy(model)
    probe.params = {name: table.astype(np.float64) for name, table in model.params.items()}
    batch = require_batch(batch)
    pairs = np.stack([batch.users, batch.items], axis=1).astype(np.int64)
    named = {"user": np.unique(pairs[:, 0]), "item": np.unique(pairs[:, 1])}
    rows = {name: named[name.split("_")[0]] for name in probe.params}
    return Probe(probe, pairs, np.asarray(batch.rating, np.float64), rows)


def _refuse_overflow(probe: Probe) -> None:
    """Raise DivergenceError naming the first rating whose logit is below OVERFLOW."""
    if probe.model.y_range is None:
        return
    unsquashed = copy.copy(probe.model)
    unsquashed.y_range = None
    logits = unsquashed(probe.pairs).reshape(-1)
    if (logits < OVERFLOW).any():
        position = int((logits < OVERFLOW).argmax())
        raise DivergenceError(
            "batch",
            f"the model's logit there is {logits[position]:g}, and exp overflows",
            "The gradient is exactly 0 so far out; check the model at smaller parameters.",
            position=position,
            value=float(logits[position]),
        )


def _analytic(probe: Probe, backend: ModuleType) -> Params:
    pred, cache = probe.model.forward(probe.pairs, backend=backend)
    _, loss_cache = backend.mse_forward(pred.reshape(-1), probe.rating)
    d_pred = backend.mse_backward(1.0, loss_cache).reshape(pred.shape)
    return probe.model.backward(d_pred, cache)


def _complex_step(probe: Probe) -> Params:
    params = {name: table.astype(np.complex128) for name, table in probe.model.params.items()}
    result = {}
    for name, table in params.items():
        numeric = np.empty(table.shape)
        for index in np.ndindex(table.shape):
            saved = table[index]
            table[index] = saved + 1j * COMPLEX_STEP
            numeric[index] = probe.loss(params).imag / COMPLEX_STEP
            table[index] = saved
        result[name] = numeric
    return result


def _central_differences(probe: Probe) -> Params:
    params = {name: table.copy() for name, table in probe.model.params.items()}
    result = {}
    for name, table in params.items():
        numeric = np.empty(table.shape)
        for index in np.ndindex(table.shape):
            saved = table[index]
            up, down = saved + CENTRAL_STEP, saved - CENTRAL_STEP
            table[index] = up
            above = probe.loss(params)
            table[index] = down
            below = probe.loss(params)
            table[index] = saved
            numeric[index] = (above - below) / (up - down)  # the step that was really taken
        result[name] = numeric
    return result


def _absent_rows(probe: Probe, grads: Params) -> Mismatch:
    """Check that rows outside the batch have zero gradient and no influence, exactly."""
    rng = np.random.default_rng(0)
    noisy: Params = {}
    largest, where, at = 0.0, "all arrays", ()  # type: tuple[float, str, tuple[int, ...]]
    for name, table in probe.model.params.items():
        absent = np.ones(len(table), bool)
        absent[probe.rows[name]] = False
        absent = absent.reshape(-1, *[1] * (table.ndim - 1))
        noisy[name] = np.where(absent, rng.standard_normal(table.shape), table)
        size = np.where(absent, np.abs(grads[name]), 0.0)
        if size.size and not size.max() <= largest:
            at = tuple(map(int, np.unravel_index(int(size.argmax()), size.shape)))
            largest, where = float(size.max()), name
    influence = float(abs(probe.loss(noisy) - probe.loss(probe.model.params)))
    error = max(largest, influence)
    return Mismatch("rows not in batch", where, at, largest, 0.0, error, 0.0, 0.0)

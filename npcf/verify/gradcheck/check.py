"""The checks of `gradcheck`: numerical gradients against analytic ones, and the worst entries."""

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, overload

import numpy as np

from npcf import ops
from npcf._types import FloatArray
from npcf.errors import UsageError
from npcf.models import PairModel
from npcf.verify.gradcheck.model import check_model
from npcf.verify.gradcheck.numeric import (
    CentralColumns,
    ComplexColumns,
    NotAnalyticError,
    central_columns,
    central_direction,
    complex_columns,
    complex_direction,
    units,
)
from npcf.verify.gradcheck.subject import DOUBLE, FlatFunction, worst_entries
from npcf.verify.gradcheck.tolerances import Rounding, bend, chain, reach, rounding_of
from npcf.verify.hints import Setting, hint
from npcf.verify.report import GradcheckReport, Mismatch, scalar_mismatch


@overload
def gradcheck(
    model: PairModel,
    batch: Any,
    /,
    *,
    backend: ModuleType = ...,
    rng: np.random.Generator | None = ...,
) -> GradcheckReport: ...
@overload
def gradcheck(
    f: Callable[..., Any],
    vjp: Callable[..., Any],
    inputs: Sequence[Any],
    *,
    rng: np.random.Generator | None = ...,
    roundings: int | None = ...,
) -> GradcheckReport: ...
def gradcheck(
    f: Any,
    vjp: Any,
    inputs: Any = None,
    *,
    backend: ModuleType | None = None,
    rng: np.random.Generator | None = None,
    roundings: int | None = None,
) -> GradcheckReport:
    """Check gradients four ways; return a report with `ok`, readable when printed.

    gradcheck(model, batch): `batch` has `users`, `items` (B,) and `rating` (B,); `backend` is the
    module of operations whose gradients are checked, `npcf.ops` unless told otherwise.

    gradcheck(f, vjp, inputs): `f(*inputs)` returns one array or number; `vjp(d_out, *inputs)` one
    gradient for each float input, alone or as a tuple.  Integer inputs (ids) are passed through;
    in their place vjp may return None, or nothing.  `npcf.verify.as_vjp` makes (f, vjp) of a pair
    (forward, backward).  `roundings` is the longest chain of roundings from an input to an output
    beside sums over whole arrays, 16 unless told otherwise.

    All is computed in float64, float32 inputs too; nothing of yours is changed.  `rng` draws the
    upstream gradient and the directions; the same ones each time if it is left out.
    Raises UsageError, ShapeError or DTypeError where the arguments do not belong together, and
    DivergenceError where there is no finite number to compare.
    """
    if rng is not None and not isinstance(rng, np.random.Generator):
        raise UsageError("rng", f"is {rng!r}, no generator", "Pass np.random.default_rng(seed).")
    rng = rng or np.random.default_rng(0)
    if isinstance(f, PairModel):
        for name, value in (("inputs", inputs), ("roundings", roundings)):
            if value is not None:
                raise UsageError(
                    name, "is for functions, and this is a model", "Call gradcheck(model, batch)."
                )
        return check_model(f, vjp, backend or ops, rng)
    if backend is not None:
        raise UsageError("backend", "is for models", "Let f and vjp call it themselves.")
    if inputs is None:
        raise UsageError(
            "inputs",
            "is missing, and the first argument is no npcf model",
            "Call gradcheck(model, batch), or gradcheck(f, vjp, inputs).",
        )
    return _check_function(f, vjp, inputs, rng, roundings)


def _check_function(
    f: Callable[..., Any],
    vjp: Callable[..., Any],
    inputs: Sequence[Any],
    rng: np.random.Generator,
    roundings: int | None,
) -> GradcheckReport:
    """Check vjp against f at `inputs`: what `npcf.gradcheck` says."""
    subject = FlatFunction(f, vjp, inputs)
    w = _drawn(rng, subject.value.size)
    gradient = subject.pull(w)
    noise = subject.precision.gamma(chain(subject, roundings))
    central = central_columns(subject, noise)
    exact, skipped = _complex(subject, central, noise)
    source = central if exact is None else exact
    fading = np.zeros_like(central.jacobian) if exact is None else exact.fading
    rounding = rounding_of(subject, roundings, source.jacobian, fading)
    error = rounding.of_vjp(subject, w)

    worst: list[Mismatch] = []
    if exact is not None:
        allowed = 3 * error + rounding.underflow(w)
        worst += worst_entries(subject, "complex step", gradient, w @ exact.jacobian, allowed)
    spread = central.spread(rounding.gamma, rounding.of_f(subject))
    allowed = 2 * error + np.abs(w) @ spread + _bends(subject, w, central)
    worst += worst_entries(subject, "central differences", gradient, w @ central.jacobian, allowed)
    worst.append(_random_direction(subject, rounding, gradient, w, rng))
    worst.append(_adjoint_identity(subject, rounding, central if exact is None else None, rng))
    hints = _hints(subject, gradient, w @ source.jacobian, worst)
    return GradcheckReport(tuple(worst), subject.x.size, skipped, hints)


def _hints(
    subject: FlatFunction, gradient: FloatArray, numeric: FloatArray, worst: Sequence[Mismatch]
) -> tuple[str, ...]:
    """Return a line for each wrong array: what it has in common with the right one."""
    wrong = {mismatch.name for mismatch in worst if not mismatch.ok}
    parts: list[dict[str, FloatArray]] = [{}, {}]
    start = 0
    for name, shape in subject.arrays:
        part = slice(start, start + int(np.prod(shape)))
        start = part.stop
        for arrays, values in zip(parts, (gradient, numeric), strict=True):
            arrays[name] = values[part].reshape(shape)
    batch, factors = (shape[i] if shape else 1 for i, shape in ((0, subject.shape), (-1, shape)))
    setting = Setting(batch or subject.arrays[0][1][0], factors, {})
    found = [hint(name, parts[0], parts[1], setting) for name in parts[0] if name in wrong]
    return tuple(f"the gradient of {line}" for line in found if line)


def _drawn(rng: np.random.Generator, n: int) -> FloatArray:
    """Return n numbers of either sign and of size 1/2 to 3/2: none so small that it hides an error.

    Not all ones: a gradient that ignores its upstream would pass.
    """
    drawn: FloatArray = rng.choice([-1.0, 1.0], n) * rng.uniform(0.5, 1.5, n)
    return drawn


def _complex(
    subject: FlatFunction, central: CentralColumns, noise: float
) -> tuple[ComplexColumns | None, tuple[tuple[str, str], ...]]:
    """Return (columns, nothing skipped), or (None, the skipped method and why)."""
    try:
        columns = complex_columns(subject)
        _require_agreement(subject, columns, central, noise)
    except NotAnalyticError as reason:
        return None, (("complex step", str(reason)),)
    return columns, ()


def _require_agreement(
    subject: FlatFunction, columns: ComplexColumns, central: CentralColumns, noise: float
) -> None:
    """Raise NotAnalyticError if the two Jacobians of f itself differ: abs or conj is silent."""
    slopes = np.maximum(np.abs(columns.jacobian), np.abs(central.jacobian))
    value = noise * (reach(subject) + slopes @ np.abs(subject.x))
    allowed = central.spread(noise, value) + 3 * noise * slopes
    if not np.isfinite(columns.jacobian).all():
        raise NotAnalyticError("f overflows in complex arithmetic")
    if (np.abs(columns.jacobian - central.jacobian) > allowed).any():
        raise NotAnalyticError("it and f's central differences disagree: abs, real, conj, a kink?")


def _bends(subject: FlatFunction, w: FloatArray, central: CentralColumns) -> FloatArray:
    """Return how much each entry of the gradient bends over the step that its column took."""
    if subject.precision is DOUBLE:
        return np.zeros_like(subject.x)
    widths = central.step / subject.step
    steps = zip(widths, units(widths.size), strict=True)
    return np.array([bend(subject, w, width * unit) / width for width, unit in steps])


def _random_direction(
    subject: FlatFunction, rounding: Rounding, gradient: FloatArray, w: FloatArray, rng: Any
) -> Mismatch:
    """Compare <g, v> with the central difference of <w, f> along v, all entries at once."""
    size = np.abs(subject.x)
    v = _drawn(rng, subject.x.size) * np.where(size > 0, size, 1.0)  # stays inside the domain
    slope, truncation, height, v = central_direction(subject, v)
    spread = truncation + (rounding.of_f(subject) + rounding.gamma * height) / subject.step
    allowed = 3 * np.abs(v) @ rounding.of_vjp(subject, w) + np.abs(w) @ spread
    allowed += bend(subject, w, v)
    return scalar_mismatch("random direction", float(gradient @ v), float(w @ slope), allowed)


def _adjoint_identity(
    subject: FlatFunction, rounding: Rounding, central: CentralColumns | None, rng: Any
) -> Mismatch:
    """Compare <v, J^T w> with <J v, w>: by the complex step, or from `central` where none is."""
    v, w = _drawn(rng, subject.x.size), _drawn(rng, subject.value.size)
    error = rounding.of_vjp(subject, w)
    pulled = float(subject.pull(w) @ v)
    if central is None:
        pushed = float(w @ complex_direction(subject, v))
        allowed = 4 * np.abs(v) @ error + rounding.underflow(w) * np.abs(v).sum()
    else:
        pushed = float(w @ (central.jacobian @ v))
        spread = central.spread(rounding.gamma, rounding.of_f(subject))
        allowed = 3 * np.abs(v) @ error + np.abs(w) @ spread @ np.abs(v)
        allowed += np.abs(v) @ _bends(subject, w, central)
    return scalar_mismatch("adjoint identity", pulled, pushed, float(allowed))

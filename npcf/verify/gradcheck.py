r"""Is a hand-written gradient right?  One entry, for npcf's models and for functions of your own.

    gradcheck(model, batch)       every gradient of the mean squared error of a model
    gradcheck(f, vjp, inputs)     f(*inputs) -> out;  vjp(d_out, *inputs) -> the gradients

Four ways, of which the first two look at every entry:

    complex step         Im f(x + i h) / h for a tiny h: no subtraction, so no cancellation; exact
                         but for rounding (Squire & Trapp 1998).  Needs an f free of abs, max and
                         conj; where there is none it is skipped, and the report says why.
    central differences  (f(x + h) - f(x - h)) / (2 h),  h = eps**(1/3) times the entry's size
    random direction     the same quotient along one direction v through all arrays at once, <g, v>
    adjoint identity     <J v, w> = <v, J^T w> for a fresh v and a fresh upstream gradient w

What each may differ by is derived: for models from the running-error bound of every entry
(`npcf.verify.allowances`), for functions from one stated assumption on their rounding
(`npcf.verify.gradcheck_allowances`).
"""

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, overload

import numpy as np

from npcf import ops
from npcf.errors import UsageError
from npcf.models import PairModel
from npcf.verify.gradcheck_function import check_function
from npcf.verify.gradcheck_model import check_model
from npcf.verify.report import GradcheckReport


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
    return check_function(f, vjp, inputs, rng, roundings)

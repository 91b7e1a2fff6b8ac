"""The model and one optimiser step in `Bounded` numbers: tolerances of whole training steps.

`npcf.verify.formulas` over `npcf.verify.running_error`.
"""

from typing import Any

from npcf._types import FloatArray, IdArray, Params, YRange
from npcf.verify.bounded import Bounded
from npcf.verify.formulas import Formulas
from npcf.verify.running_error import RunningError

BoundedParams = dict[str, Bounded]


def exact_params(params: Params) -> BoundedParams:
    """Take in parameters as they are."""
    return {name: Bounded.exact(table) for name, table in params.items()}


def bounded_predictions(
    params: BoundedParams, users: IdArray, items: IdArray, y_range: YRange, mean: float = 0.0
) -> tuple[Bounded, Any]:
    """Return (pred (B,), what `Formulas.backward` needs)."""
    f = _formulas(params["user_factors"])
    return f.forward(params, users, items, y_range, mean)


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
    f = _formulas(params["user_factors"])
    rated = Bounded.exact(rating, f.n.precision)
    pred, loss, grads = f.loss_and_gradients(params, users, items, rated, y_range, mean)
    return pred, loss, {name: grads[name] for name in params}


def bounded_sgd(
    w: Bounded, g: Bounded, buf: Bounded | None, first: bool, setting: dict[str, Any]
) -> tuple[Bounded, Bounded | None]:
    """Return (w, buf) after one step of `npcf.optim.SGD` with the keyword arguments `setting`."""
    names = ("lr", "momentum", "dampening", "nesterov", "weight_decay", "decoupled")
    return _formulas(w).sgd(w, g, None if first else buf, **_of(setting, names))


def bounded_adam(
    w: Bounded, g: Bounded, m: Bounded, v: Bounded, t: int, setting: dict[str, Any]
) -> tuple[Bounded, Bounded, Bounded]:
    """Return (w, m, v) after step t of `npcf.optim.Adam` with the keyword arguments `setting`."""
    names = ("lr", "betas", "eps", "weight_decay", "decoupled")
    return _formulas(w).adam(w, g, m, v, t, **_of(setting, names))


def bounded_sparse_adam(
    w: Bounded, g: Bounded, m: Bounded, v: Bounded, t: int, setting: dict[str, Any]
) -> tuple[Bounded, Bounded, Bounded]:
    """Return (w, m, v) of touched rows after step t of `npcf.optim.SparseAdam`."""
    return _formulas(w).sparse_adam(w, g, m, v, t, **_of(setting, ("lr", "betas", "eps")))


def bounded_rmsprop(
    w: Bounded, g: Bounded, v: Bounded, a: Bounded, buf: Bounded, setting: dict[str, Any]
) -> tuple[Bounded, Bounded, Bounded, Bounded]:
    """Return (w, v, a, buf) after one step of `npcf.optim.RMSProp`."""
    names = ("lr", "alpha", "eps", "weight_decay", "momentum", "centered", "decoupled")
    return _formulas(w).rmsprop(w, g, v, a, buf, **_of(setting, names))


def _formulas(like: Bounded) -> Formulas:
    return Formulas(RunningError(like.precision))


def _of(setting: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: setting[name] for name in names if name in setting}

"""Old names of `npcf.verify.Formulas` over `npcf.verify.RunningError`, for one version."""

from typing import Any

from npcf._renamed import warn
from npcf._types import Params
from npcf.verify.bounded import Bounded
from npcf.verify.formulas import Formulas
from npcf.verify.running_error import RunningError


def exact_params(params: Params) -> dict[str, Bounded]:
    """Take in parameters as they are."""
    return {name: Bounded.exact(table) for name, table in params.items()}


def bounded_predictions(params: Any, *batch: Any, **mean: Any) -> tuple[Bounded, Any]:
    """Return (pred (B,), what the backward needs)."""
    return _formulas("predictions", "forward", params["user_factors"]).forward(
        params, *batch, **mean
    )


def bounded_gradients(
    params: Any, users: Any, items: Any, rating: Any, y_range: Any, dtype: Any, mean: float = 0.0
) -> tuple[Bounded, Bounded, dict[str, Bounded]]:
    """Return (pred, loss, grads) of the mean squared error."""
    f = _formulas("gradients", "loss_and_gradients", params["user_factors"])
    pred, loss, grads = f.loss_and_gradients(params, users, items, rating, y_range, mean)
    return pred, loss, {name: grads[name] for name in params}


def bounded_sgd(w: Bounded, g: Any, buf: Any, first: bool, setting: dict[str, Any]) -> Any:
    """Return (w, buf) after one step of SGD."""
    setting = {name: value for name, value in setting.items() if name != "rows"}
    return _formulas("sgd", "sgd", w).sgd(w, g, None if first else buf, **setting)


def bounded_adam(w: Bounded, g: Any, m: Any, v: Any, t: int, setting: dict[str, Any]) -> Any:
    """Return (w, m, v) after step t of Adam."""
    return _formulas("adam", "adam", w).adam(w, g, m, v, t, **setting)


def bounded_sparse_adam(w: Bounded, g: Any, m: Any, v: Any, t: int, setting: dict[str, Any]) -> Any:
    """Return (w, m, v) of touched rows after step t of SparseAdam."""
    return _formulas("sparse_adam", "sparse_adam", w).sparse_adam(w, g, m, v, t, **setting)


def bounded_rmsprop(w: Bounded, g: Any, v: Any, a: Any, buf: Any, setting: dict[str, Any]) -> Any:
    """Return (w, v, a, buf) after one step of RMSProp."""
    return _formulas("rmsprop", "rmsprop", w).rmsprop(w, g, v, a, buf, **setting)


def _formulas(old: str, new: str, like: Bounded) -> Formulas:
    new = f"npcf.verify.Formulas(RunningError(dtype)).{new}"
    warn(f"npcf.verify.bounded_{old}", new, stacklevel=4)
    return Formulas(RunningError(like.precision))

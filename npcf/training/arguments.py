"""What a Learner is given beside ratings and model, judged before anything is trained."""

from collections.abc import Mapping
from typing import Any

from npcf.errors import UsageError, require_members, require_number, require_type
from npcf.foreign import kind_of


def require_options(
    opt_func: Any, loss_func: Any, lr_mult: Any, metrics: Any, callbacks: Any, on_epoch: Any
) -> None:
    """Raise unless each is of the kind that `Learner` takes."""
    _require_callable("opt_func", opt_func, "Pass a function of (params, lr): npcf.optim.Adam.")
    if loss_func is not None:
        cure = "Pass npcf.training.MSELossFlat(), or leave it out."
        require_members("loss_func", loss_func, ("forward", "backward"), cure)
    if lr_mult is not None:
        cure = "Pass a dict: lr_mult={'user_bias': 2.0, 'default': 1.0}."
        for name, factor in require_type("lr_mult", lr_mult, Mapping, cure).items():
            require_number(f"lr_mult[{name!r}]", factor)
    if metrics is not None:
        cure = "Name each: metrics={'mae': npcf.training.mae}."
        for name, metric in require_type("metrics", metrics, Mapping, cure).items():
            if not hasattr(metric, "measure"):
                _require_callable(f"metrics[{name!r}]", metric, cure)
    cure = "Pass a list: callbacks=[callback]."
    for i, callback in enumerate(require_type("callbacks", callbacks, (list, tuple), cure)):
        if isinstance(callback, type):
            problem = f"is {kind_of(callback)}, not an instance"
            raise UsageError("callbacks", problem, f"Call it: {callback.__name__}().", position=i)
    if on_epoch is not None:
        _require_callable("on_epoch", on_epoch, "Pass a function of one EpochRow: on_epoch=print.")


def _require_callable(argument: str, value: Any, cure: str) -> None:
    if not callable(value):
        raise UsageError(argument, f"is {kind_of(value)}, which cannot be called", cure)

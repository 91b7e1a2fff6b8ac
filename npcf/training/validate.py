"""What a Learner is given, checked before training: arguments, and ratings against the range."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from npcf.errors import (
    DataError,
    RangeWarning,
    UsageError,
    require_callable,
    require_choice,
    require_members,
    require_number,
    require_pair,
    require_type,
)
from npcf.foreign import kind_of


def require_options(
    opt_func: Any, loss_func: Any, lr_mult: Any, metrics: Any, callbacks: Any, on_epoch: Any
) -> None:
    """Raise unless each is of the kind that `Learner` takes."""
    require_callable("opt_func", opt_func, "Pass a function of (params, lr): npcf.optim.Adam.")
    if str(getattr(opt_func, "__module__", "")).startswith("torch."):
        raise UsageError("opt_func", "is torch's, for tensors", "Pass opt_func=npcf.optim.Adam.")
    if loss_func is not None:
        cure = "Pass npcf.training.MSELossFlat(), or leave it out."
        require_members("loss_func", loss_func, ("forward", "backward"), cure)
    if lr_mult is not None:
        cure = "Pass a dict: lr_mult={'user_bias': 2.0, 'default': 1.0}."
        require_type("lr_mult", lr_mult, Mapping, cure)
    if metrics is not None:
        cure = "Name each: metrics={'mae': npcf.training.mae}."
        for name, metric in require_type("metrics", metrics, Mapping, cure).items():
            if not hasattr(metric, "measure"):
                require_callable(f"metrics[{name!r}]", metric, cure)
    cure = "Pass a list: callbacks=[callback]."
    for i, callback in enumerate(require_type("callbacks", callbacks, (list, tuple), cure)):
        if isinstance(callback, type):
            problem = f"is {kind_of(callback)}, not an instance"
            raise UsageError("callbacks", problem, f"Call it: {callback.__name__}().", position=i)
    if on_epoch is not None:
        require_callable("on_epoch", on_epoch, "Pass a function of one EpochRow: on_epoch=print.")


OUTSIDE = ("raise", "warn", "allow")


def require_in_range(
    rating: Any,
    y_range: Any,
    outside: str = "raise",
    argument: str = "ratings",
    *,
    shell: bool = False,
    strict: bool = False,
) -> None:
    """Raise DataError naming the first rating outside `y_range`; or warn, or allow it.

    One pass for the least and the largest, more only where there is something to say.  The cures
    are options of `npcf train` where `shell`, otherwise Python; `strict` offers no "allow".
    """
    require_choice("outside", outside, OUTSIDE)
    values = np.asarray(rating)
    if y_range is None or outside == "allow" or not values.size:
        return
    low, high = (
        require_number(f"y_range[{i}]", end, -np.inf)
        for i, end in enumerate(require_pair("y_range", y_range))
    )
    if low > high or (low <= values.min() and values.max() <= high):  # the model refuses the first
        return
    wrong = (values < low) | (values > high)
    position = int(wrong.argmax())
    what = f"--y-range {low:g} {high:g}" if shell else f"y_range ({low:g}, {high:g})"
    error = DataError(
        argument,
        f"{values[position]:g} lies outside {what}, as do "
        f"{int(wrong.sum())} of {values.size} ratings: no prediction can reach them",
        _cure(values, shell, strict),
        position=position,
        value=float(values[position]),
    )
    if outside == "raise":
        raise error
    warnings.warn(error.message, RangeWarning, stacklevel=4)


def not_rated(values: Any) -> list[float]:
    """Return which of -1 and 0 may mean "not rated": the least of ratings that go beyond 1."""
    found: list[float] = []
    for value in (-1.0, 0.0):
        rest = values[~np.isin(values, found)]
        if rest.size and rest.min() == value and rest.max() > 1:
            found.append(value)
    return found


def _cure(values: Any, shell: bool, strict: bool) -> str:
    widen = f"{_range(values, shell)} holds them."
    allow = "--outside allow" if shell else 'outside="allow"'
    cure = widen if strict else f"{widen} Or train all the same: {allow}."
    if apart := not_rated(values):
        names = ",".join(f"{value:g}" for value in apart)
        leave = f"--not-rated={names}" if shell else f'frame[~frame["rating"].isin([{names}])]'
        rest = _range(values[~np.isin(values, apart)], shell)
        cure += f" If {names} means not rated, leave it out: {leave}; then {rest}."
    return cure


def _range(values: Any, shell: bool) -> str:
    """Return a range as fastai chooses it: from 0 where it can, half a step beyond the largest."""
    least, largest = float(values.min()), float(values.max())
    low, high = (0.0 if least >= 0 else least - 0.5), largest + 0.5
    return f"--y-range {low:g} {high:g}" if shell else f"y_range=({low:g}, {high:g})"

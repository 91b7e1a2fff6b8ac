"""Everything that compiled steps are given, judged once: no compiled code sees an unjudged id."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from npcf._types import FloatArray, YRange
from npcf.errors import (
    DTypeError,
    EmptyBatchError,
    SettingError,
    ShapeError,
    UsageError,
    as_array,
    require_ids,
    require_number,
    require_pair,
    require_real,
)
from npcf.kernels.fused.arrays import judge_counter
from npcf.kernels.fused.batch import Head, Ratings
from npcf.kernels.fused.counts import zeros
from npcf.kernels.fused.form import NAMES, Form, Run


class Schedule(NamedTuple):
    """The rates and momenta of consecutive steps, as they were given and for each parameter."""

    lrs: dict[str, FloatArray] | FloatArray
    moms: FloatArray | None
    run: Run

    def part(self, here: slice) -> Run:
        """Return a stretch of it."""
        lrs = {name: lr[here] for name, lr in self.run.lrs.items()}
        return self.run._replace(lrs=lrs, moms=self.run.moms[here])

    def rate(self, s: int) -> Any:
        """Return the rate of step `s`."""
        if isinstance(self.lrs, dict):
            return {name: float(lr[s]) for name, lr in self.lrs.items()}
        return float(self.lrs[s])

    def set(self, optimizer: Any, s: int) -> None:
        """Set the optimiser as for step `s`."""
        optimizer.lr = self.rate(s)
        if self.moms is not None:
            optimizer.momentum = float(self.moms[s])


def judged_ratings(
    users: Any, items: Any, rating: Any, starts: Any, sizes: Sequence[int], dtype: Any
) -> Ratings:
    """Return the mini-batches as the loops take them, or raise.

    All arrays are copies: whoever holds the ones that were given may change them at any time.
    """
    users, items = (
        require_ids(name, np.array(as_array(name, ids), order="C"), size)
        for name, ids, size in zip(("users", "items"), (users, items), sizes, strict=True)
    )
    rating = require_real("rating", rating).astype(dtype, order="C")
    for name, array in (("items", items), ("rating", rating)):
        if users.ndim != 1 or array.shape != users.shape:
            raise ShapeError(
                name,
                f"shape {array.shape} does not match users of shape {users.shape}",
                "There is one user, one item and one rating for each pair: (n,).",
            )
    starts = require_ids("starts", np.array(as_array("starts", starts), order="C"), users.size + 1)
    if starts.ndim != 1 or starts.size == 0:
        raise ShapeError("starts", f"must be (n_steps + 1,), got {starts.shape}", "End it with n.")
    if (np.diff(starts) <= 0).any():
        raise EmptyBatchError("starts", "must increase", "Use np.unique(starts).")
    return Ratings(users, items, rating, starts, np.empty(np.diff(starts).max(initial=0), dtype))


def judged_losses(losses: Any, n_steps: int, form: Form) -> FloatArray | None:
    """Return where the caller wants the losses, or raise unless all of them can be put there."""
    if losses is None:
        return None
    if not isinstance(losses, np.ndarray) or losses.dtype not in (np.float64, form.dtype):
        problem = f"is not an array of float64 or {form.dtype}"
        raise DTypeError("losses", problem, "Use np.full(n_steps, np.nan).")
    if losses.shape != (n_steps,):
        problem = f"shape {losses.shape} is not ({n_steps},)"
        raise ShapeError("losses", problem, "There is one loss for each mini-batch.")
    if not (losses.flags.writeable and losses.flags.c_contiguous and losses.flags.aligned):
        problem = "is not a contiguous array that can be written to"
        raise UsageError("losses", problem, "Use np.full(n_steps, np.nan).")
    used = [array for views in form.views.values() for array in views.values()]
    if any(np.may_share_memory(losses, array) for array in used):
        problem = "shares memory with the optimiser's arrays"
        raise UsageError("losses", problem, "Use np.full(n_steps, np.nan).")
    return np.asarray(losses)


def judged_counter(counter: Any) -> Any:
    """Return where the caller's steps are counted, or raise."""
    if counter is None:
        return zeros()
    judge_counter("counter", counter)
    return np.asarray(counter)


def judged_schedule(optimizer: Any, lrs: Any, moms: Any, n_steps: int) -> Schedule:
    """Return the schedule, or raise."""
    given: Any
    if isinstance(lrs, Mapping):
        given = {name: _series(f"lrs[{name!r}]", lr, n_steps) for name, lr in lrs.items()}
    else:
        given = _series("lrs", lrs, n_steps)
    momenta = None if moms is None else _series("moms", moms, n_steps)
    here = np.full(n_steps, float(optimizer.momentum)) if momenta is None else momenta
    schedule = Schedule(given, momenta, Run({}, here, {}, ()))
    tried = copy.copy(optimizer)
    tried._judge_settings()
    if isinstance(given, dict):
        tried.lr = dict.fromkeys(given, 0.0)
        tried._numbers("lr")  # names
    for s in (0, here.argmin(), here.argmax()) if n_steps else ():
        schedule.set(tried, int(s))
        tried._judge_settings()
    decays = optimizer._numbers("weight_decay")
    series = given if isinstance(given, dict) else {"default": given}
    kinds = [(name if name in series else "default", decays[name]) for name in NAMES]
    rates = {name: series[key] for name, (key, _) in zip(NAMES, kinds, strict=True)}
    alike = tuple(kinds.index(kind) for kind in kinds)
    return schedule._replace(run=Run(rates, here, decays, alike))


def judged_head(y_range: YRange, mean: float, dtype: Any) -> Head:
    """Return what follows the dot product, in the parameters' dtype."""
    number = np.dtype(dtype).type
    mean = require_number("mean", mean, low=-np.inf)
    if y_range is None:
        return Head(False, number(0), number(1), number(mean))
    low, high = (
        require_number("y_range", end, low=-np.inf) for end in require_pair("y_range", y_range)
    )
    if low > high:
        raise SettingError(
            "y_range", f"low {low:g} lies above high {high:g}", "Give the lower end first."
        )
    return Head(True, number(low), number(high - low), number(mean))


def _series(argument: str, values: Any, n_steps: int) -> FloatArray:
    """Return one non-negative finite number for each step, float64."""
    series: FloatArray = require_real(argument, values).astype(np.float64)
    if series.shape != (n_steps,):
        problem = f"shape {series.shape} is not ({n_steps},)"
        raise ShapeError(argument, problem, "There is one number for each mini-batch.")
    if not (np.isfinite(series) & (series >= 0)).all():
        raise SettingError(
            argument, "has entries that are not finite numbers >= 0", "Give finite numbers >= 0."
        )
    return series

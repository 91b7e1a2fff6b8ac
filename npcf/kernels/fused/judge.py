"""Everything that compiled steps are given, judged once: no compiled code sees an unjudged id."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from npcf._types import FloatArray, YRange
from npcf.errors import (
    EmptyBatchError,
    SettingError,
    ShapeError,
    require_floats,
    require_ids,
    require_number,
    require_pair,
)
from npcf.kernels.fused.batch import Head, Ratings
from npcf.kernels.fused.form import NAMES, Run


class Schedule(NamedTuple):
    """The rates and momenta of consecutive steps, as they were given and for each parameter."""

    lrs: dict[str, FloatArray] | FloatArray
    moms: FloatArray | None
    run: Run

    def part(self, here: slice) -> Run:
        """Return a stretch of it."""
        lrs = {name: lr[here] for name, lr in self.run.lrs.items()}
        return self.run._replace(lrs=lrs, moms=self.run.moms[here])

    def set(self, optimizer: Any, s: int) -> None:
        """Set the optimiser as for step `s`."""
        if isinstance(self.lrs, dict):
            optimizer.lr = {name: float(lr[s]) for name, lr in self.lrs.items()}
        else:
            optimizer.lr = float(self.lrs[s])
        if self.moms is not None:
            optimizer.momentum = float(self.moms[s])


def judged_ratings(
    users: Any, items: Any, rating: Any, starts: Any, sizes: Sequence[int], dtype: Any
) -> Ratings:
    """Return the mini-batches as the loops take them, or raise."""
    users = np.ascontiguousarray(require_ids("users", users, sizes[0]))
    items = np.ascontiguousarray(require_ids("items", items, sizes[1]))
    rating = np.ascontiguousarray(rating, dtype)
    for name, array in (("items", items), ("rating", rating)):
        if users.ndim != 1 or array.shape != users.shape:
            raise ShapeError(
                name,
                f"shape {array.shape} does not match users of shape {users.shape}",
                "There is one user, one item and one rating for each pair: (n,).",
            )
    starts = np.ascontiguousarray(require_ids("starts", starts, users.size + 1))
    if starts.ndim != 1 or starts.size == 0:
        raise ShapeError("starts", f"must be (n_steps + 1,), got {starts.shape}", "End it with n.")
    if (np.diff(starts) <= 0).any():
        raise EmptyBatchError("starts", "must increase", "A mean over no ratings is undefined.")
    return Ratings(users, items, rating, starts, np.empty(np.diff(starts).max(initial=0), dtype))


def judged_schedule(optimizer: Any, lrs: Any, moms: Any, n_steps: int) -> Schedule:
    """Return the schedule; or raise, with the optimiser as it was."""
    given: Any
    if isinstance(lrs, Mapping):
        given = {name: _series(f"lrs[{name!r}]", lr, n_steps) for name, lr in lrs.items()}
    else:
        given = _series("lrs", lrs, n_steps)
    momenta = None if moms is None else _series("moms", moms, n_steps)
    here = np.full(n_steps, float(optimizer.momentum)) if momenta is None else momenta
    schedule = Schedule(given, momenta, Run({}, here, {}, ()))
    before = optimizer.lr, optimizer.momentum
    try:
        for s in (0, here.argmin(), here.argmax()) if n_steps else ():
            schedule.set(optimizer, int(s))
            optimizer._judge_settings()
    except Exception:
        optimizer.lr, optimizer.momentum = before
        raise
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
    series = require_floats(argument, np.array(values, np.float64), ndim=1)
    if series.shape != (n_steps,):
        problem = f"shape {series.shape} is not ({n_steps},)"
        raise ShapeError(argument, problem, "There is one number for each mini-batch.")
    if not (np.isfinite(series) & (series >= 0)).all():
        raise SettingError(argument, "has entries that are not finite numbers >= 0", "Check them.")
    return series

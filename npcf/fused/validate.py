"""Checks of what compiled steps get: the arguments of a run and the optimiser's arrays."""

import copy
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npcf._tables import NAMES, TABLES
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
from npcf.fused.rule import FusedRule, StepSettings
from npcf.fused.run import RunSchedule
from npcf.fused.workspace import HeldArrays, states_of
from npcf.kernels.fused.batch import BatchArrays, OutputTransform
from npcf.kernels.fused.counts import zeros
from npcf.optim import SGD, Adam, Optimizer
from npcf.optim.state import held

Obstacle = tuple[str, str, str]  # argument, problem, cure


def check_ratings(
    users: Any, items: Any, rating: Any, starts: Any, sizes: Sequence[int], dtype: Any
) -> BatchArrays:
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
    room = np.empty(np.diff(starts).max(initial=0), dtype)
    return BatchArrays(users, items, rating, starts, d_logit=room)


def check_losses(losses: Any, n_steps: int, rule: FusedRule[Any]) -> FloatArray | None:
    """Return where the caller wants the losses, or raise unless all of them can be put there."""
    if losses is None:
        return None
    cure = "Use np.full(n_steps, np.nan)."
    if not isinstance(losses, np.ndarray) or losses.dtype not in (np.float64, rule.dtype):
        raise DTypeError("losses", f"is not an array of float64 or {rule.dtype}", cure)
    if losses.shape != (n_steps,):
        problem = f"shape {losses.shape} is not ({n_steps},)"
        raise ShapeError("losses", problem, "There is one loss for each mini-batch.")
    if not (losses.flags.writeable and losses.flags.c_contiguous and losses.flags.aligned):
        raise UsageError("losses", "is not a contiguous array that can be written to", cure)
    used = [array for views in rule.arrays.views.values() for array in views.values()]
    if any(np.may_share_memory(losses, array) for array in used):
        raise UsageError("losses", "shares memory with the optimiser's arrays", cure)
    return np.asarray(losses)


def check_counter(argument: str, counter: Any) -> NDArray[np.int64]:
    """Return where steps are counted, a new array if None; or raise."""
    if counter is None:
        return np.asarray(zeros())
    right = isinstance(counter, np.ndarray) and counter.dtype == np.int64 and counter.shape == (1,)
    if not (right and counter.flags.writeable and counter.flags.aligned):
        raise ShapeError(argument, "is not an int64 array (1,)", "Use np.zeros(1, np.int64).")
    return np.asarray(counter)


def check_schedule(optimizer: SGD | Adam, lrs: Any, moms: Any, n_steps: int) -> RunSchedule:
    """Return the schedule, or raise."""
    given: Any
    optimizer.check_settings()
    if isinstance(lrs, Mapping):
        given = {name: _series(f"lrs[{name!r}]", lr, n_steps) for name, lr in lrs.items()}
    else:
        given = _series("lrs", lrs, n_steps)
    momenta = None if moms is None else _series("moms", moms, n_steps)
    here = np.full(n_steps, float(optimizer.momentum)) if momenta is None else momenta
    schedule = RunSchedule(given, momenta, StepSettings({}, here, {}, ()))
    tried = copy.copy(optimizer)
    if isinstance(given, dict):
        tried.lr = dict.fromkeys(given, 0.0)
        tried.check_settings()  # names
    for s in (0, here.argmin(), here.argmax()) if n_steps else ():
        schedule.set(tried, int(s))
        tried.check_settings()
    decays = optimizer.numbers_of("weight_decay")
    series = given if isinstance(given, dict) else {"default": given}
    kinds = [(name if name in series else "default", decays[name]) for name in NAMES]
    rates = {name: series[key] for name, (key, _) in zip(NAMES, kinds, strict=True)}
    alike = tuple(kinds.index(kind) for kind in kinds)
    return schedule._replace(steps=StepSettings(rates, here, decays, alike))


def check_transform(y_range: YRange, mean: float, dtype: Any) -> OutputTransform:
    """Return what follows the dot product, in the parameters' dtype."""
    number = np.dtype(dtype).type
    mean = require_number("mean", mean, low=-np.inf)
    if y_range is None:
        return OutputTransform(False, number(0), number(1), number(mean))
    low, high = (
        require_number("y_range", end, low=-np.inf) for end in require_pair("y_range", y_range)
    )
    if low > high:
        raise SettingError(
            "y_range", f"low {low:g} lies above high {high:g}", "Give the lower end first."
        )
    return OutputTransform(True, number(low), number(high - low), number(mean))


def check_arrays(optimizer: Optimizer) -> None:
    """Raise unless the four tables belong together, and the states to them."""
    optimizer.check_arrays()
    tables = held(optimizer.params)
    users, factors = NAMES[0], {t.side: tables[t.name] for t in TABLES if not t.is_bias}
    for table in TABLES:
        array, its, named = tables[table.name], factors[table.side], f"params[{table.name!r}]"
        if not table.is_bias and (array.ndim != 2 or array.shape[1:] != tables[users].shape[1:]):
            problem = f"shape {array.shape} does not match {users} of shape {tables[users].shape}"
            raise ShapeError(named, problem, "Factors are (users, K) and (items, K).")
        n = len(its) if its.ndim else 0
        if table.is_bias and array.shape not in ((n,), (n, 1)):
            problem = (
                f"shape {array.shape} does not match {table.side}_factors of shape {its.shape}"
            )
            cure = f"Biases are (n,) or (n, 1): one for each of the {n} rows."
            raise ShapeError(named, problem, cure)
    for name in optimizer.COUNTS:
        count = optimizer.counts.get(name)
        check_counter(f"opt.counts[{name!r}]", 0 if count is None else count)


def check_new_arrays(optimizer: Optimizer, dtype: Any) -> HeldArrays:
    """Return the arrays that an optimiser was given, or raise where compiled steps cannot go on."""
    problem = obstacle(optimizer)
    if problem:
        raise UsageError(*problem)
    check_arrays(optimizer)
    arrays = HeldArrays(optimizer)
    now = arrays.views["params"][NAMES[0]].dtype
    if now != dtype:
        was = f"has dtype {now}, and had {dtype} when the trainer was made"
        raise DTypeError("params", was, "Make another one: trainer_for(optimizer).")
    return arrays


def obstacle(optimizer: Optimizer) -> Obstacle | None:
    """Return why compiled steps cannot use the optimiser's arrays, or None."""
    states: dict[str, Any] = {
        state: getattr(optimizer, state, None) for state in states_of(optimizer)
    }
    for state, arrays in states.items():
        if not isinstance(arrays, dict):
            return f"opt.{state}", "is not a dict of arrays", "Give a dict of NumPy arrays."
    if set(dict.keys(optimizer.params)) != set(NAMES):
        return "params", "are not the four tables of a model with biases", f"They are {NAMES}."
    named = {
        f"{state}[{name!r}]": array
        for state, arrays in states.items()
        for name, array in held(arrays).items()
        if isinstance(array, np.ndarray)
    }
    dtypes = {array.dtype for array in named.values()}
    for argument, array in named.items():
        if array.dtype not in (np.float32, np.float64) or len(dtypes) > 1:
            return argument, f"has dtype {array.dtype}, not the one of all", "Use one dtype."
        if not (array.flags.c_contiguous and array.flags.aligned and array.flags.writeable):
            cure = "Pass a copy: np.array(array, order='C')."
            return argument, "is not a contiguous array that can be written to", cure
    for (first, a), (second, b) in combinations(named.items(), 2):
        if a.size and b.size and np.may_share_memory(a, b):
            return second, f"shares memory with {first}", "Give each an array of its own."
    return None


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

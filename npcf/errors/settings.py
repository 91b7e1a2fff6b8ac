"""Validation of settings: numbers, counts, choices, generators, names of options."""

import functools
import inspect
import itertools
import os
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar, get_args

import numpy as np

from npcf.errors.types import SettingError, UsageError
from npcf.foreign import SAID, kind_of, read_number, shown
from npcf.suggestions import did_you_mean

P = ParamSpec("P")
T = TypeVar("T")

LARGEST_COUNT = 2**63 - 1  # what an index can hold


def require_number(
    argument: str, value: Any, low: float = 0.0, high: float = np.inf, *, open_high: bool = False
) -> float:
    """Return `value` as a float in [low, high] (or [low, high)), or raise."""
    number = read_number(value)
    inside = low <= number < high if open_high else low <= number <= high
    if not (inside and np.isfinite(number)):
        bracket = ")" if open_high or high == np.inf else "]"
        problem = f"must be a finite number in [{low:g}, {high:g}{bracket}, got {shown(value)}"
        raise SettingError(argument, problem, "Give a number in that range.", value=value)
    return number


def require_pair(argument: str, value: Any) -> tuple[Any, Any]:
    """Return `value` as a tuple of two, or raise."""
    members = _members(value, 2)
    if len(members) != 2:
        problem = f"must be a pair of numbers, got {shown(value)}"
        cure = f"Write two: {argument}=(a, b)."
        raise SettingError(argument, problem, cure, value=value)
    return members[0], members[1]


def require_numbers(
    argument: str, value: Any, n: int, high: float = np.inf, *, open_high: bool = False
) -> tuple[float, ...]:
    """Return `value` as a tuple of `n` floats in [0, high] (or [0, high)), or raise."""
    numbers = _members(value, n)
    if len(numbers) != n:
        problem, cure = f"must be {n} numbers, got {shown(value)}", f"Write {n} in brackets."
        raise SettingError(argument, problem, cure, value=value)
    return tuple(
        require_number(f"{argument}[{i}]", number, high=high, open_high=open_high)
        for i, number in enumerate(numbers)
    )


def _members(value: Any, n: int) -> tuple[Any, ...]:
    """Return the members of `value`, no more than n + 1; none if it has none."""
    if type(value) is tuple:  # nothing that could raise: `read_number`
        return value
    try:
        return tuple(itertools.islice(value, n + 1))
    except SAID:  # not iterable, or whatever a foreign object says to that
        return ()


def require_count(argument: str, value: Any, low: int = 1, high: float = LARGEST_COUNT) -> int:
    """Return `value` as an int in [low, high], or raise."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < low:
        problem = f"must be a whole number >= {low}, got {shown(value)}"
        raise SettingError(argument, problem, f"Give an int, {low} or more.", value=value)
    if value > high:
        problem = f"must be at most {high}, got {shown(value)}"
        raise SettingError(argument, problem, "Give a smaller number.", value=value)
    return int(value)


def require_path(argument: str, value: Any) -> str:
    """Return the text of a path, or raise: an open file is none, nor is a number."""
    try:
        return os.fsdecode(value)
    except TypeError:
        problem = f"must be a path, got {shown(value)}"
        raise SettingError(argument, problem, "Name a file.", value=value) from None


def require_flag(argument: str, value: Any) -> bool:
    """Return `value` if it is True or False, or raise: "no" and any full array would be true."""
    if not isinstance(value, bool | np.bool_):
        problem = f"must be True or False, got {shown(value)}"
        raise SettingError(argument, problem, f"Write {argument}=True, or False.", value=value)
    return bool(value)


def optional_flag(argument: str, value: Any) -> bool | None:
    """Return None for None, otherwise as `require_flag`."""
    return None if value is None else require_flag(argument, value)


def require_choice(argument: str, value: Any, choices: Iterable[str]) -> str:
    """Return `value` if it is one of `choices`, or raise naming them."""
    names = tuple(choices)
    if not isinstance(value, str) or value not in names:
        hint = did_you_mean(value, names) if isinstance(value, str) else ""
        cure = f"{hint}Choose one of {', '.join(names)}."
        raise SettingError(argument, f"{shown(value)} is unknown", cure, value=value)
    return str(value)


def require_type(argument: str, value: Any, wanted: Any, cure: str) -> Any:
    """Return `value` if it is an instance of `wanted`, a class or a tuple of them, or raise."""
    if isinstance(value, wanted):
        return value
    classes = wanted if isinstance(wanted, tuple) else get_args(wanted) or (wanted,)
    names = " or ".join(cls.__name__ for cls in classes)
    raise UsageError(argument, f"is {kind_of(value)}, not {names}", cure, value=value)


def require_callable(argument: str, value: Any, cure: str) -> Any:
    """Return `value` if it can be called, or raise."""
    if not callable(value):
        raise UsageError(argument, f"is {kind_of(value)}, which cannot be called", cure)
    return value


def require_members(argument: str, value: Any, names: Iterable[str], cure: str) -> Any:
    """Return `value` if it has all these attributes, or raise: anything that has them will do."""
    missing = [name for name in names if not hasattr(value, name)]
    if missing or isinstance(value, type):
        lacks = ", ".join(missing) or "instance"
        raise UsageError(argument, f"is {kind_of(value)}, which has no {lacks}", cure, value=value)
    return value


def require_rng(argument: str, rng: Any) -> np.random.Generator:
    """Return `rng` if it is a generator, or raise: a seed is none."""
    if not isinstance(rng, np.random.Generator):
        cure = f"Pass {argument}=np.random.default_rng(seed)."
        if isinstance(rng, int | np.integer) and not isinstance(rng, bool) and rng >= 0:
            cure = f"Pass {argument}=np.random.default_rng({int(rng)})."
        problem = f"is no numpy.random.Generator: {shown(rng)}"
        raise UsageError(argument, problem, cure, value=rng)
    return rng


def optional_rng(rng: Any) -> np.random.Generator:
    """Return a fresh generator for None, otherwise `rng`, or raise."""
    return np.random.default_rng() if rng is None else require_rng("rng", rng)


def spell_checked(function: Callable[P, T]) -> Callable[P, T]:
    """Return `function`, which says "did you mean" to a keyword that it does not have."""
    names = [
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    ]
    known = frozenset(names)

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        if not known.issuperset(kwargs):
            refuse_option(next(name for name in kwargs if name not in known), names)
        return function(*args, **kwargs)

    return checked


def refuse_option(name: str, known: Iterable[str]) -> None:
    """Raise UsageError for an option that there is not."""
    names = [other for other in known if other != "self"]
    cure = f"{did_you_mean(name, names)}There are {', '.join(names)}."
    raise UsageError(name, "is no option here", cure)

"""The arrays that an update rule reads and writes: whether they belong together."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np

from npcf._types import FloatArray
from npcf.errors import DTypeError, ShapeError, UsageError


def require_state(
    argument: str, arrays: Mapping[str, Any], params: Mapping[str, FloatArray]
) -> None:
    """Raise unless `arrays` has an array like its own for each parameter."""
    cure = "Make a new optimiser over the tables as they are; a Learner does so if opt is None."
    for name in sorted(params.keys() ^ arrays.keys(), key=str):
        side = "has nothing for" if name in params else "names an unknown parameter"
        raise UsageError(argument, f"{side} {name!r}", cure)
    for name, table in params.items():
        array, named = arrays[name], f"{argument}[{name!r}]"
        if not isinstance(array, np.ndarray) or array.dtype != table.dtype:
            raise DTypeError(named, f"is not an array of {table.dtype}, as its parameter", cure)
        if array.shape != table.shape:
            problem = f"shape {array.shape} is not {table.shape}, that of its parameter"
            raise ShapeError(named, problem, cure)
        if not array.flags.writeable:
            raise UsageError(named, "is read-only", "Pass a copy: array.copy().")


def require_apart(arrays: Mapping[str, FloatArray]) -> None:
    """Raise unless each array has memory of its own: of two updates of one number one is lost."""
    for (first, a), (second, b) in combinations(arrays.items(), 2):
        if np.may_share_memory(a, b) and np.shares_memory(a, b):
            problem = f"shares memory with params[{first!r}]"
            raise UsageError(f"params[{second!r}]", problem, "Give each parameter an array.")


def held(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a mapping holds, whatever reading from it does (`npcf.fused.live`)."""
    return dict(dict.items(arrays) if isinstance(arrays, dict) else arrays.items())


def check_mapping(argument: str, arrays: Any) -> dict[str, Any]:
    """Return the same, or raise if it is no mapping."""
    if not isinstance(arrays, Mapping):
        problem = f"is a {type(arrays).__name__}, not a mapping of names to arrays"
        raise UsageError(argument, problem, "Make a new optimiser over the tables.")
    return held(arrays)


def check_state(
    arrays: Mapping[str, Any], wanted: Mapping[str, FloatArray], counts: tuple[str, ...]
) -> None:
    """Raise unless `arrays` has just the states `wanted`, shaped like them, and the counts."""
    for key in sorted((wanted.keys() | set(counts)) ^ arrays.keys(), key=str):
        side = "names an unknown state" if key in arrays else "has no"
        raise UsageError(
            "arrays", f"{side} {key!r}", "Load what this optimiser's state_arrays() returned."
        )
    scalar = np.zeros((), np.int64)
    for key, like in (*wanted.items(), *((name, scalar) for name in counts)):
        array = arrays[key]
        if not isinstance(array, np.ndarray) or array.dtype != like.dtype:
            problem = f"is not an array of dtype {like.dtype}"
            raise DTypeError(f"arrays[{key!r}]", problem, "Load it as it was saved.")
        if array.shape != like.shape:
            problem = f"shape {array.shape} is not {like.shape}"
            raise ShapeError(f"arrays[{key!r}]", problem, "State has its parameter's shape.")

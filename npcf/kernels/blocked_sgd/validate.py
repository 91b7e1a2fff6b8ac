"""What the compiled loops are given, checked before each epoch and each prediction.

A trainer's arrays are in the caller's reach: they may have been replaced, cut or recast since the
last call.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from npcf._tables import NAMES, TABLES
from npcf.errors import (
    DataError,
    DTypeError,
    SettingError,
    ShapeError,
    UsageError,
    as_array,
    require_choice,
    require_count,
    require_ids,
    require_number,
    require_pair,
    require_type,
)
from npcf.foreign import kind_of
from npcf.kernels.blocked_sgd.reference import LOSSES, Rule
from npcf.kernels.blocked_sgd.row_step import LANE
from npcf.kernels.blocked_sgd.sgd_loop import Side
from npcf.kernels.blocked_sgd.stored import Stored
from npcf.kernels.blocked_sgd.tiles import Blocks, Groups

CURE = "Make a new Trainer: its arrays belong together."
REAL, WHOLE = np.dtype(np.float32), np.dtype(np.int32)
LARGEST = 2.0**126  # what float32 holds, and the difference of two as well


def check_rule(rule: Any, sizes: dict[str, int]) -> None:
    """Raise unless a rule can be followed; `sizes` has the rows of each side."""
    require_type("rule", rule, Rule, "Make one: npcf.kernels.blocked_sgd.Rule(...).")
    require_number("rule.lr", rule.lr, 0.0, LARGEST)
    require_number("rule.bias_lr", rule.bias_lr, 0.0, LARGEST)
    require_number("rule.mean", rule.mean, -LARGEST, LARGEST)
    require_choice("rule.loss", rule.loss, LOSSES)
    if rule.y_range is not None:
        low, high = (
            require_number("rule.y_range", end, -LARGEST, LARGEST)
            for end in require_pair("rule.y_range", rule.y_range)
        )
        if not low < high:
            raise SettingError(
                "rule.y_range", f"({low:g}, {high:g}) is no range", "Give (low, high)."
            )
    elif rule.loss == "cross_entropy":
        raise SettingError("rule.y_range", "is None", "Cross-entropy needs the ratings' range.")
    require_type("rule.decays", rule.decays, Mapping, f"It maps {', '.join(NAMES)} to arrays.")
    for table in TABLES:
        name = table.name
        _check_decays(f"rule.decays[{name!r}]", rule.decays.get(name), sizes[table.side])


def _check_decays(argument: str, decays: Any, n: int) -> None:
    decays = as_array(argument, decays)
    if decays.dtype.kind != "f" or decays.shape != (n,):
        problem = f"shape {decays.shape} and dtype {decays.dtype} are not ({n},) and floats"
        raise ShapeError(argument, problem, "There is one decay for each row.")
    wrong = ~((decays >= 0) & (decays <= LARGEST))
    if wrong.any():
        at = int(wrong.argmax())
        problem = f"{decays[at]} is not a number in [0, {LARGEST:g}]"
        raise SettingError(argument, problem, "Check it.", position=at, value=float(decays[at]))


def check_groups(groups: Any) -> dict[str, int]:
    """Return how many rows each side has; raise unless rows are numbered to and fro."""
    require_type("groups", groups, dict, CURE)
    if tuple(groups) != ("user", "item"):
        raise UsageError("groups", f"are {', '.join(map(str, groups))}, not user and item", CURE)
    for name, group in groups.items():
        require_type(f"groups[{name!r}]", group, Groups, CURE)
        n = np.shape(group.row_at)[0] if np.ndim(group.row_at) else 0
        for field in ("row_at", "place_of"):
            rows = require_array(f"{name}.{field}", getattr(group, field), (n,), WHOLE)
            if rows.size and not (rows.min() >= 0 and rows.max() < n):
                raise DataError(f"{name}.{field}", f"has rows outside [0, {n})", CURE)
    return {name: len(group.row_at) for name, group in groups.items()}


def check_sides(sides: Any, lanes: Any, sizes: dict[str, int]) -> None:
    """Raise unless there is a table of padded rows and scalars for each side."""
    require_type("lanes", lanes, tuple, CURE)
    if not lanes or any(type(lane) is not int or lane for lane in lanes):
        raise ShapeError("lanes", f"{lanes!r} are not some zeros", CURE)
    if len(require_type("sides", sides, tuple, CURE)) != len(sizes):
        raise UsageError("sides", f"are {len(sides)}, not users and items", CURE)
    for (name, n), side in zip(sizes.items(), sides, strict=True):
        require_type(f"sides: {name}", side, Side, CURE)
        require_array(f"{name}: factors", side.factors, (n, LANE * len(lanes)), REAL, write=True)
        require_array(f"{name}: scalars", side.scalars, (n, 4), REAL, write=True)


def check_ratings(ratings: Any, blocks: Any, sides: Any) -> Stored:
    """Return the ratings as arrays of our own; raise unless they lie in the tiles of `blocks`.

    A trainer's own are read-only and need no check.
    """
    require_type("ratings", ratings, Stored, CURE)
    require_type("blocks", blocks, Blocks, CURE)
    for name in ("parts", "user_tiles", "item_tiles"):
        require_count(f"blocks.{name}", getattr(blocks, name))
    n = np.shape(ratings.rating)[0] if np.ndim(ratings.rating) else 0
    for name, dtype in (("users", WHOLE), ("items", WHOLE), ("rating", REAL)):
        require_array(f"ratings.{name}", getattr(ratings, name), (n,), dtype)
    tiles = (blocks.n_tiles + 1,)
    require_array("ratings.starts", ratings.starts, tiles, np.dtype(np.int64))
    own = Stored(*(np.array(array) for array in ratings))
    for name, rows, side in zip(("users", "items"), own[:2], sides, strict=True):
        require_ids(f"ratings.{name}", rows, len(side.scalars))
    if own.starts[0] != 0 or own.starts[-1] != n or (np.diff(own.starts) < 0).any():
        raise DataError("ratings.starts", f"does not rise from 0 to {n}", CURE)
    return own.fixed()


def require_array(
    argument: str, array: Any, shape: tuple[int, ...], dtype: np.dtype[Any], write: bool = False
) -> Any:
    """Return `array` if it is a contiguous array of this shape and dtype, or raise."""
    if type(array) is not np.ndarray:  # a subclass may be indexed otherwise
        raise UsageError(argument, f"is {kind_of(array)}, not a plain array", CURE)
    if array.shape != shape:
        raise ShapeError(argument, f"shape {array.shape} is not {shape}", CURE)
    if array.dtype != dtype:
        raise DTypeError(argument, f"dtype {array.dtype} is not {dtype}", CURE)
    if not (array.flags.c_contiguous and array.flags.aligned):
        raise UsageError(argument, "is not contiguous in memory", CURE)
    if write and not array.flags.writeable:
        raise UsageError(argument, "is read-only", CURE)
    return array

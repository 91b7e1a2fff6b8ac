"""What all update rules share: settings for each parameter, rows that move, state to save.

A setting such as `lr` is one number, or a mapping from parameter name to number in which the key
"default" stands for every parameter not named: biases can have their own rate and decay, as with
torch's parameter groups.

What a step may move is named: "all_rows" is torch's dense embedding, where every row has a
gradient and most of them are zero; "touched_rows" are the rows that a batch names.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import EllipsisType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from npcf._atomic import Change, assign, in_one_go
from npcf._types import FloatArray, Grads, IdArray, Params
from npcf.errors import (
    SettingError,
    UsageError,
    require_count,
    require_grads,
    require_ids,
    require_number,
    require_trainable,
    require_type,
)
from npcf.optim.state import check_mapping, check_state, require_apart, require_state
from npcf.suggestions import did_you_mean

ROWS = ("all_rows", "touched_rows")
Arrays = dict[str, NDArray[Any]]
PerParameter = float | Mapping[str, float]
Touched = Mapping[str, Any]  # parameter name -> row numbers, in any order, repeated or not
Rows = EllipsisType | IdArray  # an index: everything, or distinct rows


class _Spare(dict[tuple[str, str], Any]):
    """Memory for the next step, which copies and pickles leave behind."""

    def __reduce__(self) -> Any:
        return type(self), ()


class Optimizer(ABC):
    """Holds `params`, and gives and takes back the state that a checkpoint must keep.

    `SETTINGS` are attributes whose values JSON can hold.  `state_arrays` has a key for each of
    `COUNTS` (0-d int64) and of `STATES` ("m/user_factors", shaped as its parameter);
    `LAZY_STATES` are there for all parameters, or, before the first step that needs them, for
    none.  Settings and state arrays put into a fresh optimiser over copies of the parameters
    continue with the same bits.

    A rule is a subclass with `changes`: what one step would assign.  `step` makes all of these
    changes at once, so that parameters, state and counts are always those of the same step,
    whatever interrupts it.
    """

    SETTINGS: ClassVar[tuple[str, ...]] = ("lr", "weight_decay")
    COUNTS: ClassVar[tuple[str, ...]] = ()
    STATES: ClassVar[tuple[str, ...]] = ()
    LAZY_STATES: ClassVar[tuple[str, ...]] = ()
    rows = "all_rows"
    lr: Any  # `PerParameter`; a learning-rate search and schedules set it
    weight_decay: Any
    momentum: Any  # SGD's momentum, Adam's beta1

    def __init__(self, params: Params):
        require_trainable(params)
        self.params = params
        self.counts = {name: np.zeros(1, np.int64) for name in self.COUNTS}
        self._spare = _Spare()

    def step(self, grads: Grads, touched: Touched | None = None) -> None:
        """Update the parameters in place from `grads`, which has the keys of `params`.

        `touched` maps each name to the rows of the batch; with rows="all_rows" it is not read.
        """
        in_one_go(*self.changes(grads, touched))

    @abstractmethod
    def changes(self, grads: Grads, touched: Touched | None = None) -> list[Change]:
        """Return what one step assigns; nothing has changed yet."""

    def state_arrays(self) -> Arrays:
        """Return the state by flat names; the arrays are the optimiser's own, not copies."""
        arrays: Arrays = {name: np.array(getattr(self, name), np.int64) for name in self.COUNTS}
        for state in (*self.STATES, *self.LAZY_STATES):
            for name, array in getattr(self, state).items():
                arrays[f"{state}/{name}"] = array
        return arrays

    def load_state_arrays(self, arrays: Mapping[str, Any]) -> None:
        """Copy in what `state_arrays` returned; nothing changes unless all of it fits."""
        kept = [s for s in self.LAZY_STATES if any(key.startswith(f"{s}/") for key in arrays)]
        wanted = {
            f"{state}/{name}": table
            for state in (*self.STATES, *kept)
            for name, table in self.params.items()
        }
        check_state(arrays, wanted, self.COUNTS)
        counts = {name: require_count(name, arrays[name][()], 0) for name in self.COUNTS}
        changes = [assign(self.counts[name], 0, count) for name, count in counts.items()]
        for state in (*self.STATES, *self.LAZY_STATES):
            held = [name for name in self.params if f"{state}/{name}" in wanted]
            copies = {name: np.array(arrays[f"{state}/{name}"]) for name in held}
            changes.append(assign(vars(self), state, copies))
        in_one_go(*changes)

    def take_settings(self, other: "Optimizer") -> list[Change]:
        """Return the changes after which this optimiser has the settings of `other`, its copy.

        Settings that are the same object in both are left alone.
        """
        mine, others = vars(self), vars(other)
        changed = [s for s in self.SETTINGS if s in others and others[s] is not mine.get(s)]
        return [assign(mine, name, others[name]) for name in changed]

    def check_arrays(self) -> None:
        """Raise unless parameters and states are arrays that belong together.

        ShapeError names a state that is not shaped as its parameter, as after new users have come.
        Reads what the mappings hold, and brings nothing up to date.
        """
        params = check_mapping("opt.params", self.params)
        require_trainable(params)
        require_apart(params)
        for state in (*self.STATES, *self.LAZY_STATES):
            arrays = check_mapping(f"opt.{state}", getattr(self, state))
            if arrays or state in self.STATES:
                require_state(f"opt.{state}", arrays, params)

    def _check(self, grads: Grads) -> Grads:
        """Return the gradients as arrays, or raise if no step can be taken with them."""
        self.check_settings()
        self.check_arrays()
        return require_grads(grads, self.params)

    @abstractmethod
    def check_settings(self) -> Any:
        """Raise SettingError unless every setting is in its range; each becomes a plain number."""

    def _check_rates(self, *names: str) -> None:
        """Check settings that may be mappings; a number takes the place of what stands for one."""
        for name in names:
            self.numbers_of(name)
            if not isinstance(value := getattr(self, name), Mapping):
                setattr(self, name, require_number(name, value))

    def _copy(self, changes: list[Change], state: str, name: str, rows: Rows = ...) -> FloatArray:
        """Return a copy of rows of an array to work in; `changes` gets what puts it back.

        A state that is not there yet is zero.  Memory is kept for the next step.
        """
        arrays, key = getattr(self, state), (state, name)
        if name not in arrays:
            copy = np.zeros_like(self.params[name])
            changes.append(assign(arrays, name, copy))
        elif rows is not ...:
            copy = arrays[name][rows]
            changes.append(assign(arrays[name], rows, copy))
        else:
            array, copy = arrays[name], self._spare.pop(key, None)
            if copy is None or copy.shape != array.shape or copy.dtype != array.dtype:
                copy = np.empty(array.shape, array.dtype)
            copy[...] = array
            changes += [assign(array, ..., copy), assign(self._spare, key, copy)]
        return copy

    def _zeros(self) -> Params:
        return {name: np.zeros_like(table) for name, table in self.params.items()}

    def numbers_of(self, setting: str) -> dict[str, float]:
        """Return the setting's number for each parameter, or raise."""
        return per_parameter(setting, getattr(self, setting), self.params)


def per_parameter(argument: str, value: PerParameter, params: Params) -> dict[str, float]:
    """Return {parameter name: number >= 0} from one number or a mapping, or raise."""
    if not isinstance(value, Mapping):
        return dict.fromkeys(params, require_number(argument, value))
    for name in value:
        if name != "default" and name not in params:
            names = ", ".join(params)
            raise SettingError(
                argument,
                f"names an unknown parameter {name!r}",
                f"{did_you_mean(name, params)}The parameters are {names}.",
            )
    numbers = {}
    for name in params:
        key = name if name in value else "default"
        if key not in value:
            raise SettingError(
                argument, f"has no number for {name!r}", "Add it, or the key 'default'."
            )
        numbers[name] = require_number(f"{argument}[{key!r}]", value[key])
    return numbers


def moving_rows(rows: str, touched: Touched | None, params: Params) -> dict[str, Rows]:
    """Return, for each parameter, the index of what a step moves, or raise."""
    if rows == "all_rows":
        return dict.fromkeys(params, ...)
    if touched is None:
        raise UsageError(
            "touched", 'is missing, with rows="touched_rows"', "Pass step(grads, touched)."
        )
    cure = "Pass a dict of the rows of each parameter."
    require_type("touched", touched, Mapping, cure)
    for name in sorted(params.keys() ^ touched.keys(), key=str):
        side = "has no rows for" if name in params else "names an unknown parameter"
        raise UsageError("touched", f"{side} {name!r}", f"The parameters are {', '.join(params)}.")
    return {
        name: np.unique(require_ids(f"touched[{name!r}]", touched[name], len(table)))
        for name, table in params.items()
    }

"""The arrays that compiled steps read and write: judged, and held for as long as they are in use.

An optimiser's mappings may be given other arrays at any time: tables with more rows, averages from
a file.  Compiled code sees only arrays that were judged, through views that are held here, and the
mappings are compared with these before every call.
"""

from itertools import combinations
from typing import Any

import numpy as np

from npcf._types import Params
from npcf.errors import ShapeError
from npcf.kernels.fused.form import NAMES, table_view

Obstacle = tuple[str, str, str]  # argument, problem, cure


class Bound:
    """An optimiser's parameters and states as (N, K) views, and the arrays that these are of."""

    def __init__(self, optimizer: Any):
        self.sources = {state: _held(optimizer, state) for state in _states(optimizer)}
        self.shapes = self._shapes()
        self.counts = {name: optimizer.counts[name] for name in optimizer.COUNTS}

    def _shapes(self) -> list[tuple[int, ...]]:
        return [array.shape for held in self.sources.values() for array in held.values()]

    @property
    def views(self) -> dict[str, Params]:
        """Views (N, K) of all arrays; of states that there are."""
        return self.views_of(self.sources)

    @staticmethod
    def views_of(arrays: dict[str, Params]) -> dict[str, Params]:
        """Return views (N, K) of such arrays, in the order of NAMES."""
        return {
            state: {name: table_view(held[name]) for name in NAMES}
            for state, held in arrays.items()
            if held
        }

    def add(self, state: str, arrays: Params) -> None:
        """Hold the arrays of a state that has just come to be."""
        self.sources[state] = arrays
        self.shapes = self._shapes()

    def holds(self, optimizer: Any) -> bool:
        """Whether the optimiser still has exactly these arrays, and all can be written to."""
        shapes = iter(self.shapes)
        for state, held in self.sources.items():
            now = getattr(optimizer, state, None)
            if not isinstance(now, dict) or len(now) != len(held):
                return False
            for name, array in held.items():
                same = dict.get(now, name) is array and array.shape == next(shapes)
                if not (same and array.flags.writeable):
                    return False
        return all(optimizer.counts.get(name) is count for name, count in self.counts.items())


def judge_shapes(optimizer: Any) -> None:
    """Raise unless the four tables belong together, and the states to them."""
    optimizer.judge_arrays()
    tables = _held(optimizer, "params")
    width = {name: tables[name].shape[1:] for name in NAMES[:2]}
    for name, side in zip(NAMES[:2], ("user", "item"), strict=True):
        bias, rows = f"{side}_bias", len(tables[name]) if tables[name].ndim else 0
        if tables[name].ndim != 2 or width[name] != width["user_factors"]:
            raise ShapeError(
                f"params[{name!r}]",
                f"shape {tables[name].shape} does not match user_factors of shape "
                f"{tables['user_factors'].shape}",
                "Factors are (users, K) and (items, K).",
            )
        if tables[bias].shape not in ((rows,), (rows, 1)):
            raise ShapeError(
                f"params[{bias!r}]",
                f"shape {tables[bias].shape} does not match {name} of shape {tables[name].shape}",
                f"Biases are (n,) or (n, 1): one for each of the {rows} rows.",
            )
    for name in optimizer.COUNTS:
        judge_counter(f"opt.counts[{name!r}]", optimizer.counts.get(name))


def judge_counter(argument: str, counter: Any) -> None:
    """Raise unless compiled code can count in it."""
    right = isinstance(counter, np.ndarray) and counter.dtype == np.int64 and counter.shape == (1,)
    if not (right and counter.flags.writeable and counter.flags.aligned):
        raise ShapeError(argument, "is not an int64 array (1,)", "Use np.zeros(1, np.int64).")


def obstacle(optimizer: Any) -> Obstacle | None:
    """Return why compiled steps cannot use the optimiser's arrays, or None."""
    for state in _states(optimizer):
        if not isinstance(getattr(optimizer, state, None), dict):
            return f"opt.{state}", "is not a dict of arrays", "Give a dict of NumPy arrays."
    if set(dict.keys(optimizer.params)) != set(NAMES):
        return "params", "are not the four tables of a model with biases", f"They are {NAMES}."
    named = {
        f"{state}[{name!r}]": array
        for state in _states(optimizer)
        for name, array in _held(optimizer, state).items()
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


def _states(optimizer: Any) -> tuple[str, ...]:
    return ("params", *optimizer.STATES, *optimizer.LAZY_STATES)


def _held(optimizer: Any, state: str) -> Params:
    """Return what a mapping holds, whatever reading from it does."""
    return dict(dict.items(getattr(optimizer, state)))

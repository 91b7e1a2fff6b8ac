"""The memory that compiled steps read and write: the optimiser's arrays, and what batches need.

An optimiser's mappings may be given other arrays at any time: tables with more rows, averages from
a file.  Compiled code sees only arrays that were checked (`validate`), through views that are held
here, and the mappings are compared with these before every call.
"""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from npcf._tables import NAMES
from npcf._types import FloatArray, Params
from npcf.kernels.fused.batch import TablePair
from npcf.kernels.fused.counts import Flush
from npcf.optim import Optimizer
from npcf.optim.state import held

FLUSH_SLICE = 2**22  # numbers brought up to date in one call
LISTED = 1024  # rows brought up to date at a time, at least


class HeldArrays:
    """An optimiser's parameters and states as (N, K) views, and the arrays that these are of."""

    def __init__(self, optimizer: Optimizer):
        self.sources = {state: held(getattr(optimizer, state)) for state in states_of(optimizer)}
        self.counts: dict[str, NDArray[np.int64]] = dict(optimizer.counts)
        self._look()

    def _look(self) -> None:
        self.views = views_of(self.sources)
        self._shapes = [a.shape for arrays in self.sources.values() for a in arrays.values()]

    def add(self, state: str, arrays: Params) -> None:
        """Hold the arrays of a state that has just come to be."""
        self.sources[state] = arrays
        self._look()

    def are_those_of(self, optimizer: Optimizer) -> bool:
        """Whether the optimiser still has exactly these arrays, and all can be written to."""
        shapes = iter(self._shapes)
        for state, arrays in self.sources.items():
            now = getattr(optimizer, state, None)
            if not isinstance(now, dict) or len(now) != len(arrays):
                return False
            for name, array in arrays.items():
                same: bool = dict.get(now, name) is array
                if not (same and array.shape == next(shapes) and array.flags.writeable):
                    return False
        return all(optimizer.counts.get(name) is count for name, count in self.counts.items())


def states_of(optimizer: Optimizer) -> tuple[str, ...]:
    """Return the names of the optimiser's mappings of arrays."""
    return ("params", *optimizer.STATES, *optimizer.LAZY_STATES)


def views_of(arrays: Mapping[str, Params]) -> dict[str, Params]:
    """Return views (N, K) of the states that there are, in the order of NAMES: plain arrays."""
    return {
        state: {name: _view(tables[name]) for name in NAMES}
        for state, tables in arrays.items()
        if tables
    }


def _view(table: FloatArray) -> FloatArray:
    array = np.asarray(table)
    return array.reshape(len(array), array.shape[1] if array.ndim == 2 else 1)


class Workspace:
    """Makes and keeps the memory that batches of one optimiser's tables need."""

    def __init__(self) -> None:
        self.held: tuple[TablePair, TablePair] | None = None

    def sides(self, params: Params, batch: int = 0) -> tuple[TablePair, TablePair]:
        """Return users and items with room for `batch` ratings, their marks as they are."""
        if self.held is None or self.held[0].slots.size < batch:
            size = max(batch, 1)
            users, items, user_bias, item_bias = (params[name] for name in NAMES)
            self.held = (
                self._side(0, users, user_bias, size),
                self._side(1, items, item_bias, size),
            )
        return self.held

    def forget(self) -> None:
        """Give up the memory that was made for other tables, and their marks."""
        self.held = None

    def _side(self, i: int, factors: FloatArray, bias: FloatArray, size: int) -> TablePair:
        marks = self.held[i].marks if self.held else np.zeros((len(factors), 2), np.int32)
        rows, since = np.zeros((2, max(size, LISTED)), np.int64)
        return TablePair(
            factors=factors,
            bias=bias,
            marks=marks,
            rows=rows,
            since=since,
            slots=np.zeros(size, np.int64),
            d_factors=np.zeros((size + 1, factors.shape[1]), factors.dtype),
            d_bias=np.zeros((size + 1, 1), factors.dtype),
        )


def flushes(sides: tuple[TablePair, TablePair]) -> Iterator[Flush]:
    """Cut all rows of both sides into parts that are brought up to date in one call each."""
    for side in sides:
        n_rows, width = side.factors.shape
        step = max(1, FLUSH_SLICE // max(width, 1))
        for first in range(0, n_rows, step):
            part, none = (first, min(first + step, n_rows)), (0, 0)
            yield Flush(False, part, none) if side is sides[0] else Flush(False, none, part)

"""Columns that are read block by block: ids as codes, and arrays that grow at their end."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray


class Coded(NamedTuple):
    """A column of ids as positions in the list of different ones."""

    codes: NDArray[np.int32]  # (n,)
    ids: pd.Index


class GrowingArray:
    """An array that grows at its end, by an eighth at least; there are never two copies of it."""

    def __init__(self, dtype: Any):
        self.array, self.n = np.empty(0, dtype), 0

    def add(self, values: Any) -> None:
        """Append `values`."""
        end = self.n + len(values)
        if end > len(self.array):
            self.array.resize(max(end, self.n + self.n // 8), refcheck=False)
        self.array[self.n : end] = values
        self.n = end

    def cut(self) -> NDArray[Any]:
        """Return the array, without spare room."""
        self.array.resize(self.n, refcheck=False)
        return self.array


class GrowingColumn:
    """A column of ids that grows block by block."""

    def __init__(self) -> None:
        self.ids = pd.Index([])
        self.codes = GrowingArray(np.int32)

    def add(self, block: Coded) -> None:
        """Append one block."""
        ids = self.ids if len(self.ids) else block.ids[:0]  # of its dtype
        place = ids.get_indexer(block.ids)
        fresh = place < 0
        place[fresh] = len(ids) + np.arange(np.count_nonzero(fresh))
        self.ids = ids.append(block.ids[fresh]) if fresh.any() else ids
        self.codes.add(place.astype(np.int32)[block.codes])

    def coded(self) -> Coded:
        """Return the whole column."""
        return Coded(self.codes.cut(), self.ids)

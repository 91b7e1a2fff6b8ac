"""Ratings as they were given: three arrays, in memory or mapped from files, read CHUNK at a time.

While they are read, another thread or another process may write to them.  So each chunk is copied
once, and checked as the copy; nothing else of a rating is ever used.
"""

import mmap
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from npcf.errors import (
    DataError,
    DTypeError,
    EmptyBatchError,
    ShapeError,
    require_count,
    require_floats,
    require_ids,
)

CHUNK = 2**18  # ratings
MOST_ROWS = 2**31 - 1  # rows are int32


class Given(NamedTuple):
    """Ratings as they were given; `chunks` checks them."""

    users: Any  # (n,) integers, or a memory map of them
    items: Any
    rating: Any  # (n,) floats
    n_users: int
    n_items: int
    low: float = -np.inf  # what a rating may be
    high: float = np.inf
    prefix: str = ""  # of the arrays' names in errors

    def check_shapes(self) -> int:
        """Return how many ratings there are; raise unless there are as many of each, and some."""
        for name in ("n_users", "n_items"):
            if require_count(name, getattr(self, name), 0) > MOST_ROWS:
                problem = f"{getattr(self, name)} is more than {MOST_ROWS}"
                raise ShapeError(name, problem, "Number the rows from 0 on.")
        for name, array in zip(self._fields, self[:3], strict=False):
            if np.ndim(array) != 1 or len(array) != len(self.users):
                problem = f"shape {np.shape(array)} does not match users of {np.shape(self.users)}"
                cure = "There is one user, item and rating each: (n,)."
                raise ShapeError(self.prefix + name, problem, cure)
        if not len(self.users):
            raise EmptyBatchError(self.prefix + "rating", "has no ratings", "Give at least one.")
        return len(self.users)

    def chunks(self) -> Iterator[tuple[Any, Any, Any]]:
        """Go through users, items and rating as int32, int32 and float32: copies, checked."""
        n = self.check_shapes()
        for first in range(0, n, CHUNK):
            here = slice(first, min(first + CHUNK, n))
            for name, array in zip(self._fields, self[:3], strict=False):
                if _cut_short(array):  # reading on would end the process: SIGBUS
                    raise changed(first, self.prefix + name)
            chunk = (
                self._ids("users", self.n_users, here),
                self._ids("items", self.n_items, here),
                self._ratings(here),
            )
            for name, array in zip(self._fields, chunk, strict=False):
                if array.shape != (here.stop - first,):
                    raise changed(first, self.prefix + name)
            yield chunk
            for array in self[:3]:
                give_back(array)

    def _ids(self, name: str, n_rows: int, here: slice) -> NDArray[np.int32]:
        ids, name = getattr(self, name)[here], self.prefix + name
        if not isinstance(ids, np.ndarray) or np.ma.isMaskedArray(ids):
            ids = require_ids(name, ids, n_rows, here.start)
        ids = np.array(ids)
        inside = ids.dtype.kind in "iu" and (
            not ids.size or (ids.min() >= 0 and ids.max() < n_rows)
        )
        if not inside:
            ids = require_ids(name, ids, n_rows, here.start)
        rows: NDArray[np.int32] = ids.astype(np.int32, copy=False)
        return rows

    def _ratings(self, here: slice) -> NDArray[np.float32]:
        name = self.prefix + "rating"
        first, given = here.start, require_floats(name, self.rating[here])
        if given.dtype.kind != "f":
            raise DTypeError(name, f"dtype {given.dtype} is not real", "Pass its real part.")
        with np.errstate(over="ignore"):  # what overflows is infinite, and is refused
            rating: NDArray[np.float32] = np.array(given, np.float32)
        if rating.size and not (rating.min() >= self.low and rating.max() <= self.high
                                and np.isfinite(rating).all()):  # fmt: skip
            wrong = ~((rating >= self.low) & (rating <= self.high) & np.isfinite(rating))
            at = int(wrong.argmax())
            raise DataError(
                name, f"{rating[at]:g} is outside [{self.low:g}, {self.high:g}] or not finite",
                "Remove it, or widen y_range.", position=first + at, value=float(rating[at]),
            )  # fmt: skip
        return rating


def changed(position: int, name: str = "ratings") -> DataError:
    """Return what to raise where ratings are not those that were read before."""
    return DataError(
        name, "was changed while it was being read",
        "Train on a copy of them, or on files that nobody writes to.", position=position,
    )  # fmt: skip


def _mapped(array: Any) -> mmap.mmap | None:
    """Return the mapping of an array that is mapped from a file, or None."""
    mapped = getattr(array, "_mmap", None)
    return mapped if isinstance(mapped, mmap.mmap) else None


def _cut_short(array: Any) -> bool:
    """Whether a mapped file no longer holds all that was mapped of it."""
    mapped = _mapped(array)
    if mapped is None:
        return False
    start = array.offset - array.offset % mmap.ALLOCATIONGRANULARITY
    return bool(mapped.size() < start + len(mapped))


def give_back(array: Any) -> None:
    """Let go of the pages of a mapped file that were read; they can be read again."""
    mapped = _mapped(array)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED") and array.mode == "r":
        mapped.madvise(mmap.MADV_DONTNEED)


def zeros(n: int, dtype: Any) -> Any:
    """Return `n` zeros, or raise if there is no memory for them."""
    try:
        return np.zeros(n, dtype)
    except (MemoryError, ValueError, OverflowError):
        problem = f"there is no memory for {n * np.dtype(dtype).itemsize:,} bytes"
        raise ShapeError("tables", problem, "Look at n_users, n_items and n_factors.") from None

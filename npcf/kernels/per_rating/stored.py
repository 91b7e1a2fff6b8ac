"""The ratings in the order of tiles: int32, int32, float32, 12 bytes each.

They come as three arrays, in memory or mapped from files, and are read CHUNK at a time: to count
the ratings of each row, and of each tile, and to put each where its tile is, in random order inside
it.  A mapped file's pages are given back after each chunk, so that what is in memory at any time is
one copy, and not two.
"""

import mmap
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from npcf.errors import (
    DataError,
    EmptyBatchError,
    ShapeError,
    require_floats,
    require_ids,
)
from npcf.kernels._jit import jit_threads
from npcf.kernels.per_rating.blocks import CLOSE, Blocks, Counts
from npcf.kernels.per_rating.shuffle import shuffle

CHUNK = 2**18  # ratings


class Stored(NamedTuple):
    """Ratings by tile: tile t is starts[t] : starts[t + 1]; users and items are new numbers."""

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    rating: NDArray[np.float32]
    starts: NDArray[np.int64]


class Given(NamedTuple):
    """Ratings as they were given; `chunks` judges them."""

    users: Any  # (n,) integers, or a memory map of them
    items: Any
    rating: Any  # (n,) floats
    n_users: int
    n_items: int
    low: float = -np.inf  # what a rating may be
    high: float = np.inf

    def judge_shapes(self) -> None:
        """Raise unless there are as many of each, and some."""
        for name, array in zip(self._fields, (self.users, self.items, self.rating), strict=False):
            if np.ndim(array) != 1 or len(array) != len(self.users):
                problem = f"shape {np.shape(array)} does not match users of {np.shape(self.users)}"
                raise ShapeError(name, problem, "There is one user, item and rating each: (n,).")
        if not len(self.users):
            raise EmptyBatchError("rating", "there are no ratings", "Give at least one.")

    def chunks(self) -> Iterator[tuple[Any, Any, Any]]:
        """Go through users, items and rating as int32, int32 and float32, judged."""
        for first in range(0, len(self.users), CHUNK):
            here = slice(first, first + CHUNK)
            users = require_ids("users", self.users[here], self.n_users, first)
            items = require_ids("items", self.items[here], self.n_items, first)
            rating = self._ratings(self.rating[here], first)
            yield users.astype(np.int32), items.astype(np.int32), rating
            for array in (self.users, self.items, self.rating):
                give_back(array)

    def _ratings(self, chunk: Any, first: int) -> NDArray[np.float32]:
        rating = np.asarray(require_floats("rating", np.asarray(chunk)), np.float32)
        wrong = ~((rating >= self.low) & (rating <= self.high) & np.isfinite(rating))
        if wrong.any():
            at = int(wrong.argmax())
            raise DataError(
                "rating", f"{rating[at]:g} is outside [{self.low:g}, {self.high:g}] or not finite",
                "Remove it, or widen y_range.", position=first + at, value=float(rating[at]),
            )  # fmt: skip
        return rating


def stored(given: Given, row_bytes: int, seed: int) -> tuple[Stored, Blocks, tuple[Counts, Counts]]:
    """Return the ratings by tile, the tiles, and how many ratings each user and item has."""
    given.judge_shapes()
    counts = np.zeros(given.n_users, np.int64), np.zeros(given.n_items, np.int64)
    for users, items, _ in given.chunks():
        for count, ids in zip(counts, (users, items), strict=True):
            count += np.bincount(ids, minlength=len(count))
    blocks = Blocks.cut(*counts, row_bytes, seed)
    per_row = blocks.parts * blocks.item_tiles
    sizes = np.zeros(blocks.n_tiles + 1, np.int64)
    for users, items, _ in given.chunks():
        tile = blocks.tile(blocks.users.tile_of[users], blocks.items.tile_of[items])
        sizes[1:] += np.bincount(tile, minlength=blocks.n_tiles)
    starts = np.cumsum(sizes)
    n = len(given.users)
    kept = Stored(np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.float32), starts)
    free = starts[:-1].copy()
    for chunk in given.chunks():
        _put(kept[:3], chunk, free, blocks.users[:2], blocks.items[:2], per_row)
    for tile in range(blocks.n_tiles):
        _order(kept, tile, blocks, seed, row_bytes)
    return kept, blocks, counts


def _order(kept: Stored, tile: int, blocks: Blocks, seed: int, row_bytes: int) -> None:
    """Put a tile's ratings in random order; in large data a few users at a time (`blocks`)."""
    start, stop = kept.starts[tile : tile + 2]
    state = np.random.default_rng((seed, tile)).integers(2**64, dtype=np.uint64)
    with np.errstate(over="ignore"):  # for the loop as plain Python
        shuffle(*kept[:3], start, stop, state)
    if blocks.parts > 1:
        few = max(1, CLOSE // row_bytes)
        order = np.argsort(kept.users[start:stop] // few, kind="stable")
        for column in kept[:3]:
            column[start:stop] = column[start:stop][order]


@jit_threads
def _put(kept, chunk, free, users, items, per_row):
    """Copy ratings to the next free place of their tiles, under their rows' new numbers."""
    tile_of_user, place_of_user = users
    tile_of_item, place_of_item = items
    for n in range(chunk[0].size):
        u, i = chunk[0][n], chunk[1][n]
        tile = tile_of_user[u] * per_row + tile_of_item[i]
        to = free[tile]
        free[tile] = to + 1
        kept[0][to], kept[1][to], kept[2][to] = place_of_user[u], place_of_item[i], chunk[2][n]


def give_back(array: Any) -> None:
    """Let go of the pages of a mapped file that were read; they can be read again."""
    mapped = getattr(array, "_mmap", None)
    if isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED") and array.mode == "r":
        mapped.madvise(mmap.MADV_DONTNEED)

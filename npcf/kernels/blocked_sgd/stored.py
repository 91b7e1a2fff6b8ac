"""The ratings in the order of tiles: int32, int32, float32, 12 bytes each.

They come as three arrays, in memory or mapped from files, and are read a chunk at a time: to count
the ratings of each row, and of each tile, and to put each where its tile is, in random order inside
it.  A mapped file's pages are given back after each chunk, so that what is in memory at any time is
one copy, and not two.

Between two readings another thread or another process may write to them.  So the third does not
trust what the first two counted: ratings of other rows or tiles than before end in a DataError.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from npcf.kernels._jit import jit_threads
from npcf.kernels.blocked_sgd.given import Given, changed, zeros
from npcf.kernels.blocked_sgd.shuffle import shuffle
from npcf.kernels.blocked_sgd.tiles import CLOSE, Blocks, Counts


class Stored(NamedTuple):
    """Ratings by tile: tile t is starts[t] : starts[t + 1]; users and items are new numbers."""

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    rating: NDArray[np.float32]
    starts: NDArray[np.int64]

    def fixed(self) -> "Stored":
        """Return the same ratings as arrays that cannot be made writable."""
        for array in self:
            array.flags.writeable = False
        return Stored(*(np.asarray(memoryview(array.data).toreadonly()) for array in self))

    @property
    def is_fixed(self) -> bool:
        """Whether they are read-only."""
        return not any(array.flags.writeable for array in self)


def stored(given: Given, row_bytes: int, seed: int) -> tuple[Stored, Blocks, tuple[Counts, Counts]]:
    """Return the ratings by tile, the tiles, and how many ratings each user and item has."""
    n = given.check_shapes()
    counts = zeros(given.n_users, np.int64), zeros(given.n_items, np.int64)
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
    kept = Stored(zeros(n, np.int32), zeros(n, np.int32), zeros(n, np.float32), starts)
    _fill(kept, given, blocks, counts, per_row)
    for tile in range(blocks.n_tiles):
        _order(kept, tile, blocks, seed, row_bytes)
    return kept.fixed(), blocks, counts


def _fill(
    kept: Stored, given: Given, blocks: Blocks, counts: tuple[Counts, Counts], per_row: int
) -> None:
    """Put each rating where its tile is; raise where there are not the ratings that were counted.

    A tile or a row that has more than were counted is found at once, one that has fewer because
    another then has more.
    """
    free, stops = kept.starts[:-1].copy(), kept.starts[1:]
    users, items = (
        (group.tile_of, group.place_of, count.copy())
        for group, count in zip(blocks[:2], counts, strict=True)
    )
    first = 0
    for chunk in given.chunks():
        at = _put(kept[:3], chunk, free, stops, users, items, per_row)
        if at >= 0:
            raise changed(first + int(at))
        first += len(chunk[0])
    if first != len(kept.users) or kept.starts[-1] != first:
        raise changed(first)


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
def _put(kept, chunk, free, stops, users, items, per_row):
    """Copy ratings to the next free place of their tiles, under their rows' new numbers.

    Return the position of the first whose tile is full, or whose row has had all that were counted
    (`left`); or -1.
    """
    tile_of_user, place_of_user, left_of_user = users
    tile_of_item, place_of_item, left_of_item = items
    for n in range(chunk[0].size):
        u, i = chunk[0][n], chunk[1][n]
        tile = tile_of_user[u] * per_row + tile_of_item[i]
        to = free[tile]
        left_of_user[u] -= 1
        left_of_item[i] -= 1
        if to >= stops[tile] or left_of_user[u] < 0 or left_of_item[i] < 0:
            return n
        free[tile] = to + 1
        kept[0][to], kept[1][to], kept[2][to] = place_of_user[u], place_of_item[i], chunk[2][n]
    return -1

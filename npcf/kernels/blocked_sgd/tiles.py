"""Which ratings are trained together: strata for threads, tiles for the cache.

Cut the users into `parts` groups and the items too: parts x parts blocks of ratings.  Two blocks
with no group in common share no row, so threads may train them at the same time, and the result is
the same as one after the other, to the bit.  A *stratum* is `parts` such blocks, a generalised
diagonal: block (b, (b + s) mod parts) for b = 0 .. parts - 1.  `parts` strata make an epoch.

            items
    users   0 1 2 3          the numbers are strata
            3 0 1 2
            2 3 0 1
            1 2 3 0

Inside a block the groups are cut once more, into *tiles* whose rows fit into the cache together.
Ratings lie in memory tile by tile, in random order inside a tile.  Each epoch takes the tiles in a
new random order, and the *segments* of a tile, some hundred ratings each, in a new one too: to move
single ratings each time would cost a third of the training itself.

Where there is more than one block, the ratings of a few neighbouring users, whose rows take CLOSE
bytes, stand together in random order: their rows stay in the innermost cache.  Were it one user
at a time, each rating would have to wait for the last, whose row it reads.

Groups are random, and cut so that each has about the same number of ratings.  Rows are numbered
anew: by tile, and in a tile from the row with most ratings to the one with least, so that the rows
in use lie together.

The order of an epoch is drawn anew for each, from a generator of its own for each block: it does
not matter who trains which block, or when.

How many there are of either depends on the ratings and the tables alone, not on the threads.

Source: Gemulla et al. 2011 (strata); Chin et al. 2015 (blocks for the cache).
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32]
Counts = NDArray[np.int64]
SEGMENT = 512  # ratings
CLOSE = 2**12  # bytes of user rows that are trained on at a time
CACHED = 2**20  # bytes of rows that a tile of one side may have
PARTS = ((10_000_000, 8), (200_000, 4), (0, 1))  # from how many ratings on, how many groups


class Groups(NamedTuple):
    """One side, users or items, cut and numbered anew."""

    tile_of: Ints  # (N,) the tile of each row
    place_of: Ints  # (N,) the new number of each row
    row_at: Ints  # (N,) the row at each new number


class Blocks(NamedTuple):
    """How an epoch is cut: `parts` groups a side, and for each side the tiles in a group."""

    users: Groups
    items: Groups
    parts: int
    user_tiles: int
    item_tiles: int

    @property
    def n_tiles(self) -> int:
        """Tiles in all."""
        return self.parts**2 * self.user_tiles * self.item_tiles

    def tile(self, user_tile: Any, item_tile: Any) -> Any:
        """Return the number of a tile, or of many, by the tiles of its users and of its items."""
        return user_tile * self.parts * self.item_tiles + item_tile

    @classmethod
    def cut(
        cls,
        user_counts: Counts,
        item_counts: Counts,
        row_bytes: int,
        seed: int,
    ) -> "Blocks":
        """Return the blocks for rows with so many ratings each, and of so many bytes."""
        n = int(user_counts.sum())
        parts = next(parts for least, parts in PARTS if n >= least)
        rng = np.random.default_rng(seed)
        tiles = [
            max(1, round(len(counts) * row_bytes / parts / CACHED))
            for counts in (user_counts, item_counts)
        ]
        users, items = (
            _groups(counts, parts * each, rng)
            for counts, each in zip((user_counts, item_counts), tiles, strict=True)
        )
        return cls(users, items, parts, *tiles)


def _groups(counts: Counts, n_tiles: int, rng: np.random.Generator) -> Groups:
    order = rng.permutation(len(counts))
    middle = np.cumsum(counts[order]) - counts[order] / 2
    tile_of = np.empty(len(counts), np.int32)
    tile_of[order] = np.minimum(middle * n_tiles / max(counts.sum(), 1), n_tiles - 1)
    row_at = np.lexsort((-counts, tile_of)).astype(np.int32)
    place_of = np.empty(len(counts), np.int32)
    place_of[row_at] = np.arange(len(counts), dtype=np.int32)
    return Groups(tile_of, place_of, row_at)


def strata_of(parts: int, seed: int, number: int) -> Iterator[list[tuple[int, int]]]:
    """Go through the strata of epoch `number`, each a list of blocks (users' group, items')."""
    for stratum in np.random.default_rng((seed, number)).permutation(parts).tolist():
        yield [(b, (b + stratum) % parts) for b in range(parts)]


def segments_of(
    starts: Any, blocks: Blocks, seed: int, number: int, b: int, c: int
) -> NDArray[np.int64]:
    """Return where the segments of block (b, c) begin and end (n, 2), in the order of the epoch."""
    rng = np.random.default_rng((seed, number, b, c))
    found = [np.empty((0, 2), np.int64)]
    for user_tile in rng.permutation(blocks.user_tiles).tolist():
        for item_tile in rng.permutation(blocks.item_tiles).tolist():
            tile = blocks.tile(b * blocks.user_tiles + user_tile, c * blocks.item_tiles + item_tile)
            start, stop = starts[tile : tile + 2].tolist()
            firsts = rng.permutation(np.arange(start, stop, SEGMENT))
            found.append(np.stack([firsts, np.minimum(firsts + SEGMENT, stop)], axis=1))
    return np.concatenate(found)

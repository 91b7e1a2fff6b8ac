"""The order of an epoch: drawn anew for each, whoever trains which part of it.

Everything that is random about a block comes from a generator of its own.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npcf.kernels.per_rating.blocks import Blocks
from npcf.kernels.per_rating.sweep import SEGMENT


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

"""Ratings on the disk, one set of files a group of users, which a worker maps into its memory.

    blocks.safetensors                    tiles, numbering of rows, counts; written last
    users-0003.npy, items-0003.npy, rating-0003.npy

They are one machine's ratings in one machine's order (`kernels.blocked_sgd.stored`), cut at the
groups of users.  Rows are numbered from the first of their own group on, because a worker has no
other rows.  Files are read without running anything that stands in them, and checked before
compiled code sees them: a row outside its table would be foreign memory.
"""

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from npcf.errors import DataError, SettingError, require_count, require_number, require_path
from npcf.files import move_into_place
from npcf.kernels.blocked_sgd.given import CHUNK, Given, give_back
from npcf.kernels.blocked_sgd.row_step import LANE
from npcf.kernels.blocked_sgd.sgd_loop import Side
from npcf.kernels.blocked_sgd.stored import Stored, stored
from npcf.kernels.blocked_sgd.tables import Tables
from npcf.kernels.blocked_sgd.tiles import Blocks, Groups
from npcf.training import safetensors_io
from npcf.training.entries import entry, require_keys

FORMAT, VERSION = "npcf blocks", 1
INDEX = "blocks.safetensors"
COLUMNS = (("users", np.dtype("<i4")), ("items", np.dtype("<i4")), ("rating", np.dtype("<f4")))
NUMBERS = ("parts", "user_tiles", "item_tiles", "n_factors", "seed")
SIDES = ("user", "item")
ARRAYS = tuple(f"{side}_{what}" for side in SIDES for what in ("tile_of", "place_of", "counts"))


class Layout(NamedTuple):
    """How ratings are cut, as far as whoever trains them must know."""

    blocks: Blocks  # without the numbering of rows
    n_factors: int
    seed: int
    starts: NDArray[np.int64]  # (tiles + 1,)
    bounds: tuple[NDArray[np.int64], NDArray[np.int64]]  # (parts + 1,) of users' rows, of items'

    @property
    def lanes(self) -> tuple[int, ...]:
        """As many zeros as a row has lanes."""
        return lanes_of(self.n_factors)

    def rows(self, side: int, n: int) -> slice:
        """Return where the rows of a group are, users' for side 0, in the whole table."""
        return slice(*self.bounds[side][n : n + 2].tolist())

    def ratings(self, b: int) -> slice:
        """Return where the ratings of a group of users are."""
        tiles = self.blocks.tile(np.array([b, b + 1]) * self.blocks.user_tiles, 0)
        return slice(*self.starts[tiles].tolist())


class BlockFiles(NamedTuple):
    """A folder of blocks, and what its index says."""

    folder: Path
    layout: Layout
    groups: dict[str, Groups]
    counts: tuple[NDArray[np.int64], NDArray[np.int64]]
    mean_rating: float
    digest: str  # of the ratings and their order

    @property
    def n_users(self) -> int:
        """Rows of users."""
        return len(self.counts[0])

    @property
    def n_items(self) -> int:
        """Rows of items."""
        return len(self.counts[1])


class SpreadTables(Tables):
    """Tables of ratings that lie in block files: on the client, where a fit begins and ends."""

    def __init__(self, files: BlockFiles):
        layout = files.layout
        super().__init__(files.groups, layout.n_factors, layout.lanes, layout.blocks.parts)
        self.counts, self.mean_rating = files.counts, files.mean_rating

    def part(self, layout: Layout, side: int, n: int) -> Side:
        """Return views of the rows of one group."""
        here = layout.rows(side, n)
        return Side(*(table[here] for table in self.sides[side]))


def lanes_of(n_factors: int) -> tuple[int, ...]:
    """Return as many zeros as a row of so many factors has lanes."""
    return (0,) * max(1, -(-n_factors // LANE))


def write_blocks(folder: Path, given: Given, n_factors: int, seed: int) -> BlockFiles:
    """Put ratings in order, as one machine does, and write them into an existing folder."""
    ratings, blocks, counts = stored(given, 4 * LANE * len(lanes_of(n_factors)), seed)
    mean = float(ratings.rating.mean(dtype=np.float64))
    layout = _layout(blocks, n_factors, seed, ratings.starts)
    digest = hashlib.sha256(f"{FORMAT} {VERSION} {n_factors} {seed}".encode())
    for array in ratings:
        digest.update(array.data)
    for b in range(blocks.parts):
        for (name, _), column in zip(COLUMNS, _local(ratings, layout, b), strict=True):
            fresh = folder / f".{name}-{b:04}.npy"  # a worker may have the old file mapped
            np.save(fresh, column)
            move_into_place(fresh, _file(folder, name, b))
    numbers = (blocks.parts, blocks.user_tiles, blocks.item_tiles, n_factors, seed)
    text = {"format": FORMAT, "version": VERSION, "mean_rating": mean,
            "digest": digest.hexdigest()} | dict(zip(NUMBERS, numbers, strict=True))  # fmt: skip
    arrays: safetensors_io.Arrays = {"starts": ratings.starts}
    for side, group, count in zip(SIDES, blocks[:2], counts, strict=True):
        arrays |= {f"{side}_tile_of": group.tile_of, f"{side}_place_of": group.place_of,
                   f"{side}_counts": count}  # fmt: skip
    safetensors_io.write(folder / INDEX, text, arrays)
    return open_blocks(folder)


def open_blocks(path: Any) -> BlockFiles:
    """Return what the index of a folder of blocks says, or raise DataError."""
    folder = Path(require_path("ratings", path))
    text, arrays = safetensors_io.read(folder / INDEX)
    with entry(folder / INDEX, "blocks"):
        require_keys(text, ("format", "version", "mean_rating", "digest", *NUMBERS))
        require_keys(arrays, ("starts", *ARRAYS))
        if (text["format"], text["version"]) != (FORMAT, VERSION):
            raise ValueError(f"is {text['format']!r} of version {text['version']!r}")
        parts, user_tiles, item_tiles, n_factors, seed = (
            require_count(name, text[name], int(name not in ("seed", "n_factors")), np.inf)
            for name in NUMBERS
        )
        groups = {side: _groups(side, arrays) for side in SIDES}
        blocks = Blocks(groups["user"], groups["item"], parts, user_tiles, item_tiles)
        starts = arrays["starts"]
        if starts.shape != (blocks.n_tiles + 1,) or starts.dtype != np.int64:
            raise ValueError(f"starts are {starts.dtype} {starts.shape}")
        if starts[0] or (np.diff(starts) < 0).any():
            raise ValueError("starts do not rise from 0")
        counts = arrays["user_counts"], arrays["item_counts"]
        mean = require_number("mean_rating", text["mean_rating"], -np.inf)
        layout = _layout(blocks, n_factors, seed, starts)
    return BlockFiles(folder, layout, groups, counts, mean, str(text["digest"]))


def require_cut_for(files: BlockFiles, n_factors: int, seed: int) -> None:
    """Raise unless the blocks are those of ratings with these settings."""
    for name, wanted, found in (
        ("n_factors", n_factors, files.layout.n_factors), ("seed", seed, files.layout.seed),
    ):  # fmt: skip
        if wanted != found:
            problem = f"is {wanted}, and the blocks in {files.folder} were cut for {found}"
            raise SettingError(name, problem, f"Pass {name}={found}.")


def mapped_group(folder: Path, layout: Layout, b: int) -> tuple[Any, Any, Any]:
    """Return the ratings of a group of users, mapped; raise DataError unless they fit its rows."""
    here, found = layout.ratings(b), []
    for name, dtype in COLUMNS:
        path = _file(folder, name, b)
        try:
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise DataError("ratings", f"{path} cannot be read ({error})", WRITE_ANEW) from None
        if array.shape != (here.stop - here.start,) or array.dtype != dtype:
            problem = f"{path} holds {array.dtype} {array.shape}"
            raise DataError("ratings", problem, WRITE_ANEW)
        found.append(array)
    _check_rows(layout, b, *found[:2])
    return found[0], found[1], found[2]


WRITE_ANEW = "Write the blocks anew."


def _check_rows(layout: Layout, b: int, users: Any, items: Any) -> None:
    """Raise unless users' rows lie in their group, and items' rows in that of their tile."""
    blocks, base = layout.blocks, layout.ratings(b).start
    users_end = layout.rows(0, b)
    limits = [(users, 0, len(users), users_end.stop - users_end.start)]
    for tile in range(b * blocks.user_tiles, (b + 1) * blocks.user_tiles):
        for c in range(blocks.parts):
            first = blocks.tile(tile, c * blocks.item_tiles)
            start, stop = (layout.starts[[first, first + blocks.item_tiles]] - base).tolist()
            rows = layout.rows(1, c)
            limits.append((items, start, stop, rows.stop - rows.start))
    for array, start, stop, n_rows in limits:
        for first in range(start, stop, CHUNK):
            rows = array[first : min(first + CHUNK, stop)]
            if rows.min() < 0 or rows.max() >= n_rows:
                problem = f"{array.filename} has rows outside their group"
                raise DataError("ratings", problem, WRITE_ANEW)
        give_back(array)


def _layout(blocks: Blocks, n_factors: int, seed: int, starts: Any) -> Layout:
    none = Groups(*(np.empty(0, np.int32) for _ in Groups._fields))
    bounds = tuple(
        np.searchsorted(group.tile_of[group.row_at], np.arange(blocks.parts + 1) * tiles)
        for group, tiles in zip(blocks[:2], blocks[3:], strict=True)
    )
    bare = blocks._replace(users=none, items=none)
    return Layout(bare, n_factors, seed, np.array(starts), (bounds[0], bounds[1]))


def _groups(side: str, arrays: safetensors_io.Arrays) -> Groups:
    """Return one side's numbering, checked: places are a permutation, tiles rise along it."""
    tile_of, place_of, counts = (arrays[f"{side}_{what}"] for what in
                                 ("tile_of", "place_of", "counts"))  # fmt: skip
    n = len(counts)
    for array, dtype in ((tile_of, np.int32), (place_of, np.int32), (counts, np.int64)):
        if array.shape != (n,) or array.dtype != dtype:
            raise ValueError(f"{side}: {array.dtype} {array.shape} for {n} rows")
    row_at = np.argsort(place_of, kind="stable").astype(np.int32)
    if (place_of[row_at] != np.arange(n)).any() or (np.diff(tile_of[row_at]) < 0).any():
        raise ValueError(f"{side}: rows are not numbered by tile")
    return Groups(tile_of, place_of, row_at)


def _local(ratings: Stored, layout: Layout, b: int) -> tuple[Any, Any, Any]:
    """Return the columns of a group of users, rows numbered from the first of their group on."""
    here, bounds = layout.ratings(b), layout.bounds[1]
    items = ratings.items[here]
    first = bounds[np.searchsorted(bounds, items, "right") - 1]
    users = ratings.users[here] - np.int32(layout.rows(0, b).start)
    return users, (items - first).astype(np.int32), ratings.rating[here]


def _file(folder: Path, name: str, b: int) -> Path:
    return folder / f"{name}-{b:04}.npy"

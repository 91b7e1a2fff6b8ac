"""Planted ratings with MovieLens-20M's shape: 138,493 users, 26,744 items, 20 million ratings.

A few users and items have most of the ratings, as in the real data.  A rating is
3.5 + b_u + c_i + p_u . q_i and noise, to half stars.  Drawn CHUNK at a time into three files, the
last twentieth of which is held out; made once for each size and kept in the temporary folder.
"""

import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from npcf.training import RatingArrays

N_USERS, N_ITEMS, RATINGS = 138_493, 26_744, 20_000_000
CHUNK, TRUE_FACTORS, VERSION = 1_000_000, 8, 1
COLUMNS = {"users": np.int32, "items": np.int32, "rating": np.float32}


class Shape(NamedTuple):
    """How large."""

    n_users: int = N_USERS
    n_items: int = N_ITEMS
    n: int = RATINGS

    @property
    def n_train(self) -> int:
        """Ratings to train on; the rest is held out."""
        return self.n - self.n // 20


SMALL = Shape(3000, 800, 60_000)


def planted_files(shape: Shape) -> dict[str, Path]:
    """Return the files of users, items and ratings, made if they are not there."""
    folder = Path(tempfile.gettempdir()) / "npcf-bench"
    folder.mkdir(exist_ok=True)
    paths = {
        name: folder / f"v{VERSION}-{shape.n_users}-{shape.n_items}-{shape.n}-{name}.npy"
        for name in COLUMNS
    }
    if not all(path.exists() for path in paths.values()):
        _draw(shape, paths)
    return paths


def loaded(shape: Shape, mapped: bool = False) -> tuple[RatingArrays, RatingArrays]:
    """Return the ratings to train on and those held out, in memory or mapped from their files."""
    columns = [np.load(path, mmap_mode="r" if mapped else None)
               for path in planted_files(shape).values()]  # fmt: skip
    train = RatingArrays(*(c[: shape.n_train] for c in columns), shape.n_users, shape.n_items)
    held_out = [np.asarray(c[shape.n_train :]) for c in columns]
    return train, RatingArrays(*held_out, shape.n_users, shape.n_items)


def _draw(shape: Shape, paths: dict[str, Path]) -> None:
    rng = np.random.default_rng(shape.n)
    drawing = [path.with_suffix(".part") for path in paths.values()]
    files = [
        np.lib.format.open_memmap(path, "w+", dtype, (shape.n,))
        for path, dtype in zip(drawing, COLUMNS.values(), strict=True)
    ]
    sides = [_Side(rng, n, power) for n, power in ((shape.n_users, 0.6), (shape.n_items, 0.9))]
    for first in range(0, shape.n, CHUNK):
        here = slice(first, min(first + CHUNK, shape.n))
        users, items = (side.draw(here.stop - here.start) for side in sides)
        z = 3.5 + sides[0].bias[users] + sides[1].bias[items]
        z += (sides[0].factors[users] * sides[1].factors[items]).sum(axis=1)
        z += rng.normal(0, 0.8, len(z)).astype(np.float32)
        files[0][here], files[1][here] = users, items
        files[2][here] = np.clip(np.rint(2 * z) / 2, 0.5, 5)
    del files
    for made, path in zip(drawing, paths.values(), strict=True):
        made.replace(path)


class _Side:
    """Users or items: how often each is rated, and what it is truly like."""

    def __init__(self, rng: np.random.Generator, n: int, power: float):
        weight = rng.permutation(1.0 / np.arange(20, n + 20) ** power)
        self.rng, self.cumulated = rng, np.cumsum(weight / weight.sum())
        self.bias = rng.normal(0, 0.35, n).astype(np.float32)
        self.factors = rng.normal(0, 0.42, (n, TRUE_FACTORS)).astype(np.float32)

    def draw(self, n: int) -> NDArray[np.int64]:
        """Return `n` rows."""
        rows = np.searchsorted(self.cumulated, self.rng.random(n))
        return np.minimum(rows, len(self.bias) - 1)

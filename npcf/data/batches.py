"""Mini-batches: every rating once an epoch, or, as fastai's loader does, drawn with replacement."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from npcf._renamed import renamed_arguments, warn
from npcf.data.ratings import Ratings
from npcf.data.validate import require_ratings
from npcf.errors import (
    ShapeError,
    as_array,
    require_choice,
    require_count,
    require_flag,
    require_ids,
    require_members,
    require_real,
    require_rng,
    spell_checked,
)


class Batch(NamedTuple):
    """One mini-batch."""

    users: NDArray[np.int32]  # (B,)
    items: NDArray[np.int32]  # (B,)
    rating: NDArray[np.float32]  # (B,)

    @property
    def x(self) -> NDArray[np.int64]:
        """The ids as fastai's loaders give them, (B, 2): user row, item row."""
        return np.stack([self.users, self.items], axis=1, dtype=np.int64)

    @property
    def y(self) -> NDArray[np.float32]:
        """The ratings as fastai's loaders give them, (B, 1)."""
        return self.rating[:, None]


def require_batch(batch: Any) -> Batch:
    """Return ids and ratings of `batch` as arrays (B,), or raise."""
    cure = "Pass npcf.data.Batch(users, items, rating), three arrays (B,)."
    require_members("batch", batch, Batch._fields, cure)
    users, items = as_array("users", batch.users), as_array("items", batch.items)
    rating = require_real("rating", batch.rating)
    for name, ids in (("users", users), ("items", items)):
        require_ids(name, ids, np.iinfo(np.int64).max)
        if ids.ndim != 1 or ids.shape != users.shape:
            problem = f"shape {ids.shape} is not (B,), or not that of users {users.shape}"
            raise ShapeError(name, problem, cure)
    return Batch(users, items, rating)


class Epoch(NamedTuple):
    """All ratings of one epoch, in its order; batch b is starts[b] : starts[b + 1]."""

    users: NDArray[np.int32]  # (n,)
    items: NDArray[np.int32]  # (n,)
    rating: NDArray[np.float32]  # (n,)
    starts: NDArray[np.int64]  # (number of batches + 1,)

    def batch(self, b: int) -> Batch:
        """Return one batch, views of the epoch's arrays."""
        rows = slice(self.starts[b], self.starts[b + 1])
        return Batch(self.users[rows], self.items[rows], self.rating[rows])


CHECKS: dict[str, Callable[[str, Any], Any]] = {  # of the settings of `Batches`, also set later
    "ratings": require_ratings,
    "batch_size": require_count,
    "sampling": partial(require_choice, choices=("permutation", "replacement")),
    "drop_last": require_flag,
    "rng": require_rng,
}


class Batches:
    """The mini-batches of one epoch at each iteration, drawn from `rng`.

    Parameters
    ----------
    sampling : "permutation": shuffled anew each epoch, every rating exactly once.  "replacement":
        n draws of n ratings, so an epoch misses about 1/e = 37 % of them and repeats others.  This
        is what fastai 2.8's collaborative-filtering loader does (its `TabWeightedDL` is
        `np.random.choice(n, n)`), and where its higher validation loss comes from.
    drop_last : leave out the last batch if it is smaller than `batch_size`, as fastai does.
    """

    @renamed_arguments(bs="batch_size")
    @spell_checked
    def __init__(
        self,
        ratings: Ratings,
        batch_size: int = 64,
        sampling: str = "permutation",
        *,
        drop_last: bool = False,
        rng: np.random.Generator | None = None,
    ):
        self.ratings: Any = ratings
        self.batch_size, self.sampling, self.drop_last = batch_size, sampling, drop_last
        self.rng: Any = rng

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, CHECKS[name](name, value) if name in CHECKS else value)

    def __len__(self) -> int:
        n = len(self.ratings)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        epoch = self.epoch()
        return (epoch.batch(b) for b in range(len(self)))

    def epoch(self) -> Epoch:
        """Draw the next epoch's order, and return all of its batches at once."""
        n, rated = len(self.ratings), self.ratings
        rated.require_whole()
        permute = self.sampling == "permutation"
        order = self.rng.permutation(n) if permute else self.rng.integers(0, n, n)
        starts = np.minimum(np.arange(len(self) + 1) * self.batch_size, n)
        return Epoch(rated.users[order], rated.items[order], rated.rating[order], starts)

    @property
    def bs(self) -> int:
        """The old name of `batch_size`."""
        warn("Batches.bs", "Batches.batch_size", stacklevel=3)
        return self.batch_size

"""Training and validation ratings with the way to batch them, under fastai's name."""

from typing import Any

import numpy as np

from npcf.data.batches import Batch, Batches
from npcf.data.ratings import Ratings
from npcf.data.split import split_indices
from npcf.errors import DataError


class CollabDataLoaders:
    """`train`: Batches; `valid`: Ratings; `classes`: the labels of each table's rows.

    Source: fastai `CollabDataLoaders`, whose training loader samples with replacement and drops
    the last batch: `sampling="replacement", drop_last=True`.  The default here sees every rating.
    """

    def __init__(
        self,
        train: Ratings,
        valid: Ratings,
        bs: int = 64,
        sampling: str = "permutation",
        *,
        drop_last: bool = False,
        rng: np.random.Generator,
    ):
        for name, ratings in (("train", train), ("valid", valid)):
            if not len(ratings):
                raise DataError(name, "has no ratings", "Change valid_pct or give more ratings.")
        self.train = Batches(train, bs, sampling, drop_last=drop_last, rng=rng)
        if not len(self.train):
            raise DataError("train", f"has fewer than bs = {bs} ratings", "Lower bs.")
        self.valid = valid

    @classmethod
    def from_ratings(
        cls, ratings: Ratings, valid_pct: float = 0.2, split_seed: int = 42, **options: Any
    ) -> "CollabDataLoaders":
        """Split `ratings` as fastai splits them for `split_seed`, and load both parts."""
        train, valid = split_indices(len(ratings), valid_pct, split_seed)
        return cls(ratings.take(train), ratings.take(valid), **options)

    @property
    def classes(self) -> dict[str, list[Any]]:
        """The label of each row, `#na#` first, under the names of the two id columns."""
        user, item, _ = self.valid.columns
        return {user: self.valid.user_vocab.labels, item: self.valid.item_vocab.labels}

    @property
    def n_users(self) -> int:
        """Rows of a user table."""
        return self.valid.n_users

    @property
    def n_items(self) -> int:
        """Rows of an item table."""
        return self.valid.n_items

    def one_batch(self) -> Batch:
        """Return the first batch of a fresh epoch."""
        return next(iter(self.train))

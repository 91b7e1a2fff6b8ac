"""Training and validation ratings, and the training batches, under fastai's names."""

import logging
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from npcf import _notebook
from npcf.data.batches import Batch, Batches
from npcf.data.csv import Reader, Source
from npcf.data.frames import require_frame
from npcf.data.ratings import Ratings
from npcf.data.spelling import Spelling
from npcf.data.splits import split_indices
from npcf.data.validate import require_ratings
from npcf.data.vocabulary import NA, Labels, Vocabulary
from npcf.errors import (
    DataError,
    require_choice,
    require_count,
    require_members,
    require_rng,
    spell_checked,
)

log = logging.getLogger("npcf.data")


class CollabDataLoaders:
    """`train`: Batches; `valid`: Ratings; `classes`: the labels of each table's rows.

    Source: fastai `CollabDataLoaders`, whose training loader samples with replacement and drops the
    last batch: `sampling="replacement", drop_last=True`.  The default here sees every rating.

    Parameters
    ----------
    bs : ratings a batch.
    rng : draws the batches, and must be given: the same generator, the same batches.

    `n_unseen_users`, `n_unseen_items` count the validation ratings whose user or item is not in the
    vocabulary and which have row 0 instead (`vocabulary="train"`).
    """

    n_unseen_users = 0
    n_unseen_items = 0

    @spell_checked
    def __init__(
        self,
        train: Ratings,
        valid: Ratings,
        bs: int = 64,
        sampling: str = "permutation",
        *,
        drop_last: bool = False,
        rng: np.random.Generator | None = None,
    ):
        rng, bs = require_rng("rng", rng), require_count("bs", bs)
        for name, ratings in (("train", train), ("valid", valid)):
            require_ratings(name, ratings)
            if not len(ratings):
                raise DataError(name, "has no ratings", "Change valid_pct or give more ratings.")
        valid.require_rows_of(train)
        self.train = Batches(train, bs, sampling, drop_last=drop_last, rng=rng)
        if not len(self.train):
            raise DataError("train", f"has fewer than bs = {bs} ratings", "Lower bs.")
        self.valid = valid

    @classmethod
    def from_ratings(
        cls, ratings: Ratings, valid_pct: float = 0.2, split_seed: int = 42, **options: Any
    ) -> "CollabDataLoaders":
        """Split `ratings` as fastai splits them for `split_seed`, and load both parts."""
        require_ratings("ratings", ratings)
        train, valid = split_indices(len(ratings), valid_pct, split_seed)
        return cls(ratings.take(train), ratings.take(valid), **options)

    @classmethod
    @spell_checked
    def from_df(
        cls,
        ratings: pd.DataFrame,
        valid_pct: float = 0.2,
        user_name: str | None = None,
        item_name: str | None = None,
        rating_name: str | None = None,
        seed: int | None = None,
        bs: int = 64,
        sampling: str = "permutation",
        drop_last: bool = False,
        vocabulary: str = "all",
        rng: np.random.Generator | None = None,
    ) -> "CollabDataLoaders":
        """Load a DataFrame as fastai does: columns not named are the first, second and third.

        `seed` is fastai's seed of the split, and seeds the batches unless `rng` is given; without
        either, both differ from run to run.  vocabulary="all": every id of the frame has a row.
        vocabulary="train": only those seen in training; in the validation set the others become
        row 0, and it is counted and logged how often.
        """
        require_frame("ratings", ratings)
        given = (user_name, item_name, rating_name)
        if any(name is None for name in given) and len(ratings.columns) < 3:
            problem = f"has {len(ratings.columns)} column(s), not user, item and rating"
            raise DataError("ratings", problem, "Give at least three.")
        names = (ratings.columns[i] if name is None else name for i, name in enumerate(given))
        user, item, rating = names
        loaded = Ratings.from_frame(ratings, user, item, rating)
        options = {"bs": bs, "sampling": sampling, "drop_last": drop_last}
        return cls._split(loaded, valid_pct, seed, vocabulary, rng, options)

    @classmethod
    @spell_checked
    def from_csv(
        cls,
        csv: Source,
        valid_pct: float = 0.2,
        user_name: str | None = None,
        item_name: str | None = None,
        rating_name: str | None = None,
        seed: int | None = None,
        bs: int = 64,
        sampling: str = "permutation",
        drop_last: bool = False,
        vocabulary: str = "all",
        rng: np.random.Generator | None = None,
        *,
        ids: str = "auto",
        separator: str | None = None,
        quoting: str = "auto",
        encoding: str = "utf-8",
        not_rated: Any = (),
        matrix: bool = False,
    ) -> "CollabDataLoaders":
        """Load a delimited file, read as by `read_csv`, whose options follow; else as `from_df`.

        Columns that are not named are the first, second and third.
        """
        reader = Reader(
            user_name, item_name, rating_name, ids, separator, quoting, encoding, not_rated, matrix,
            by_position=True, spelling=Spelling(suffix="_name"),
        )  # fmt: skip
        options = {"bs": bs, "sampling": sampling, "drop_last": drop_last}
        return cls._split(reader.read(csv), valid_pct, seed, vocabulary, rng, options)

    @classmethod
    def _split(
        cls,
        ratings: Ratings,
        valid_pct: float,
        seed: int | None,
        vocabulary: str,
        rng: np.random.Generator | None,
        options: dict[str, Any],
    ) -> "CollabDataLoaders":
        require_choice("vocabulary", vocabulary, ("all", "train"))
        seed = None if seed is None else require_count("seed", seed, 0, np.inf)
        rng = np.random.default_rng(seed) if rng is None else require_rng("rng", rng)
        split_seed = int(rng.integers(2**32)) if seed is None else seed
        train, valid = split_indices(len(ratings), valid_pct, split_seed)
        if vocabulary == "train":
            ratings = _know_only(ratings, train)
        dls = cls(ratings.take(train), ratings.take(valid), **options, rng=rng)
        if vocabulary == "train":
            dls.n_unseen_users = int(np.count_nonzero(dls.valid.users == 0))
            dls.n_unseen_items = int(np.count_nonzero(dls.valid.items == 0))
            log.info(
                "of %d validation ratings, %d name a user and %d an item not seen in training: "
                "row 0 (%s)", len(valid), dls.n_unseen_users, dls.n_unseen_items, NA,
            )  # fmt: skip
        return dls

    @property
    def classes(self) -> dict[str, Labels]:
        """The label of each row, `#na#` first, under the names of the two id columns.

        `dls.classes["title"][row]` is a label, `dls.classes["title"].o2i[label]` its row.
        """
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

    def first_batch(self) -> Batch:
        """Return the first batch of a fresh epoch."""
        return next(iter(self.train))

    def one_batch(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return (xb, yb) as fastai does: ids (B, 2) and ratings (B, 1) of a first batch."""
        batch = self.first_batch()
        return batch.x, batch.y

    def show_batch(self, max_n: int = 10) -> None:
        """Show `max_n` ratings of a first batch with their ids and titles, as fastai does.

        A table in a notebook, printed elsewhere.  The generator of batches is left as it was.
        """
        max_n, rng = require_count("max_n", max_n), self.train.rng
        state = rng.bit_generator.state
        users, items, rating = (column[:max_n] for column in self.first_batch())
        rng.bit_generator.state = state
        first = {"users": users, "items": items, "rating": rating, "timestamps": None}
        (_notebook.display() or print)(replace(self.train.ratings, **first).head(max_n))

    def __repr__(self) -> str:
        sizes = f"{len(self.train.ratings):,} training ratings, {len(self.valid):,} to validate"
        return f"{type(self).__name__}({sizes}, bs={self.train.batch_size})"

    def _repr_html_(self) -> str:
        first: str = self.train.ratings._repr_html_()
        return _notebook.paragraph(repr(self)) + first


def require_loaders(argument: str, value: Any) -> Any:
    """Return `value` if it holds ratings to train on and to validate on, or raise."""
    made = "npcf.data.CollabDataLoaders"
    cure = f"Make them: {made}.from_df(frame, seed=0)."
    if isinstance(value, pd.DataFrame):
        cure = f"Pass {made}.from_df({argument}, seed=0)."
    elif isinstance(value, Ratings):
        cure = f"Pass {made}.from_ratings({argument}, rng=np.random.default_rng(0))."
    return require_members(argument, value, ("train", "valid"), cure)


def _know_only(ratings: Ratings, train: NDArray[np.int64]) -> Ratings:
    """Return all ratings under vocabularies of those at `train`; other ids become row 0."""
    parts: dict[str, Any] = {}
    for side in ("user", "item"):
        vocab, rows = getattr(ratings, f"{side}_vocab"), getattr(ratings, f"{side}s")
        kept = np.unique(rows[train]).astype(np.int64)
        new_row = np.zeros(len(vocab), np.int32)
        new_row[kept] = np.arange(1, len(kept) + 1)
        parts[f"{side}s"] = new_row[rows]
        parts[f"{side}_vocab"] = Vocabulary(vocab.ids[kept - vocab.first_row])
    parts["titles"] = [NA, *(ratings.titles[row] for row in kept)]  # of the items
    return replace(ratings, **parts)

"""Ratings as three columns of numbers, with the vocabularies of their ids."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from npcf import _notebook
from npcf.data.columns import plain_names
from npcf.data.frames import ratings_of, timestamps_of, titles_of, usable
from npcf.data.vocabulary import CHUNK, NA, Vocabulary
from npcf.errors import (
    DataError,
    ShapeError,
    require_count,
    require_positions,
    spell_checked,
)


class Coded(NamedTuple):
    """A column of ids as positions in the list of different ones."""

    codes: NDArray[np.int32]  # (n,)
    ids: pd.Index


class GrowingArray:
    """An array that grows at its end, by an eighth at least; there are never two copies of it."""

    def __init__(self, dtype: Any):
        self.array, self.n = np.empty(0, dtype), 0

    def add(self, values: Any) -> None:
        """Append `values`."""
        end = self.n + len(values)
        if end > len(self.array):
            self.array.resize(max(end, self.n + self.n // 8), refcheck=False)
        self.array[self.n : end] = values
        self.n = end

    def cut(self) -> NDArray[Any]:
        """Return the array, without spare room."""
        self.array.resize(self.n, refcheck=False)
        return self.array


class GrowingColumn:
    """A column of ids that grows block by block."""

    def __init__(self) -> None:
        self.ids = pd.Index([])
        self.codes = GrowingArray(np.int32)

    def add(self, block: Coded) -> None:
        """Append one block."""
        ids = self.ids if len(self.ids) else block.ids[:0]  # of its dtype
        place = ids.get_indexer(block.ids)
        fresh = place < 0
        place[fresh] = len(ids) + np.arange(np.count_nonzero(fresh))
        self.ids = ids.append(block.ids[fresh]) if fresh.any() else ids
        self.codes.add(place.astype(np.int32)[block.codes])

    def coded(self) -> Coded:
        """Return the whole column."""
        return Coded(self.codes.cut(), self.ids)


@dataclass(frozen=True)
class Ratings:
    """12 bytes a rating, 20 with timestamps; subsets made by `take` share their vocabularies."""

    users: NDArray[np.int32]  # (n,) rows
    items: NDArray[np.int32]  # (n,) rows
    rating: NDArray[np.float32]  # (n,)
    user_vocab: Vocabulary
    item_vocab: Vocabulary
    titles: list[str]  # the label of each item's row: its id where no titles were given
    columns: tuple[str, str, str]  # the names that the three columns had
    timestamps: NDArray[np.int64] | None = None  # (n,)
    n_merged_ids: int = 0  # ids whose title, taken for the item, had an id already
    n_merged_pairs: int = 0  # ratings that repeat a (user, item) pair because of it
    n_not_rated: int = 0  # lines left out because their value means "not rated"

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", plain_names(self.columns))

    @classmethod
    @spell_checked
    def from_frame(
        cls,
        frame: pd.DataFrame,
        user: str | None = None,
        item: str | None = None,
        rating: str | None = None,
        title: str | None = None,
        timestamp: str | None = None,
        order: str = "sorted",
        na_row: bool = True,
    ) -> "Ratings":
        """Build from a DataFrame; the vocabularies hold every id of the frame.

        Repeated (user, item) pairs are kept and counted (`n_duplicates`).  Ratings become float32,
        as in fastai's loaders.

        Parameters
        ----------
        user, item, rating : names of columns; None finds them by their aliases (`find_columns`).
        title : a column of labels, one for each item id.
        timestamp : a column of whole numbers.
        order, na_row : the layout of the vocabularies (`Vocabulary`).

        Raises
        ------
        DataError
            For a missing column, an empty frame, a missing or infinite value (naming the row), ids
            that are floats, or an item with two titles.
        """
        columns = user, item, rating = usable(frame, (user, item, rating), (title, timestamp))
        values = ratings_of(frame[rating])
        times = None if timestamp is None else timestamps_of(frame[timestamp])
        user_vocab, item_vocab = (Vocabulary(frame[c], order, na_row, c) for c in (user, item))
        titles = [str(label) for label in item_vocab.labels]
        if title is not None:
            titles[item_vocab.first_row :] = titles_of(frame, item, title, item_vocab.ids)
        users, items = user_vocab.rows(frame[user]), item_vocab.rows(frame[item])
        return cls(users, items, values, user_vocab, item_vocab, titles, columns, times)

    @classmethod
    def from_codes(
        cls,
        users: Coded,
        items: Coded,
        rating: NDArray[np.float32],
        columns: tuple[str, str, str],
        timestamps: NDArray[np.int64] | None = None,
        title_of: Callable[[Any], str] = str,
    ) -> "Ratings":
        """Build from coded columns that a reader has checked; their codes are overwritten."""
        user_vocab = Vocabulary(users.ids, argument=columns[0])
        item_vocab = Vocabulary(items.ids, argument=columns[1])
        for column, vocab in ((users, user_vocab), (items, item_vocab)):
            rows = vocab.rows(column.ids)
            for start in range(0, len(column.codes), CHUNK):  # in place, so no second column
                part = column.codes[start : start + CHUNK]
                part[:] = rows[part]
        titles = [NA, *map(title_of, item_vocab.ids)]
        return cls(
            users.codes, items.codes, rating, user_vocab, item_vocab, titles, columns, timestamps
        )

    def __len__(self) -> int:
        return len(self.rating)

    def __repr__(self) -> str:
        sizes = f"{len(self.user_vocab.ids):,} users, {len(self.item_vocab.ids):,} items"
        return f"{type(self).__name__}({len(self):,} ratings, {sizes})"

    def _repr_html_(self) -> str:
        return _notebook.paragraph(f"{self!r}; the first:") + _notebook.frame(self.head())

    def head(self, n: int = 5) -> pd.DataFrame:
        """Return the first `n` ratings with ids in place of rows, and titles where they differ."""
        n = require_count("n", n, 0)
        users = [self.user_vocab.label(row) for row in self.users[:n]]
        items = [self.item_vocab.label(row) for row in self.items[:n]]
        titles = [self.titles[row] for row in self.items[:n]]
        user, item, rating = self.columns
        columns: dict[str, Any] = {user: users, item: items}
        if titles != list(map(str, items)):
            columns.setdefault("title", titles)
        return pd.DataFrame(columns | {rating: self.rating[:n]})

    @property
    def n_users(self) -> int:
        """Rows of a user table: the users, and `#na#` if it has a row."""
        return len(self.user_vocab)

    @property
    def n_items(self) -> int:
        """Rows of an item table: the items, and `#na#` if it has a row."""
        return len(self.item_vocab)

    @property
    def pairs(self) -> NDArray[np.int32]:
        """The ids as models take them, (n, 2): user row, item row."""
        self.require_whole()
        return np.stack([self.users, self.items], axis=1)

    @property
    def mean_rating(self) -> float:
        """The mean of all ratings, summed in float64; NaN of no ratings is refused."""
        if not len(self):
            raise DataError("ratings", "have no mean: there are none", "Give at least one rating.")
        return float(np.mean(self.rating, dtype=np.float64))

    @property
    def n_duplicates(self) -> int:
        """How many ratings repeat an earlier (user, item) pair.

        Row `#na#` stands for all ids that the vocabulary does not hold, so it forms no pair.
        """
        rated = self if self.known.all() else self.take(self.known)
        return count_repeats(rated.users, rated.items, self.n_items)

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which ratings name a user and an item of the vocabularies, not row `#na#`, (n,)."""
        known: NDArray[np.bool_] = self.users >= self.user_vocab.first_row
        known &= self.items >= self.item_vocab.first_row
        return known

    def require_rows_of(self, other: "Ratings", argument: str = "valid") -> None:
        """Raise unless each row belongs to the same user or item as in `other`, the training."""
        for side in ("user", "item"):
            vocab: Vocabulary = getattr(self, f"{side}_vocab")
            vocab.require_rows_of(getattr(other, f"{side}_vocab"), argument, f"{side}s")

    def require_whole(self) -> None:
        """Raise ShapeError unless the columns are of one length: `resize` changes an array."""
        lengths = [len(column) for column in (self.users, self.items, self.rating)]
        if len(set(lengths)) > 1:
            problem = f"have {', '.join(map(str, lengths))} users, items and ratings"
            cure = "Leave the columns as they are: ratings.take(index)."
            raise ShapeError("ratings", problem, cure)

    def take(self, index: Any) -> "Ratings":
        """Return the ratings at the positions `index`, a mask or a slice, in that order."""
        if not isinstance(index, slice):
            index = require_positions("index", index, len(self))
        times = None if self.timestamps is None else self.timestamps[index]
        users, items, rating = self.users[index], self.items[index], self.rating[index]
        return replace(self, users=users, items=items, rating=rating, timestamps=times)


def count_repeats(users: NDArray[Any], items: NDArray[Any], n_items: int) -> int:
    """Return how many (user, item) pairs repeat an earlier one."""
    cells = users.astype(np.int64)
    cells *= n_items
    cells += items
    cells.sort()
    return int(np.count_nonzero(cells[1:] == cells[:-1]))

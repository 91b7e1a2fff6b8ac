"""Ratings as three columns of numbers, with the vocabularies that say whose they are."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_numeric_dtype

from npcf import _notebook
from npcf.data.columns import find_columns, require_columns
from npcf.data.kinds import require_frame
from npcf.data.vocabulary import CHUNK, NA, Vocabulary
from npcf.errors import DataError, spell_checked


class Coded(NamedTuple):
    """A column of ids as positions in the list of different ones."""

    codes: NDArray[np.int32]  # (n,)
    ids: pd.Index


@dataclass(frozen=True)
class Ratings:
    """One row a rating: 12 bytes, 20 with timestamps.  Subsets made by `take` share vocabularies.

    `titles[row]` labels an item's row; it is the item's id where no titles were given.
    `columns` are the names the three columns had.  Where a reader takes titles for items,
    `n_merged_ids` ids were given to a title that had one already, and `n_merged_pairs` ratings
    became repetitions of a (user, item) pair by it.  `n_not_rated` lines were left out by a reader
    that was told which values mean "not rated".
    """

    users: NDArray[np.int32]  # (n,) rows
    items: NDArray[np.int32]  # (n,) rows
    rating: NDArray[np.float32]  # (n,)
    user_vocab: Vocabulary
    item_vocab: Vocabulary
    titles: list[str]
    columns: tuple[str, str, str]
    timestamps: NDArray[np.int64] | None = None  # (n,)
    n_merged_ids: int = 0
    n_merged_pairs: int = 0
    n_not_rated: int = 0

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

        A column that is not named is found by its alias (`find_columns`).  `title` names a column
        of labels, one for each item id, `timestamp` one of whole numbers.  `order` and `na_row`
        lay out the vocabularies.  Repeated (user, item) pairs are kept and counted
        (`n_duplicates`).  Ratings become float32, as in fastai's loaders.
        Raises DataError on a missing column, an empty frame, a missing or infinite value (naming
        the row), ids that are floats, or an item with two titles.
        """
        require_frame("frame", frame)
        columns = user, item, rating = find_columns(frame, user, item, rating)
        others = tuple(name for name in (title, timestamp) if name is not None)
        require_columns(frame.columns, others)
        _judge_presence(frame, columns + others)
        _judge_ids(frame, (user, item))
        values = _judge_rating(frame[rating])
        times = None if timestamp is None else _judge_timestamp(frame[timestamp])
        user_vocab, item_vocab = (Vocabulary(frame[c], order, na_row, c) for c in (user, item))
        titles = [str(label) for label in item_vocab.labels]
        if title is not None:
            titles[item_vocab.first_row :] = _one_title_an_item(frame, item, title, item_vocab)
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
        """Build from coded columns that a reader has judged; their codes are overwritten."""
        user_vocab = Vocabulary(users.ids, argument=columns[0])
        item_vocab = Vocabulary(items.ids, argument=columns[1])
        user_rows = _recode(users.codes, user_vocab.rows(users.ids))
        item_rows = _recode(items.codes, item_vocab.rows(items.ids))
        titles = [NA, *map(title_of, item_vocab.ids)]
        return cls(
            user_rows, item_rows, rating, user_vocab, item_vocab, titles, columns, timestamps
        )

    def __len__(self) -> int:
        return len(self.rating)

    def __repr__(self) -> str:
        sizes = f"{len(self.user_vocab.ids):,} users, {len(self.item_vocab.ids):,} items"
        return f"{type(self).__name__}({len(self):,} ratings, {sizes})"

    def _repr_html_(self) -> str:
        frame = self.head()
        align = "".join("r" if is_numeric_dtype(dtype) else "l" for dtype in frame.dtypes)
        rows = frame.to_numpy(object).tolist()
        table = _notebook.table([*map(str, frame)], rows, align=align)
        return _notebook.paragraph(f"{self!r}; the first:") + table

    def head(self, n: int = 5) -> pd.DataFrame:
        """Return the first `n` ratings with ids in place of rows, and titles where they differ."""
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
        return np.stack([self.users, self.items], axis=1)

    @property
    def mean_rating(self) -> float:
        """The mean of all ratings, summed in float64; NaN of no ratings is refused."""
        if not len(self):
            raise DataError("ratings", "have no mean: there are none", "Give at least one rating.")
        return float(np.mean(self.rating, dtype=np.float64))

    @property
    def n_duplicates(self) -> int:
        """How many ratings repeat an earlier (user, item) pair; strangers are nobody's repetition.

        Row `#na#` stands for all ids that the vocabulary does not hold, so it forms no pair.
        """
        known = self.known
        if known.all():
            return count_repeats(self.users, self.items, self.n_items)
        return count_repeats(self.users[known], self.items[known], self.n_items)

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which ratings name a user and an item of the vocabularies, not row `#na#`, (n,)."""
        known: NDArray[np.bool_] = self.users >= self.user_vocab.first_row
        known &= self.items >= self.item_vocab.first_row
        return known

    def require_rows_of(self, other: "Ratings", argument: str = "valid") -> None:
        """Raise unless each row belongs to the same user or item as in `other`: how both pair up.

        The two are called `argument` and train in the message.
        """
        for side in ("user", "item"):
            mine, its = getattr(self, f"{side}_vocab"), getattr(other, f"{side}_vocab")
            if mine.equals(its):
                continue
            its.require_same_kind(mine, f"{argument}.{side}s")
            pairs = enumerate(zip_longest(mine.labels, its.labels, fillvalue="nobody"))
            different = next((pair for pair in pairs if pair[1][0] != pair[1][1]), None)
            if different is None:  # the same ids in an index of another dtype
                continue
            row, (here, there) = different
            raise DataError(
                argument,
                f"has other {side}s than the training ratings: row {row} is {here!r}, there "
                f"{there!r}",
                "Build one Ratings of both, then split it: ratings.take(index).",
                value=here,
            )

    def take(self, index: Any) -> "Ratings":
        """Return the ratings at the positions `index`, in that order."""
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


def _recode(codes: NDArray[np.int32], rows: NDArray[np.int32]) -> NDArray[np.int32]:
    """Replace each code by its row, in place: a second column would be 4 bytes a rating."""
    for start in range(0, len(codes), CHUNK):
        part = codes[start : start + CHUNK]
        part[:] = rows[part]
    return codes


def _judge_presence(frame: pd.DataFrame, columns: tuple[str, ...]) -> None:
    if frame.empty:
        raise DataError("frame", "has no rows", "Give at least one rating.")
    for name in columns:
        missing = frame[name].isna().to_numpy()
        if missing.any():
            position = int(missing.argmax())
            raise DataError(
                name,
                f"is missing in {missing.sum()} row(s), first at index "
                f"{frame.index.tolist()[position]!r}",
                "Fill or drop those rows: frame.dropna().",
                position=position,
                value=None,
            )


def _judge_timestamp(column: pd.Series) -> NDArray[np.int64]:
    if column.dtype.kind not in "iu":
        problem = f"has dtype {column.dtype}, not whole numbers"
        raise DataError(str(column.name), problem, "Use seconds since 1970 as int64.")
    return column.to_numpy(dtype=np.int64)


def _judge_ids(frame: pd.DataFrame, names: tuple[str, ...]) -> None:
    for name in names:
        if frame[name].dtype.kind in "fcb":
            raise DataError(
                name,
                f"ids have dtype {frame[name].dtype}",
                "Floats come from a column that once held NaN, and lose digits beyond 2**53; "
                "read the ids as integers or strings.",
            )


def _judge_rating(column: pd.Series) -> NDArray[np.float32]:
    if column.dtype.kind not in "iuf":
        raise DataError(
            str(column.name), f"has dtype {column.dtype}, not numbers", "Use pd.to_numeric."
        )
    values = column.to_numpy(dtype=np.float64)
    limit = float(np.finfo(np.float32).max)
    outside = ~(np.abs(values) <= limit)
    if outside.any():
        position = int(outside.argmax())
        raise DataError(
            str(column.name),
            f"{values[position]} is no finite float32",
            "Correct or drop the row.",
            position=position,
            value=float(values[position]),
        )
    return values.astype(np.float32)


def _one_title_an_item(frame: pd.DataFrame, item: str, title: str, vocab: Vocabulary) -> list[str]:
    """Return the title of each id of `vocab`, in its order."""
    labels = frame[[item, title]].drop_duplicates()
    twice = labels[item].duplicated().to_numpy()
    if twice.any():
        first = labels[item].tolist()[int(twice.argmax())]
        both = labels.loc[labels[item] == first, title].tolist()
        raise DataError(
            title, f"item {first!r} has the titles {both}", "An item has one title.", value=first
        )
    return [str(name) for name in labels.set_index(item)[title].reindex(vocab.ids)]

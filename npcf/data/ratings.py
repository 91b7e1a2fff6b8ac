"""Ratings as three columns of numbers, with the vocabularies that say whose they are."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from npcf.data.vocabulary import NA, Vocabulary
from npcf.errors import DataError


@dataclass(frozen=True)
class Ratings:
    """One row a rating: 12 bytes.  Subsets made by `take` share the vocabularies.

    `titles[row]` labels an item's row; it is the item's id where no titles were given.
    `columns` are the names the three columns had.
    """

    users: NDArray[np.int32]  # (n,) rows
    items: NDArray[np.int32]  # (n,) rows
    rating: NDArray[np.float32]  # (n,)
    user_vocab: Vocabulary
    item_vocab: Vocabulary
    titles: list[str]
    columns: tuple[str, str, str]

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        user: str = "user",
        item: str = "item",
        rating: str = "rating",
        title: str | None = None,
    ) -> "Ratings":
        """Build from a DataFrame; the vocabularies hold every id of the frame.

        `title` names a column of labels, one for each item id.  Repeated (user, item) pairs are
        kept and counted (`n_duplicates`).  Ratings become float32, as in fastai's loaders.
        Raises DataError on a missing column, an empty frame, a missing or infinite value (naming
        the row), ids that are floats, or an item with two titles.
        """
        columns = (user, item, rating) if title is None else (user, item, rating, title)
        _judge_columns(frame, columns)
        _judge_ids(frame, (user, item))
        values = _judge_rating(frame[rating])
        user_vocab, item_vocab = Vocabulary(frame[user]), Vocabulary(frame[item])
        titles = [str(label) for label in item_vocab.labels]
        if title is not None:
            titles = [NA, *_one_title_an_item(frame, item, title, item_vocab)]
        users, items = user_vocab.rows(frame[user]), item_vocab.rows(frame[item])
        return cls(users, items, values, user_vocab, item_vocab, titles, (user, item, rating))

    def __len__(self) -> int:
        return len(self.rating)

    @property
    def n_users(self) -> int:
        """Rows of a user table: the users and `#na#`."""
        return len(self.user_vocab)

    @property
    def n_items(self) -> int:
        """Rows of an item table: the items and `#na#`."""
        return len(self.item_vocab)

    @property
    def pairs(self) -> NDArray[np.int32]:
        """The ids as models take them, (n, 2): user row, item row."""
        return np.stack([self.users, self.items], axis=1)

    @property
    def n_duplicates(self) -> int:
        """How many ratings repeat an earlier (user, item) pair."""
        cells = self.users.astype(np.int64) * self.n_items + self.items
        return len(cells) - len(np.unique(cells))

    def take(self, index: Any) -> "Ratings":
        """Return the ratings at the positions `index`, in that order."""
        return replace(
            self, users=self.users[index], items=self.items[index], rating=self.rating[index]
        )


def _judge_columns(frame: pd.DataFrame, columns: tuple[str, ...]) -> None:
    for name in columns:
        if name not in frame.columns:
            raise DataError(
                "frame",
                f"has no column {name!r}; it has {', '.join(map(repr, frame.columns))}",
                "Name the columns: Ratings.from_frame(frame, user=..., item=..., rating=...).",
            )
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

"""Ids <-> row numbers of the tables."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import Any, NoReturn

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from npcf.data.ids import (
    as_series,
    first_other,
    is_missing,
    kind_of,
    plain_index,
    quoted,
    require_one_kind,
)
from npcf.errors import (
    DataError,
    DTypeError,
    UnknownIdError,
    UsageError,
    require_choice,
    require_count,
    require_flag,
    require_ids,
    require_type,
)
from npcf.foreign import written
from npcf.suggestions import did_you_mean

NA = "#na#"
VOCABULARY = "Pass npcf.data.Vocabulary(ids), as ratings.user_vocab."
CHUNK = 2**20  # ids looked up at a time: pandas' positions take 8 bytes each
TYPES = {"whole": "int", "text": "str"}
NAMES = {"whole": "integer", "text": "string"}  # in messages


class Labels(list[Any]):
    """The labels of a table's rows, as fastai's `classes`: `labels[row]`, and `labels.o2i[label]`.

    fastai's `o2i` gives row 0 for a label that it does not know; this one raises UnknownIdError.
    """

    def __init__(self, vocabulary: "Vocabulary"):
        super().__init__([NA] * vocabulary.first_row + list(vocabulary.ids))
        self.o2i = RowOf(vocabulary)


class RowOf(Mapping[Any, int]):
    """The row of each label."""

    def __init__(self, vocabulary: "Vocabulary"):
        self._vocabulary = vocabulary

    def __getitem__(self, label: Any) -> int:
        if self._vocabulary.na_row and isinstance(label, str) and label == NA:
            return 0
        return int(self._vocabulary.rows([label], self._vocabulary.argument)[0])

    def __iter__(self) -> Iterator[Any]:
        return iter(self._vocabulary.labels)

    def __len__(self) -> int:
        return len(self._vocabulary)


class Vocabulary:
    """The ids of one column, and the row of each.

    Parameters
    ----------
    order, na_row : "sorted" and True as in fastai: row 0 is `#na#`, then the ids in order;
        "appearance" and False as in fastai 0.7: the ids as they first occur, from row 0.
    argument : what errors call the ids: the name of their column.

    Row `#na#` belongs to no id: no rating names it, so only weight decay moves it.  It makes tables
    (n + 1, K), the shape of fastai's trained models.
    """

    def __init__(
        self, ids: Iterable[Any], order: str = "sorted", na_row: bool = True, argument: Any = "ids"
    ):
        self.order = require_choice("order", order, ("sorted", "appearance"))
        self.na_row = require_flag("na_row", na_row)
        column, self.argument = as_series(ids, argument), argument
        self.kind = require_one_kind(argument, column)
        self.ids = plain_index(pd.Index(column.unique()), self.kind, sort=order == "sorted")

    def __len__(self) -> int:
        return len(self.ids) + self.first_row

    @property
    def first_row(self) -> int:
        """The row of the first id: 1 behind `#na#`, otherwise 0."""
        return int(self.na_row)

    @property
    def labels(self) -> Labels:
        """The ids by row, `#na#` first if it has a row: what fastai calls `classes`."""
        return Labels(self)

    def equals(self, other: "Vocabulary") -> bool:
        """Whether every row belongs to the same id in `other`."""
        require_type("other", other, Vocabulary, VOCABULARY)
        return self is other or (self.na_row == other.na_row and self.ids.equals(other.ids))

    def label(self, row: int) -> Any:
        """Return the id of one row; `#na#` for the row that stands for none."""
        row = int(require_ids("row", require_count("row", row, 0), len(self)))
        return self.ids[row - self.first_row] if row >= self.first_row else NA

    def rows(self, ids: Any, argument: str = "ids", unknown: str = "raise") -> NDArray[np.int32]:
        """Return the row of each of `ids`; '196' is not 196: ids keep their type.

        unknown="raise": UnknownIdError names the first unknown one; unknown="na": row 0.
        """
        require_choice("unknown", unknown, ("raise", "na"))
        ids = as_series(ids, argument)
        if unknown == "na":
            self.require_na_row()
            self.require_kind(ids, argument)
        rows = self._positions(ids)
        if unknown == "raise" and (rows < 0).any():
            first = int((rows < 0).argmax())
            value = ids.iloc[[first]].tolist()[0]  # a plain number prints as it was written
            self.refuse(value, first, argument)
        rows += self.first_row
        return rows

    def rows_or_none(self, ids: Any, argument: str = "ids") -> NDArray[np.int32]:
        """Return the row of each of `ids`, -1 where it is unknown; DTypeError for other types."""
        ids = as_series(ids, argument)
        self.require_kind(ids, argument)
        rows = self._positions(ids)
        rows[rows >= 0] += self.first_row
        return rows

    def rows_of(self, other: "Vocabulary", argument: str = "ids") -> NDArray[np.int32]:
        """Return, for each row of `other`, the row of the same id here; -1 where there is none.

        How ratings under one vocabulary are read under another: `table[ratings.users]`.
        """
        require_type("other", other, Vocabulary, VOCABULARY)
        na = np.full(other.first_row, -1, np.int32)
        if self is other:
            return np.concatenate([na, np.arange(self.first_row, len(self), dtype=np.int32)])
        self.require_same_kind(other, argument)
        return np.concatenate([na, self.rows_or_none(other.ids, argument)])

    def require_rows_of(self, other: "Vocabulary", argument: str, side: str) -> None:
        """Raise unless each row belongs to the same id as in `other`, that of the training."""
        if self.equals(other):
            return
        other.require_same_kind(self, f"{argument}.{side}")
        pairs = enumerate(zip_longest(self.labels, other.labels, fillvalue="nobody"))
        different = next((pair for pair in pairs if pair[1][0] != pair[1][1]), None)
        if different is not None:  # else the same ids in an index of another dtype
            row, (here, there) = different
            problem = f"has other {side} than the training ratings: "
            problem += f"row {row} is {here!r}, there {there!r}"
            cure = "Build one Ratings of both, then split it: ratings.take(index)."
            raise DataError(argument, problem, cure, value=here)

    def require_same_kind(self, other: "Vocabulary", argument: str) -> None:
        """Raise DTypeError unless the ids of `other` are of the type of these."""
        column = other.argument if other.argument != "ids" else argument.rpartition(".")[2][:-1]
        wanted = TYPES.get(self.kind, "str")
        cure = f"Build them of ids of that type: frame.astype({{{quoted(column)}: {wanted}}})."
        self.require_kind(other.ids, argument, cure)

    def require_kind(self, ids: Any, argument: str = "ids", cure: str = "") -> None:
        """Raise DTypeError naming the first of `ids` that is of another type than the known."""
        ids = as_series(ids, argument)
        kind = kind_of(ids)
        if kind in (self.kind, "empty") or self.kind == "empty":
            return
        at: int | None
        at, value = first_other(ids, self.kind)
        cure = cure or f"list(map({TYPES[self.kind]}, {argument})) converts them."
        cure = "Leave it out." if is_missing(value) else f"'196' is not 196. {cure}"
        got = f"{written(value)} is of type {type(value).__name__}"
        if "mixed" not in kind:
            at, got = None, f"ids are of type {NAMES.get(kind, kind)}"
        problem = f"{got}, the known ids of type {NAMES.get(self.kind, self.kind)}"
        raise DTypeError(argument, problem, cure, position=at, value=value)

    def _positions(self, ids: pd.Series) -> NDArray[np.int32]:
        found = np.empty(len(ids), np.int32)
        for start in range(0, len(ids), CHUNK):
            part = slice(start, start + CHUNK)
            try:
                found[part] = self.ids.get_indexer(pd.Index(ids.iloc[part]))
            except TypeError:  # lists, which cannot be looked up
                self.require_kind(ids)
                found[part] = -1
        return found

    def require_na_row(self) -> None:
        """Raise UsageError unless there is a row `#na#` for unknown ids."""
        if not self.na_row:
            raise UsageError("unknown", "there is no row #na#", "Use Vocabulary(ids, na_row=True).")

    def refuse(self, value: Any, position: int | None, argument: str) -> NoReturn:
        """Raise UnknownIdError: the id `value` has no row."""
        cure = "There are none."
        if len(self.ids):
            first = self.ids[:1].tolist()[0]
            cure = f"Known ids are of type {type(first).__name__}, the first is {first!r}."
            if isinstance(value, str):
                cure = f"{did_you_mean(value, self.ids)}{cure}"
        problem = f"{written(value)} is not among the {len(self.ids)} known ids"
        raise UnknownIdError(argument, problem, cure, position=position, value=value)

"""Ids <-> row numbers of the tables.

An id is a whole number or text, and keeps its type: '196' is not 196.  All ids of one column are of
one kind.  Anything else (floats, booleans, dates, bytes, tuples, None) is refused: it could neither
be saved nor be found again.
"""

from collections.abc import Iterable, Mapping, Set
from typing import Any, NoReturn

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from npcf.errors import (
    DataError,
    DTypeError,
    ShapeError,
    UnknownIdError,
    UsageError,
    as_array,
    require_choice,
    require_count,
    require_flag,
    require_ids,
    require_type,
)
from npcf.foreign import library_of, shown, written
from npcf.suggestions import did_you_mean

NA = "#na#"
VOCABULARY = "Pass npcf.data.Vocabulary(ids), as ratings.user_vocab."
CHUNK = 2**20  # ids looked up at a time: pandas' positions take 8 bytes each
LARGEST = 10**1000  # Python prints and saves no number of more than 4,300 digits
KINDS = {"integer": "whole", "string": "text", "empty": "empty"}
TYPES = {"whole": "int", "text": "str"}
NAMES = {"whole": "integer", "text": "string"}  # in messages


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
        self.ids = _plain(pd.Index(column.unique()), self.kind, sort=order == "sorted")

    def __len__(self) -> int:
        return len(self.ids) + self.first_row

    @property
    def first_row(self) -> int:
        """The row of the first id: 1 behind `#na#`, otherwise 0."""
        return int(self.na_row)

    @property
    def labels(self) -> list[Any]:
        """The ids by row, `#na#` first if it has a row: what fastai calls `classes`."""
        return [NA] * self.first_row + list(self.ids)

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

    def require_same_kind(self, other: "Vocabulary", argument: str) -> None:
        """Raise DTypeError unless the ids of `other` are of the type of these."""
        column = other.argument if other.argument != "ids" else argument.rpartition(".")[2][:-1]
        wanted = TYPES.get(self.kind, "str")
        cure = f"Build them of ids of that type: frame.astype({{{_quoted(column)}: {wanted}}})."
        self.require_kind(other.ids, argument, cure)

    def require_kind(self, ids: Any, argument: str = "ids", cure: str = "") -> None:
        """Raise DTypeError naming the first of `ids` that is of another type than the known."""
        ids = as_series(ids, argument)
        kind = kind_of(ids)
        if kind in (self.kind, "empty") or self.kind == "empty":
            return
        at: int | None
        at, value = _first_other(ids, self.kind)
        cure = cure or f"list(map({TYPES[self.kind]}, {argument})) converts them."
        cure = "Leave it out." if _is_missing(value) else f"'196' is not 196. {cure}"
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


def kind_of(ids: pd.Series) -> str:
    """Return "whole", "text", "empty", or what else pandas says that the ids are."""
    if not len(ids):
        return "empty"
    if isinstance(ids.dtype, pd.CategoricalDtype):
        ids = ids.astype(ids.cat.categories.dtype)
    found = pd.api.types.infer_dtype(ids, skipna=False)
    if found == "string" and ids.isna().any():
        return "missing"
    return KINDS.get(found, found)


def require_one_kind(argument: Any, ids: pd.Series, cure: str = "") -> str:
    """Return the kind of `ids`; DataError naming the first that is no id, or of another kind."""
    kind = kind_of(ids)
    if kind == "whole" and ids.dtype == object:
        large = [abs(number) >= LARGEST for number in ids.array]
        if any(large):
            cure, at = "Give it a shorter number, or text.", large.index(True)
            raise DataError(str(argument), "a number this large is no id", cure, position=at)
    if kind in KINDS.values():
        return kind
    position, value = _first_other(ids, "whole")
    if position == 0:
        position, value = _first_other(ids, "text")
    if not cure:
        column = _quoted(argument)
        cure = f"frame.astype({{{column}: str}}) makes them text."
        if argument == "ids":
            cure = "list(map(str, ids)) makes them text."
        if argument == "ids" and hasattr(value, "item"):  # numbers in wrappings, as tensors
            cure = "[i.item() for i in ids] makes them plain."
        if isinstance(value, bytes):
            cure = f'frame[{column}].str.decode("utf-8") makes them text.'
            cure = cure if argument != "ids" else "[i.decode() for i in ids] makes them text."
    got = type(value).__name__
    problem = f"ids cannot be sorted and saved: {written(value)} is of type {got}, which is no id"
    if _is_missing(value):
        problem, cure = "is missing", "Fill or drop those rows: frame.dropna()."
    elif isinstance(value, str | int | np.integer) and not isinstance(value, bool):
        first = type(ids.iloc[[0]].tolist()[0]).__name__
        problem = f"ids cannot be sorted: {value!r} is of type {got}, the ids before it of {first}"
    raise DataError(str(argument), problem, cure, position=position, value=value)


def _quoted(column: Any) -> str:
    return f'"{column}"' if isinstance(column, str) else repr(column)


def _is_missing(value: Any) -> bool:
    nan = isinstance(value, float | np.floating) and np.isnan(value)
    return value is None or value is pd.NA or value is pd.NaT or bool(nan)


def as_series(ids: Any, argument: Any) -> pd.Series:
    """Return a list of ids as a column that keeps their types, or raise."""
    if isinstance(ids, pd.Series):
        return ids
    if isinstance(ids, Mapping | Set):  # a set has no order, and a dict would be its keys
        problem = f"must be a list of ids, got {shown(ids)}"
        raise UsageError(str(argument), problem, f"Write list({argument}).", value=ids)
    single = isinstance(ids, str | bytes) or not isinstance(ids, Iterable)
    ndim = 0 if single else getattr(ids, "ndim", 1) * getattr(ids, "nlevels", 1)
    if isinstance(ids, list) and ids and isinstance(ids[0], list | np.ndarray):
        ndim = 2
    if ndim != 1:
        problem = f"must be a list of ids, got {shown(ids)}"
        cure = "Take one column of it, and the ids of the other side from another."
        cure = cure if ndim else "Write [id] for one id."
        raise ShapeError(str(argument), problem, cure, value=ids)
    if isinstance(ids, np.ma.MaskedArray) or library_of(ids) == "torch":
        ids = as_array(str(argument), ids)
    if not isinstance(ids, pd.Index | np.ndarray | pd.api.extensions.ExtensionArray):
        try:
            ids = list(ids)
        except Exception:  # whatever a foreign object says to that
            problem = f"must be a list of ids, got {shown(ids)}"
            raise UsageError(str(argument), problem, "Write the ids in a list.") from None
        if not pd.api.types.infer_dtype(ids, skipna=False) == "integer":
            ids = pd.Series(ids, dtype=object) if ids else ids  # [1, None] must not become floats
    return pd.Series(ids)


def _first_other(ids: pd.Series, kind: str) -> tuple[int, Any]:
    """Return position and value of the first id that is not of `kind`; the first if all are."""
    wanted = {"whole": int | np.integer, "text": str}[kind]
    others = (
        (at, value) for at, value in enumerate(ids.array)
        if isinstance(value, bool) or not isinstance(value, wanted)
    )  # fmt: skip
    at, value = next(others, (0, ids.array[0] if len(ids) else None))
    return at, value.item() if isinstance(value, np.generic) else value


def _plain(distinct: pd.Index, kind: str, *, sort: bool) -> pd.Index:
    """Return the ids as plain int or str, whatever wrapped them: what can be saved as JSON."""
    if kind == "whole" and distinct.dtype.kind in "iu":
        values = distinct.to_numpy()
        plain: pd.Index = pd.Index(np.sort(values) if sort else values)
        return plain
    ids: list[Any] = [str.__str__(i) if kind == "text" else int(i) for i in distinct]
    plain = pd.Index(sorted(ids) if sort else ids)
    return plain

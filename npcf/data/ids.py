"""What an id may be, and columns of them.

An id is a whole number or text, and keeps its type: '196' is not 196.  All ids of one column are of
one kind.  Anything else (floats, booleans, dates, bytes, tuples, None) is refused: it could neither
be saved nor be found again.
"""

from collections.abc import Iterable, Mapping, Set
from typing import Any

import numpy as np
import pandas as pd

from npcf.errors import DataError, ShapeError, UsageError, as_array
from npcf.foreign import SAID, library_of, shown, written

LARGEST = 10**1000  # Python prints and saves no number of more than 4,300 digits
KINDS = {"integer": "whole", "string": "text", "empty": "empty"}


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
    position, value = first_other(ids, "whole")
    if position == 0:
        position, value = first_other(ids, "text")
    if not cure:
        column = quoted(argument)
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
    if is_missing(value):
        problem, cure = "is missing", "Fill or drop those rows: frame.dropna()."
    elif isinstance(value, str | int | np.integer) and not isinstance(value, bool):
        first = type(ids.iloc[[0]].tolist()[0]).__name__
        problem = f"ids cannot be sorted: {value!r} is of type {got}, the ids before it of {first}"
    raise DataError(str(argument), problem, cure, position=position, value=value)


def quoted(column: Any) -> str:
    """Return the name of a column as it is typed."""
    return f'"{column}"' if isinstance(column, str) else repr(column)


def is_missing(value: Any) -> bool:
    """Whether a value stands for none: None, NA, NaT, NaN."""
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
        except SAID:  # whatever a foreign object says to that
            problem = f"must be a list of ids, got {shown(ids)}"
            raise UsageError(str(argument), problem, "Write the ids in a list.") from None
        if not pd.api.types.infer_dtype(ids, skipna=False) == "integer":
            ids = pd.Series(ids, dtype=object) if ids else ids  # [1, None] must not become floats
    return pd.Series(ids)


def first_other(ids: pd.Series, kind: str) -> tuple[int, Any]:
    """Return position and value of the first id that is not of `kind`; the first if all are."""
    wanted = {"whole": int | np.integer, "text": str}[kind]
    others = (
        (at, value) for at, value in enumerate(ids.array)
        if isinstance(value, bool) or not isinstance(value, wanted)
    )  # fmt: skip
    at, value = next(others, (0, ids.array[0] if len(ids) else None))
    return at, value.item() if isinstance(value, np.generic) else value


def plain_index(distinct: pd.Index, kind: str, *, sort: bool) -> pd.Index:
    """Return the ids as plain int or str, whatever wrapped them: what can be saved as JSON."""
    if kind == "whole" and distinct.dtype.kind in "iu":
        values = distinct.to_numpy()
        plain: pd.Index = pd.Index(np.sort(values) if sort else values)
        return plain
    ids: list[Any] = [str.__str__(i) if kind == "text" else int(i) for i in distinct]
    plain = pd.Index(sorted(ids) if sort else ids)
    return plain

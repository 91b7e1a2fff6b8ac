"""DataFrames and Ratings as arguments, and the values of a frame's columns."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from npcf.data.columns import find_columns, plain_names, require_columns
from npcf.errors import DataError, UsageError
from npcf.foreign import kind_of, library_of

FLOAT32_MAX = float(np.finfo(np.float32).max)
LATEST = np.iinfo(np.int64).max


def require_frame(argument: str, value: Any) -> pd.DataFrame:
    """Return `value` if it is a pandas DataFrame; UsageError says how it becomes one."""
    if isinstance(value, pd.DataFrame):
        return value
    cure = f"Pass {as_frame(argument, value)}."
    if isinstance(value, str | Path):
        cure = f"Read the file: pd.read_csv({argument}); from_csv does both."
    elif type(value).__name__ == "Ratings":
        cure = "It is what from_frame makes: pass it where ratings are asked for, as from_ratings."
    raise UsageError(argument, f"is {kind_of(value)}, not a pandas DataFrame", cure, value=value)


def as_frame(argument: str, value: Any) -> str:
    """Return the expression that makes a DataFrame of `value`."""
    library, name = library_of(value), type(value).__name__
    if library == "polars" and name in ("DataFrame", "LazyFrame"):
        frame = f"{argument}.collect()" if name == "LazyFrame" else argument
        plain = f"pd.DataFrame({frame}.to_dict(as_series=False))"
        return f"{frame}.to_pandas() (or, without pyarrow, {plain})"
    if library == "pyarrow":
        return f"{argument}.to_pandas()"
    if library == "pandas":
        return f"{argument}.to_frame().T.infer_objects(), if it is one row of a frame"
    if isinstance(value, Mapping) or (isinstance(value, np.ndarray) and value.dtype.names):
        return f"pd.DataFrame({argument})"
    first = next(iter(value), None) if isinstance(value, list | tuple) else None
    if isinstance(first, list | tuple | np.ndarray) or getattr(value, "ndim", 0) == 2:
        return f"pd.DataFrame({argument}, columns=['user', 'item', 'rating'])"
    return "pd.DataFrame(rows, columns=['user', 'item', 'rating'])"


def usable(frame: Any, columns: Sequence[Any], others: Sequence[Any]) -> tuple[Any, Any, Any]:
    """Return the names of the user, item and rating columns of a frame that can be used.

    `others` are names of further columns, or None.  Raises DataError for a missing column, an empty
    frame, a missing entry (naming the row), and ids that are floats, complex numbers or booleans.
    """
    require_frame("frame", frame)
    user, item, rating = plain_names(find_columns(frame, *columns))
    others = [name for name in others if name is not None]
    require_columns(frame.columns, others)
    if frame.empty:
        raise DataError("frame", "has no rows", "Give at least one rating.")
    for name in (user, item, rating, *others):
        missing = frame[name].isna().to_numpy()
        if missing.any():
            at = int(missing.argmax())
            index = frame.index.tolist()[at]
            problem = f"is missing in {missing.sum()} row(s), first at index {index!r}"
            raise DataError(name, problem, "Fill or drop those rows: frame.dropna().", position=at)
    for name in (user, item):
        if frame[name].dtype.kind in "fcb":
            cure = "read the ids as integers or strings."
            if frame[name].dtype.kind == "f":
                lost = "Floats come from a column that once held NaN, and lose digits beyond 2**53"
                cure = f"{lost}; {cure}"
            cure = cure[0].upper() + cure[1:]
            raise DataError(name, f"ids have dtype {frame[name].dtype}", cure)
    return user, item, rating


def ratings_of(column: pd.Series) -> NDArray[np.float32]:
    """Return a column of ratings as float32; DataError names the first that does not fit."""
    name = str(column.name)
    if column.dtype.kind not in "iuf":
        raise DataError(name, f"has dtype {column.dtype}, not numbers", "Use pd.to_numeric.")
    values = column.to_numpy(dtype=np.float64)
    outside = ~(np.abs(values) <= FLOAT32_MAX)
    if outside.any():
        at = int(outside.argmax())
        problem, cure = f"{values[at]} is no finite float32", "Correct or drop the row."
        raise DataError(name, problem, cure, position=at, value=float(values[at]))
    return values.astype(np.float32)


def timestamps_of(column: pd.Series) -> NDArray[np.int64]:
    """Return a column of timestamps as int64; DataError if they are not whole numbers."""
    if column.dtype.kind not in "iu":
        problem = f"has dtype {column.dtype}, not whole numbers"
        raise DataError(str(column.name), problem, "Use seconds since 1970 as int64.")
    beyond = (column > LATEST).to_numpy()
    if beyond.any():
        at = int(beyond.argmax())
        problem = f"{column.iloc[[at]].tolist()[0]} is beyond int64"
        raise DataError(str(column.name), problem, "Correct or drop the row.", position=at)
    return column.to_numpy(dtype=np.int64)


def titles_of(frame: pd.DataFrame, item: Any, title: Any, ids: pd.Index) -> list[str]:
    """Return the title of each of `ids`; DataError if an item has two."""
    if title == item:
        return [str(name) for name in ids]
    try:
        labels = frame[[item, title]].drop_duplicates()
    except TypeError:  # lists
        cure = f"Make them text: frame[{title!r}] = frame[{title!r}].map(str)."
        raise DataError(title, "holds entries that are no text", cure) from None
    twice = labels[item].duplicated().to_numpy()
    if twice.any():
        first = labels[item].tolist()[int(twice.argmax())]
        both = labels.loc[labels[item] == first, title].tolist()
        problem = f"item {first!r} has the titles {both}"
        raise DataError(title, problem, "An item has one title.", value=first)
    return [str(name) for name in labels.set_index(item)[title].reindex(ids)]

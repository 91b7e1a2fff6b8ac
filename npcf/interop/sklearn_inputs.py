"""Validation of scikit-learn's X and y: frames, arrays, lists.

X has two columns of ids.  An id is text or a whole number; a whole number held as a float is taken
for the integer it is, below 2**53, from where on floats no longer tell neighbours apart.
"""

import sys
from typing import Any

import numpy as np
import pandas as pd

from npcf._types import FloatArray
from npcf.data.ids import require_one_kind
from npcf.errors import DataError, ShapeError, UsageError, as_array
from npcf.foreign import SAID, dtype_cure, first_object, library_of

EXACT = 2.0**53


def text_names(pairs: Any) -> Any:
    """Return the column names of a frame if all are text, else None."""
    columns = getattr(pairs, "columns", None)
    if columns is None or not all(isinstance(name, str) for name in columns):
        return None
    return np.asarray(columns, dtype=object)


def check_pairs(pairs: Any) -> pd.DataFrame:
    """Return the ids of X as a frame user, item, or raise."""
    frame = pairs if isinstance(pairs, pd.DataFrame) else _as_frame(pairs)
    if any(dtype.kind == "c" for dtype in frame.dtypes):
        raise DataError("X", "Complex data not supported", "Pass integers or strings.")
    if frame.shape[1] != 2:
        raise ShapeError(
            "X",
            f"has {frame.shape[1]} feature(s) (shape={frame.shape}) while a minimum of 2 is "
            "required, and no more: user ids and item ids",
            "Choose the two columns: frame[['user', 'item']].",
        )
    if not len(frame):
        raise DataError("X", "has no rows: 0 sample(s), a minimum of 1 is required", "Give pairs.")
    columns = [_whole_numbers(frame.iloc[:, i], f"X[:, {i}]") for i in range(2)]
    for i, column in enumerate(columns):
        if column.dtype == object and not column.isna().any():
            require_one_kind(f"X[:, {i}]", column, "Make them text: X = np.asarray(X).astype(str).")
    return pd.DataFrame(dict(zip(("user", "item"), columns, strict=True)))


def _as_frame(pairs: Any) -> pd.DataFrame:
    if hasattr(pairs, "toarray"):
        raise UsageError("X", "is a sparse matrix", "Give a pair of ids for each rating: (n, 2).")
    # A list may mix text and numbers; an array of one type would make '1' of 1.
    if isinstance(pairs, list | tuple):
        try:
            array = np.asarray(pairs, object)
        except SAID:  # whatever a foreign object says to that: `as_array` says it in our words
            array = as_array("X", pairs)
    elif library_of(pairs) == "polars":  # a whole frame, which `as_array` refuses
        array = np.asarray(pairs)
    else:
        array = as_array("X", pairs)
    if array.ndim != 2:
        raise ShapeError(
            "X",
            f"must be (n, 2), a user id and an item id a row, got {array.shape}",
            "np.stack([users, items], axis=1) makes it. (Reshape your data: expected 2D array.)",
        )
    return pd.DataFrame(array).infer_objects()


def _whole_numbers(column: pd.Series, argument: str) -> pd.Series:
    """Return a column of ids, floats as the integers they are."""
    if column.dtype.kind == "f":
        values = column.to_numpy(np.float64)
        bad = ~((np.abs(values) < EXACT) & (values == np.floor(values)))
        if bad.any():
            position = int(bad.argmax())
            raise DataError(
                argument,
                f"{values[position]} is no id (NaN, inf and fractions are none)",
                "Ids are whole numbers below 2**53, or strings.",
                position=position,
                value=float(values[position]),
            )
        return column.astype(np.int64)
    return column


def check_ratings(y: Any) -> FloatArray:
    """Return y as (n,) float64, or raise."""
    if y is None:
        raise DataError("y", "requires y to be passed, but the target y is None", "Give ratings.")
    values = as_array("y", y)
    if values.ndim != 1:
        raise ShapeError("y", f"must be (n,), got {values.shape}", "y.ravel() makes a column flat.")
    if values.dtype.kind == "c":
        raise DataError("y", "Complex data not supported", "Pass its real part: y.real.")
    if values.dtype.kind not in "iufbO" or (values.dtype.kind == "O" and first_object(values)[1]):
        cure = dtype_cure("y", values, "float64")
        raise DataError("y", f"has dtype {values.dtype}, not numbers", cure)
    numbers: FloatArray = values.astype(np.float64)
    bad = ~np.isfinite(numbers)
    if bad.any():
        position = int(bad.argmax())
        raise DataError(
            "y", f"{numbers[position]} is not finite (NaN or inf)", "Drop it.", position=position
        )
    return numbers


def not_fitted(estimator: Any) -> Exception:
    """Return the error of asking too early: also scikit-learn's own, if that is loaded."""
    cls: Any = UsageError
    exceptions = sys.modules.get("sklearn.exceptions")
    if exceptions is not None:
        cls = type("NotFittedError", (UsageError, exceptions.NotFittedError), {})
    error: Exception = cls(type(estimator).__name__, "is not fitted yet", "Call fit(X, y) first.")
    return error

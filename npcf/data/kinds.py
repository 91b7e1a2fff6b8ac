"""Is it a DataFrame, is it Ratings?  What else people have at hand, and how it becomes one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from npcf.errors import UsageError, require_members
from npcf.foreign import kind_of, library_of

ARRAYS = ("users", "items", "rating", "n_users", "n_items")


def require_frame(argument: str, value: Any) -> pd.DataFrame:
    """Return `value` if it is a pandas DataFrame, or raise."""
    if isinstance(value, pd.DataFrame):
        return value
    problem = f"is {kind_of(value)}, not a pandas DataFrame"
    if isinstance(value, str | Path):
        cure = f"Read the file: pd.read_csv({argument}); from_csv does both."
        raise UsageError(argument, problem, cure, value=value)
    if type(value).__name__ == "Ratings":
        cure = "It is what from_frame makes: pass it where ratings are asked for, as from_ratings."
        raise UsageError(argument, problem, cure, value=value)
    raise UsageError(argument, problem, f"Pass {_as_frame(argument, value)}.", value=value)


def require_ratings(argument: str, value: Any, *, arrays: bool = False) -> Any:
    """Return `value` if it is Ratings (or, with `arrays`, has the same five arrays), or raise."""
    from npcf.data.ratings import Ratings

    if isinstance(value, Ratings):
        return value
    if arrays and not isinstance(value, type) and all(hasattr(value, name) for name in ARRAYS):
        return value
    problem = f"is {kind_of(value)}, not npcf.data.Ratings"
    if isinstance(value, str | Path):
        cure = f"Read the file: npcf.data.read_csv({argument})."
    elif hasattr(value, "train") and hasattr(value, "valid"):
        cure = f"Pass one of its parts: {argument}.train.ratings, or {argument}.valid."
    elif isinstance(value, pd.DataFrame):
        cure = f"Pass npcf.Ratings.from_frame({argument})."
    else:
        cure = f"Pass npcf.Ratings.from_frame(frame), where frame is {_as_frame(argument, value)}."
    raise UsageError(argument, problem, cure, value=value)


def require_loaders(argument: str, value: Any) -> Any:
    """Return `value` if it holds ratings to train on and to validate on, or raise."""
    made = "npcf.data.CollabDataLoaders"
    if isinstance(value, pd.DataFrame):
        cure = f"Pass {made}.from_df({argument}, seed=0)."
    elif type(value).__name__ == "Ratings":
        cure = f"Pass {made}.from_ratings({argument}, rng=np.random.default_rng(0))."
    else:
        cure = f"Make them: {made}.from_df(frame, seed=0)."
    return require_members(argument, value, ("train", "valid"), cure)


def _as_frame(argument: str, value: Any) -> str:
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
    if isinstance(value, Mapping):
        return f"pd.DataFrame({argument})"
    if isinstance(value, np.ndarray) and value.dtype.names:
        return f"pd.DataFrame({argument})"
    columns = "columns=['user', 'item', 'rating']"
    if isinstance(value, list | tuple | np.ndarray) and len(value) and np.ndim(value[0]) == 1:
        return f"pd.DataFrame({argument}, {columns})"
    return f"pd.DataFrame(rows, {columns})"

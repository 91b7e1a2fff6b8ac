"""Ratings as they are handed over: said what to pass where something else is."""

from pathlib import Path
from typing import Any

import pandas as pd

from npcf.data.frames import as_frame
from npcf.data.ratings import Ratings
from npcf.errors import UsageError
from npcf.foreign import kind_of

COLUMNS = ("users", "items", "rating", "n_users", "n_items")  # what may stand for Ratings


def require_ratings(argument: str, value: Any, *, arrays: bool = False) -> Any:
    """Return `value` if it is Ratings (or, with `arrays`, has the same arrays), or raise."""
    if isinstance(value, Ratings):
        return value
    if arrays and not isinstance(value, type) and all(hasattr(value, name) for name in COLUMNS):
        return value
    if isinstance(value, str | Path):
        cure = f"Read the file: npcf.data.read_csv({argument})."
    elif hasattr(value, "train") and hasattr(value, "valid"):
        cure = f"Pass one of its parts: {argument}.train.ratings, or {argument}.valid."
    elif isinstance(value, pd.DataFrame):
        cure = f"Pass npcf.Ratings.from_frame({argument})."
    else:
        cure = f"Pass npcf.Ratings.from_frame(frame), where frame is {as_frame(argument, value)}."
    raise UsageError(argument, f"is {kind_of(value)}, not npcf.data.Ratings", cure, value=value)

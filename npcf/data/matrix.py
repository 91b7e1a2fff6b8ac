"""Ratings as a dense table, a line a user and a column an item, as Jester publishes them.

    74,-7.82,8.79,-9.66,99,...      how many the user rated, then one number an item; 99: not rated

Users are the numbers of lines and items those of columns behind the first, both from 1.
"""

import io
from typing import Any

import numpy as np
import pandas as pd

from npcf.data.delimited import blocks, n_lines
from npcf.data.fields import LineLayout
from npcf.data.ratings import Coded, GrowingArray, Ratings
from npcf.data.text import Text
from npcf.errors import DataError

NOT_RATED = (99.0,)  # unless told otherwise


def read_matrix(text: Text, separator: str, not_rated: tuple[float, ...]) -> Ratings:
    """Return the ratings of a table; DataError where the first number of a line is no count."""
    users, items, rating = GrowingArray(np.int32), GrowingArray(np.int32), GrowingArray(np.float32)
    n_users = n_items = 0
    for line, block in blocks(text, 1, LineLayout(separator)):
        text.check(block, line)
        table = _parse(block, line, text.label, separator)
        n_items = n_items or table.shape[1] - 1
        rated = ~np.isin(table[:, 1:], not_rated or NOT_RATED)
        wrong = (rated.sum(axis=1) != table[:, 0]) | (table.shape[1] != n_items + 1)
        if wrong.any():
            row = int(wrong.argmax())
            problem = f"begins with {table[row, 0]:g} and has {rated[row].sum()} ratings"
            cure = "A line is how many are rated, then a number for each item, 99 for none."
            raise DataError(f"{text.label}, line {line + row}", problem, cure, value=table[row, 0])
        who, which = np.nonzero(rated)
        users.add(who + n_users)
        items.add(which)
        rating.add(table[:, 1:][rated])
        n_users += len(table)
    if not rating.n:
        raise DataError(text.label, "is empty: it holds no ratings", "Is it the right file?")
    return Ratings.from_codes(
        _used(users.cut()), _used(items.cut()), rating.cut(), ("user", "item", "rating")
    )


def _parse(block: bytes, line: int, label: str, separator: str) -> Any:
    try:
        frame = pd.read_csv(io.BytesIO(block), sep=separator, header=None, dtype=np.float64)
    except ValueError as error:
        problem = f"cannot be read as a table of numbers ({error})"
        raise DataError(f"{label}, from line {line}", problem, "Is it a matrix?") from None
    table = frame.to_numpy()
    if np.isnan(table).any() or len(table) != n_lines(block):
        row = int(np.isnan(table).any(axis=1).argmax())
        problem, cure = "has an empty field, or none at all", "Write 99 where nothing is rated."
        raise DataError(f"{label}, line {line + row}", problem, cure)
    return table


def _used(codes: Any) -> Coded:
    """Return the column with the numbers that occur as its ids, from 1."""
    different, codes = np.unique(codes, return_inverse=True)
    return Coded(codes.astype(np.int32), pd.Index(different.astype(np.int64) + 1))

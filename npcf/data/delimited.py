"""Ratings from delimited text, in blocks: 12 bytes a rating and one block, nothing bent into shape.

pandas parses a block quickly, with the number type of each column prescribed; where it complains,
or where something is suspicious that it would let pass (a field too many, '007', 'NA'), the block
is read again field by field, which names the line.
"""

import io
import re
import warnings
from typing import IO, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from npcf.data.blocks import blocks, judge_text
from npcf.data.fields import FLOAT32_MAX, NA_LIKE, Layout, judge_fields
from npcf.data.ratings import Coded
from npcf.errors import DataError


class Columns(NamedTuple):
    """The columns of a file, one entry a rating."""

    users: Coded
    items: Coded
    rating: NDArray[np.float32]
    timestamps: NDArray[np.int64] | None


class Growing:
    """An array that grows at its end by an eighth; never two copies of it at a time."""

    def __init__(self, dtype: Any):
        self.array, self.n = np.empty(0, dtype), 0

    def add(self, values: Any) -> None:
        """Put `values` behind what is there."""
        end = self.n + len(values)
        if end > len(self.array):
            self.array.resize(max(end, self.n + self.n // 8), refcheck=False)
        self.array[self.n : end] = values
        self.n = end

    def cut(self) -> NDArray[Any]:
        """Return the array, without the room that is left."""
        self.array.resize(self.n, refcheck=False)
        return self.array


class Coder:
    """Ids as they come -> positions in the growing list of different ones."""

    def __init__(self) -> None:
        self.ids: pd.Index | None = None
        self.codes = Growing(np.int32)

    def add(self, column: pd.Series) -> None:
        """Code one block's column."""
        fresh = pd.Index(column.unique())
        if self.ids is not None:
            fresh = self.ids.append(fresh[self.ids.get_indexer(fresh) < 0])
        self.ids = fresh
        self.codes.add(fresh.get_indexer(pd.Index(column)))

    def coded(self) -> Coded:
        """Return the whole column."""
        return Coded(self.codes.cut(), pd.Index([]) if self.ids is None else self.ids)


def read_columns(
    stream: IO[bytes], label: str, layout: Layout, first_line: int = 1, *, timestamps: bool = False
) -> Columns:
    """Read what is left of `stream`; raise DataError naming file and line."""
    users, items = Coder(), Coder()
    rating, times = Growing(np.float32), Growing(np.int64)
    for line, block in blocks(stream, label, first_line, quoted=layout.quoted):
        frame = _read_block(block, line, label, layout)
        user, item, stars = layout.columns
        users.add(frame[user])
        items.add(frame[item])
        rating.add(frame[stars])
        if timestamps and layout.timestamp:
            times.add(frame[layout.timestamp])
    if not rating.n:
        raise DataError(label, "is empty: it holds no ratings", "Is it the right file?")
    return Columns(users.coded(), items.coded(), rating.cut(), times.cut() if times.n else None)


def _read_block(block: bytes, line: int, label: str, layout: Layout) -> pd.DataFrame:
    judge_text(block, line, label)
    tabs = layout.separator == "::" and b"\t" in block  # would become separators
    raw = block
    if layout.separator == "::":
        block = block.replace(b"::", b"\t")
    try:
        if tabs:
            raise ValueError("a tab in a file of '::'")
        frame = _parse(block, layout)
        suspicious = _is_suspicious(block, frame, layout)
    except (ValueError, OverflowError, Warning) as error:  # ParserError is a ValueError
        judge_fields(raw, line, label, layout)
        problem = f"cannot be read ({error})"
        raise DataError(f"{label}, from line {line}", problem, "Is it the right file?") from None
    if suspicious:
        judge_fields(raw, line, label, layout)
    return frame


def _parse(block: bytes, layout: Layout) -> pd.DataFrame:
    """Parse by pandas; ValueError or a warning where the columns do not come out as they should.

    Whole numbers are not prescribed but found: prescribed, pandas takes '2.0' for 2, by way of
    float64, and with it every id of the column beyond 2**53.
    """
    user, item, rating = layout.columns
    dtypes: dict[str, Any] = {rating: np.float64}
    whole = [layout.timestamp] if layout.timestamp else []
    for name, kind in zip((user, item), layout.kinds, strict=True):
        if kind == "whole":
            whole.append(name)
        else:
            dtypes[name] = str
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # pandas warns where it drops fields
        frame: pd.DataFrame = pd.read_csv(
            io.BytesIO(block), header=None, names=list(layout.names), dtype=dtypes, engine="c",
            index_col=False, keep_default_na=False, na_values=[""], low_memory=False,
            **layout.csv_options,
        )  # fmt: skip
    for name in whole:
        if frame[name].dtype != np.int64:
            raise ValueError(f"{name} are {frame[name].dtype}, not whole numbers")
    return frame


def _is_suspicious(block: bytes, frame: pd.DataFrame, layout: Layout) -> bool:
    """Look for what pandas lets pass; a false alarm only costs time."""
    separator = layout.csv_options["delimiter"].encode()
    lines = block.count(b"\n") + (not block.endswith(b"\n"))
    if block.count(separator) != lines * (len(layout.names) - 1) or len(frame) != lines:
        return True
    user, item, rating = layout.columns
    values = frame[rating].to_numpy()
    if not (np.abs(values) <= FLOAT32_MAX).all():
        return True
    if layout.whole_rating and (values % 1).any():
        return True
    for name, kind in zip((user, item), layout.kinds, strict=True):
        if kind != "whole" and frame[name].isna().any():
            return True
        if kind == "text" and frame[name].isin(NA_LIKE).any():
            return True
    return "whole" in layout.kinds and _has_leading_zero(block, separator)


def _has_leading_zero(block: bytes, separator: bytes) -> bool:
    """Look for fields such as 007; NumPy finds out ten times faster that there are none."""
    text = np.frombuffer(block, np.uint8)
    digit = text - ord("0") < 10  # smaller characters wrap to large numbers
    number = ~digit[:-2] & (text[:-2] != ord(".")) & (text[1:-1] == ord("0")) & digit[2:]
    if not number.any() and not re.match(rb"0[0-9]", block):
        return False
    field = rb'(?:^|[\n"' + re.escape(separator) + rb"]) *[+-]?0[0-9]"
    return re.search(field, block) is not None

"""Ratings from delimited text, in blocks: 12 bytes a rating and one block, nothing bent into shape.

pandas parses a block quickly, with the number type of each column prescribed; where it complains,
or where something is suspicious that it would let pass (a field too many, '007', 'NA'), the block
is read again field by field, which names the line.
"""

import io
import re
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from npcf.data import blocks as limits
from npcf.data.blocks import Text, blocks, judge_text
from npcf.data.fields import FLOAT32_MAX, NA_LIKE, Layout, bare, judge_fields, whole_number
from npcf.data.ratings import Coded
from npcf.errors import DataError

LEADING_ZERO = re.compile(r" *[+-]?0[0-9]")


class Columns(NamedTuple):
    """The columns of a file, one entry a rating."""

    users: Coded
    items: Coded
    rating: NDArray[np.float32]
    timestamps: NDArray[np.int64] | None
    n_not_rated: int


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

    def add(self, block: Coded) -> None:
        """Put one block's column behind what is there."""
        if self.ids is None:
            self.ids = block.ids
            self.codes.add(block.codes)
            return
        place = self.ids.get_indexer(block.ids)
        fresh = place < 0
        place[fresh] = len(self.ids) + np.arange(np.count_nonzero(fresh))
        if fresh.any():
            self.ids = self.ids.append(block.ids[fresh])
        self.codes.add(place.astype(np.int32)[block.codes])

    def coded(self) -> Coded:
        """Return the whole column."""
        return Coded(self.codes.cut(), pd.Index([]) if self.ids is None else self.ids)


def read_columns(
    text: Text, layout: Layout, first_line: int = 1, *, timestamps: bool = False
) -> Columns:
    """Read what is left of `text`; raise DataError naming file and line."""
    users, items = Coder(), Coder()
    rating, times, n_not_rated = Growing(np.float32), Growing(np.int64), 0
    for frame, user, item in read_blocks(text, layout, first_line):
        stars = frame[layout.columns[2]].to_numpy()
        users.add(user)
        items.add(item)
        rating.add(stars)
        if timestamps and layout.timestamp:
            times.add(frame[layout.timestamp])
        n_not_rated += frame.attrs.get("n_not_rated", 0)
    if not rating.n:
        problem, cure = "is empty: it holds no ratings", "Is it the right file?"
        if n_not_rated:
            problem = f"holds {n_not_rated} lines, and none is rated"
            cure = f"Leave fewer values out: {layout.spelling(not_rated=[])}."
        raise DataError(text.label, problem, cure)
    found = times.cut() if times.n else None
    return Columns(users.coded(), items.coded(), rating.cut(), found, n_not_rated)


def read_blocks(
    text: Text, layout: Layout, first_line: int
) -> Iterator[tuple[pd.DataFrame, Coded, Coded]]:
    """Yield (frame, users, items), block after block; without a rating column, as text."""
    options = {"quoted": layout.quoted, "spaced": layout.spaced}
    for line, block in blocks(text, first_line, layout.separator, **options):
        yield _read_block(block, line, text.label, layout)


def _read_block(
    block: bytes, line: int, label: str, layout: Layout
) -> tuple[pd.DataFrame, Coded, Coded]:
    judge_text(block, line, label, layout.spelling)
    tabs = layout.separator == "::" and b"\t" in block  # would become separators
    raw = block
    if layout.separator == "::":
        block = block.replace(b"::", b"\t")
    separator = layout.parser_options["sep"].encode()
    fits = not tabs and _fits(block, separator, layout)
    if not fits:  # judged before it is parsed: a line of millions of fields would take gigabytes
        judge_fields(raw, line, label, layout)
    try:
        frame = _parse(block, layout)
        if _is_suspicious(block, frame, separator, layout):
            judge_fields(raw, line, label, layout)
        frame = _rated(frame, layout)
        user, item = (
            _code(frame[name], kind)
            for name, kind in zip(layout.columns[:2], layout.kinds, strict=True)
        )
    except (ValueError, OverflowError, Warning) as error:  # ParserError is a ValueError
        if isinstance(error, DataError):
            raise
        judge_fields(raw, line, label, layout)
        problem = f"cannot be read ({error})"
        raise DataError(f"{label}, from line {line}", problem, "Is it the right file?") from None
    return frame, user, item


def _fits(block: bytes, separator: bytes, layout: Layout) -> bool:
    """Whether there are as many fields as there should be, all in all."""
    wanted = len(layout.names) - 1
    lines = block.count(b"\n") + (not block.endswith(b"\n"))
    if block.count(separator) == lines * wanted:
        return True
    if len(block) > 2 * limits.BLOCK:  # a line of megabytes: looked at field by field
        return False
    plain = bare(block, layout)
    lines = plain.count(b"\n") + (not plain.endswith(b"\n"))
    return plain.count(separator) == lines * wanted


def _parse(block: bytes, layout: Layout) -> pd.DataFrame:
    """Parse by pandas; ValueError or a warning where the columns do not come out as they should.

    Whole numbers are not prescribed but found: prescribed, pandas takes '2.0' for 2, by way of
    float64, and with it every id of the column beyond 2**53.  Such columns are read as text.
    """
    dtypes: dict[str, Any] = {}
    if len(layout.columns) == 2:  # pairs: every column is handed on as it stands
        dtypes = dict.fromkeys(layout.names, str)
    dtypes |= dict.fromkeys(layout.columns[2:], np.float64)
    ids = dict(zip(layout.columns[:2], layout.kinds, strict=True))
    dtypes |= {name: str for name, kind in ids.items() if kind != "whole"}
    frame = _parsed(block, layout, dtypes)
    as_text = {n: str for n in ids if n not in dtypes and frame[n].dtype != np.int64}
    if as_text:
        frame = _parsed(block, layout, dtypes | as_text)
    if layout.timestamp and frame[layout.timestamp].dtype != np.int64:
        raise ValueError(f"{layout.timestamp} are {frame[layout.timestamp].dtype}")
    return frame


def _parsed(block: bytes, layout: Layout, dtypes: dict[str, Any]) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # pandas warns where it drops fields
        frame: pd.DataFrame = pd.read_csv(
            io.BytesIO(block), header=None, names=list(layout.names), dtype=dtypes, engine="c",
            index_col=False, keep_default_na=False, na_filter=len(layout.columns) > 2,
            na_values=[""], low_memory=False, **layout.parser_options,
        )  # fmt: skip
    return frame


def _is_suspicious(block: bytes, frame: pd.DataFrame, separator: bytes, layout: Layout) -> bool:
    """Look for what pandas lets pass; a false alarm only costs time."""
    lines = block.count(b"\n") + (not block.endswith(b"\n"))
    if len(frame) != lines:
        plain = bare(block, layout)
        if len(frame) != plain.count(b"\n") + (not plain.endswith(b"\n")):
            return True
        if layout.quoting == "auto":  # a quoted field goes on over a line end
            return True
    for name in layout.columns[2:]:
        values = frame[name].to_numpy()
        if not (np.abs(values) <= FLOAT32_MAX).all():
            return True
        if layout.whole_rating and (values % 1).any():
            return True
    whole = [n for n, k in zip(layout.columns, layout.kinds, strict=False) if k == "whole"]
    if not whole or not _has_leading_zero(block, separator):
        return False
    as_text = _parsed(block, layout, dict.fromkeys(whole, str))  # zeros may be another column's
    return any(map(LEADING_ZERO.match, {str(i) for n in whole for i in as_text[n].unique()}))


def _rated(frame: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """Return the rows whose rating is not one of `layout.not_rated`."""
    if not layout.not_rated:
        return frame
    values = frame[layout.columns[2]].to_numpy()
    rated = ~np.isin(values, np.array(layout.not_rated, np.float64))
    kept = frame[rated]
    kept.attrs["n_not_rated"] = len(frame) - len(kept)
    return kept


def _code(column: pd.Series, kind: str) -> Coded:
    """Return the column as positions among its different ids; ValueError if one is none."""
    codes, distinct = pd.factorize(column)
    if (codes < 0).any():
        raise ValueError(f"{column.name} is missing")
    ids = pd.Index(distinct)
    if ids.dtype != np.int64:
        found = [str(text).strip() for text in distinct]
        if "" in found or (kind != "any text" and not set(found).isdisjoint(NA_LIKE)):
            raise ValueError(f"{column.name} is missing")
        plain = pd.Index([whole_number(text) for text in found] if kind == "whole" else found)
        if kind == "whole" and len(plain) and plain.dtype != np.int64:
            raise ValueError(f"{column.name} is beyond 64 bits")
        ids = plain.unique()
        if len(ids) < len(plain):  # '17850' and '17850.0'
            codes = ids.get_indexer(plain)[codes]
    return Coded(codes.astype(np.int32, copy=False), ids)


def _has_leading_zero(block: bytes, separator: bytes) -> bool:
    """Look for fields such as 007; NumPy finds out ten times faster that there are none."""
    text = np.frombuffer(block, np.uint8)
    digit = text - ord("0") < 10  # smaller characters wrap to large numbers
    number = ~digit[:-2] & (text[:-2] != ord(".")) & (text[1:-1] == ord("0")) & digit[2:]
    if not number.any() and not re.match(rb"0[0-9]", block):
        return False
    field = rb'(?:^|[\n"' + re.escape(separator) + rb"]) *[+-]?0[0-9]"
    return re.search(field, block) is not None

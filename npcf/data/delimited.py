"""Ratings from delimited text, in blocks: 12 bytes a rating and one block in memory.

pandas parses a block, with the number type of each column prescribed.  Where it fails, or where the
block looks like something that pandas would let pass (a field too many, '007', 'NA'), the block is
checked field by field, which names the line.
"""

import io
import re
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from npcf.data import text as limits
from npcf.data.fields import FLOAT32_MAX, NA_LIKE, LineLayout, check_fields, whole_number
from npcf.data.ratings import Coded, GrowingArray, GrowingColumn
from npcf.data.text import Text
from npcf.errors import DataError

LEADING_ZERO = re.compile(r" *[+-]?0[0-9]")
Block = tuple[pd.DataFrame, Coded, Coded]  # the columns that are used; users; items


class Columns(NamedTuple):
    """The columns of a file, one entry a rating."""

    users: Coded
    items: Coded
    rating: NDArray[np.float32]
    timestamps: NDArray[np.int64] | None
    n_not_rated: int


def read_columns(
    text: Text, layout: LineLayout, first_line: int = 1, *, timestamps: bool = False
) -> Columns:
    """Read the rest of `text`, from line `first_line` on; DataError names file and line."""
    users, items = GrowingColumn(), GrowingColumn()
    rating, times, n_not_rated = GrowingArray(np.float32), GrowingArray(np.int64), 0
    for frame, user, item in read_blocks(text, layout, first_line):
        users.add(user)
        items.add(item)
        rating.add(frame[layout.columns[2]].to_numpy())
        if timestamps and layout.timestamp:
            times.add(frame[layout.timestamp])
        n_not_rated += frame.attrs.get("n_not_rated", 0)
    if not rating.n:
        problem, cure = "is empty: it holds no ratings", "Is it the right file?"
        if n_not_rated:
            problem = f"holds {n_not_rated} lines, and none is rated"
            option = "--not-rated" if layout.spelling.shell else "not_rated"
            cure = f"Say by {option} what is left out: fewer values, or none."
        raise DataError(text.label, problem, cure)
    found = times.cut() if times.n else None
    return Columns(users.coded(), items.coded(), rating.cut(), found, n_not_rated)


def read_blocks(text: Text, layout: LineLayout, first_line: int) -> Iterator[Block]:
    """Yield block after block; without a rating column every column is text."""
    for line, block in blocks(text, first_line, layout):
        yield _read_block(block, line, text, layout)


def blocks(text: Text, first_line: int, layout: LineLayout) -> Iterator[tuple[int, bytes]]:
    """Yield (number of its first line, whole lines); a quoted field is never torn."""
    line, rest = first_line, b""
    while piece := text.read():
        piece = rest + piece
        if layout.quoted and b'"' in piece:
            cut = layout.patterns.lines.match(piece).end()  # type: ignore[union-attr]
        else:
            cut = piece.rfind(b"\n") + 1
        if cut:
            yield line, piece[:cut]
        line += piece.count(b"\n", 0, cut)
        rest = piece[cut:]
        if len(rest) > limits.LONGEST:
            raise text.too_long(line)
    if rest.strip():
        yield line, rest


def _read_block(block: bytes, line: int, text: Text, layout: LineLayout) -> Block:
    text.check(block, line)
    raw, tabs = block, False
    if layout.separator == "::":
        tabs = b"\t" in block  # would become separators
        block = block.replace(b"::", b"\t")
    separator = layout.parser_options["sep"].encode()
    if tabs or not _fits(block, separator, layout):
        # before it is parsed: a line of millions of fields would take gigabytes
        check_fields(raw, line, text.label, layout)
    try:
        frame = _parse(block, layout)
        if _is_suspicious(block, frame, separator, layout):
            check_fields(raw, line, text.label, layout)
        frame = _rated(frame, layout)
        user, item = (
            _code(frame[n], k) for n, k in zip(layout.columns, layout.kinds, strict=False)
        )
    except DataError:
        raise
    except (ValueError, OverflowError, Warning) as error:  # ParserError is a ValueError
        check_fields(raw, line, text.label, layout)
        where, problem = f"{text.label}, from line {line}", f"cannot be read ({error})"
        raise DataError(where, problem, "Is it the right file?") from None
    return frame, user, item


def n_lines(block: bytes) -> int:
    """Return how many lines a block has; the last may lack its end."""
    return block.count(b"\n") + (not block.endswith(b"\n"))


def _fits(block: bytes, separator: bytes, layout: LineLayout) -> bool:
    """Whether there are as many fields as there should be, all in all."""
    wanted = len(layout.names) - 1
    if block.count(separator) == n_lines(block) * wanted:
        return True
    if len(block) > 2 * limits.BLOCK:  # a line of megabytes: looked at field by field
        return False
    plain = layout.without_quoted(block)
    return plain.count(separator) == n_lines(plain) * wanted


def _parse(block: bytes, layout: LineLayout) -> pd.DataFrame:
    """Parse by pandas; ValueError or a warning where the columns do not come out as they should.

    Whole numbers are not prescribed but found: prescribed, pandas takes '2.0' for 2, by way of
    float64, and with it every id of the column beyond 2**53.  Such columns are read as text.
    """
    dtypes: dict[str, Any] = {}
    if len(layout.columns) == 2:  # pairs: every column is handed on as it stands
        dtypes = dict.fromkeys(layout.names, str)
    dtypes |= dict.fromkeys(layout.columns[2:], np.float64)
    ids = dict(zip(layout.columns, layout.kinds, strict=False))
    dtypes |= {name: str for name, kind in ids.items() if kind != "whole"}
    frame = _parsed(block, layout, dtypes)
    as_text = {n: str for n in ids if n not in dtypes and frame[n].dtype != np.int64}
    if as_text:
        frame = _parsed(block, layout, dtypes | as_text)
    if layout.timestamp and frame[layout.timestamp].dtype != np.int64:
        raise ValueError(f"{layout.timestamp} are {frame[layout.timestamp].dtype}")
    return frame


def _parsed(block: bytes, layout: LineLayout, dtypes: dict[str, Any]) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # pandas warns where it drops fields
        frame: pd.DataFrame = pd.read_csv(
            io.BytesIO(block), header=None, names=list(layout.names), dtype=dtypes, engine="c",
            index_col=False, keep_default_na=False, na_filter=len(layout.columns) > 2,
            na_values=[""], low_memory=False, **layout.parser_options,
        )  # fmt: skip
    return frame


def _is_suspicious(block: bytes, frame: pd.DataFrame, separator: bytes, layout: LineLayout) -> bool:
    """Look for what pandas lets pass; a false alarm only costs time."""
    if len(frame) != n_lines(block):
        # in a quoted field that goes on over a line end, or in none
        if layout.quoting == "auto" or len(frame) != n_lines(layout.without_quoted(block)):
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


def _rated(frame: pd.DataFrame, layout: LineLayout) -> pd.DataFrame:
    """Return the rows whose rating is not one of `layout.not_rated`."""
    if not layout.not_rated:
        return frame
    values = frame[layout.columns[2]].to_numpy()
    kept = frame[~np.isin(values, np.array(layout.not_rated, np.float64))]
    kept.attrs["n_not_rated"] = len(frame) - len(kept)
    return kept


def _code(column: pd.Series, kind: str) -> Coded:
    """Return the column as positions among its distinct ids; ValueError if one is no id."""
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

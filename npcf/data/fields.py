"""What a line of delimited text must hold, and what is wrong with the first that does not.

An id of a column of whole numbers may be written 17850.0, as spreadsheets do: it is 17850, read
digit by digit.  007 is refused there: it is the same number as 7, and not the same id.
"""

import csv
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from npcf.data.blocks import patterns
from npcf.data.options import PYTHON, Spelling
from npcf.errors import DataError

WHOLE = re.compile(r"[+-]?(\d+)(?:\.0+)?", re.ASCII)
NA_LIKE = ("NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "#N/A", "<NA>")
FLOAT32_MAX = float(np.finfo(np.float32).max)


class Layout(NamedTuple):
    """What a line holds: the names of its fields in order, and the roles of some of them.

    `kinds` says of the user and of the item what their ids are: "whole" numbers, "text" in which
    'NA' is suspicious, or "any text".  `quoting`: "none", "csv", or "auto", which reads as csv does
    and refuses a quoted field that holds what looks like a rating.
    """

    separator: str
    names: tuple[str, ...]
    columns: tuple[str, ...]  # user, item, rating; or user, item
    kinds: tuple[str, str] = ("whole", "whole")
    timestamp: str | None = None
    whole_rating: bool = False
    quoting: str = "none"
    spaced: bool = False  # a space follows each separator
    not_rated: tuple[float, ...] = ()
    spelling: Spelling = PYTHON

    @property
    def quoted(self) -> bool:
        """Whether quotes mean something."""
        return self.quoting != "none"

    @property
    def parser_options(self) -> dict[str, Any]:
        """Keywords of pandas.read_csv."""
        quoting = csv.QUOTE_MINIMAL if self.quoted else csv.QUOTE_NONE
        separator = "\t" if self.separator == "::" else self.separator
        return {"sep": separator, "quoting": quoting, "skipinitialspace": self.spaced}


def whole_number(text: str) -> int:
    """Return the number that an id of a column of whole numbers stands for; ValueError if none."""
    found = WHOLE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not a whole number")
    number = int(found[1])
    return -number if text.strip().startswith("-") else number


def split(line: str, separator: str, *, quoted: bool, most: int, spaced: bool = False) -> list[str]:
    """Return the fields of a line, at most `most` + 1: there are more than `most`, then.

    Raises ValueError if a quoted field has no end.
    """
    if not quoted or '"' not in line:
        plain = line.split(separator, most)
        return [field.lstrip(" ") for field in plain] if spaced else plain
    found, at, fields = patterns(separator, spaced).field, 0, list[str]()
    while len(fields) <= most:
        field = found.match(line, at)
        assert field is not None  # the last alternative takes anything
        if field[1] is not None and not field[2]:
            raise ValueError("a quoted field has no end")
        inside = field[4] if field[1] is None else field[1].replace('""', '"') + field[3]
        fields.append(inside)
        at = field.end()
        if not field[5]:
            break
    return fields


def judge_fields(block: bytes, line: int, label: str, layout: Layout) -> None:
    """Raise DataError naming the first line with a wrong field; return if there is none."""
    most = len(layout.names)
    for at, text in records(block.decode(), line, layout):
        where = f"{label}, line {at}"
        if text.strip() or most == 1:
            try:
                row = split(text, layout.separator, quoted=layout.quoted, most=most,
                            spaced=layout.spaced)  # fmt: skip
            except ValueError as error:
                cure = f"If quotes are plain characters: {layout.spelling(quoting='none')}."
                raise DataError(where, f"cannot be read: {error}", cure) from None
            if "\r" in text and b"\r" in bare(text.encode(), layout):
                problem, cure = "has a line end \\r among others", "Convert the line ends to \\n."
                raise DataError(where, problem, cure)
            _judge_line(row, where, layout)
        if layout.quoting == "auto" and "\n" in text:
            _judge_swallowed(text, where, layout)


def bare(block: bytes, layout: Layout) -> bytes:
    """Return the block with a letter in the place of each quoted field."""
    if not layout.quoted or b'"' not in block:
        return block
    return patterns(layout.separator, layout.spaced).quoted.sub(b"q", block)


def records(text: str, line: int, layout: Layout) -> Iterator[tuple[int, str]]:
    """Go through the lines, which go on over line ends in quoted fields, with their numbers."""
    at = 0
    while at < len(text):
        end = -1
        if layout.quoted:
            found = patterns(layout.separator, layout.spaced).line.match(text, at)
            if found is not None and found.end() > at:
                end = found.end() - (text[found.end() - 1] == "\n")
        else:
            end = text.find("\n", at)
        if end < 0:
            end = len(text)
        yield line, text[at:end].removesuffix("\r")
        line += 1 + text.count("\n", at, end)
        at = end + 1


def _judge_swallowed(text: str, where: str, layout: Layout) -> None:
    """Raise if one of the lines that a quoted field goes on over looks like a rating itself."""
    n = len(layout.names)
    for part in text.split("\n")[1:]:
        row = part.removesuffix("\r").split(layout.separator, n)
        if len(row) != n or _problem(dict(zip(layout.names, row, strict=True)), layout):
            continue
        say = layout.spelling
        raise DataError(
            where,
            f"a quoted field goes on over the line end and swallows {part[:60]!r}, which looks "
            "like a rating",
            f"If quotes are plain characters: {say(quoting='none')}; if the field is meant: "
            f"{say(quoting='csv')}.",
            value=part,
        )


def _judge_line(row: list[str], where: str, layout: Layout) -> None:
    n = len(layout.names)
    if len(row) != n:
        raise DataError(
            where,
            f"has {'fewer' if len(row) < n else 'more'} than {n} fields",
            f"The file is torn, or its {n} fields are not separated by {layout.separator!r}.",
            value=len(row),
        )
    wrong = _problem(dict(zip(layout.names, row, strict=True)), layout)
    if wrong:
        name, problem, cure, value = wrong
        raise DataError(where, f"{name} is {problem}", cure, value=value)


def _problem(fields: dict[str, str], layout: Layout) -> tuple[str, str, str, str] | None:
    """Return (name, problem, cure, value) of the first wrong field, or None."""
    for name, kind in zip(layout.columns, layout.kinds, strict=False):
        if problem := _id_problem(fields[name], kind):
            return name, problem, _id_cure(kind, fields[name], layout.spelling), fields[name]
    cure = "Correct or drop the line."
    for name in layout.columns[2:]:
        if problem := _rating_problem(fields[name], layout.whole_rating):
            return name, problem, cure, fields[name]
    name = layout.timestamp or ""
    if name and (problem := _id_problem(fields[name], "whole", zeros=True)):
        return name, problem, cure, fields[name]
    return None


def _id_problem(text: str, kind: str, *, zeros: bool = False) -> str:
    if not text.strip():
        return "missing"
    if kind != "any text" and text.strip() in NA_LIKE:
        return f"{text!r}, which reads like a missing value"
    if kind != "whole":
        return ""
    found = WHOLE.fullmatch(text.strip())
    if not found or (zeros and "." in text):
        return f"{text!r}, not a whole number"
    if len(found[1]) > 1 and found[1][0] == "0" and not zeros:
        return f"{text!r}: as a number it would be the same id as {whole_number(text)}"
    if not -(2**63) <= whole_number(text) < 2**63:
        return f"{text!r}, beyond 64 bits"
    return ""


def _id_cure(kind: str, text: str, spelling: Spelling) -> str:
    if kind == "any text" or not text.strip():
        return "Correct or drop the line."
    ids = spelling(ids="text")
    return f"Correct or drop the line, or keep ids as they are written: {ids}."


def _rating_problem(text: str, whole: bool) -> str:
    if not text.strip():
        return "missing"
    try:
        value = float(text)
    except ValueError:
        return f"{text!r}, not a {'whole ' if whole else ''}number"
    if not abs(value) <= FLOAT32_MAX:
        return f"{text!r}, no finite float32"
    return f"{text!r}, not a whole number" if whole and value % 1 else ""

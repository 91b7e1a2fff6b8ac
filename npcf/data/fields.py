"""How a line of delimited text is split into fields, and what is wrong with the first bad one.

An id in a column of whole numbers may be written 17850.0, as spreadsheets do: it is 17850, read
digit by digit.  007 is refused there: it is the same number as 7, but not the same id.
"""

import csv
import functools
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from npcf.data.spelling import PYTHON, Spelling
from npcf.errors import DataError

WHOLE = re.compile(r"[+-]?(\d+)(?:\.0+)?", re.ASCII)
NA_LIKE = ("NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "#N/A", "<NA>")
MOST_DIGITS = 1000  # of a number: Python reads no more than 4,300
FLOAT32_MAX = float(np.finfo(np.float32).max)


class Patterns:
    """Regular expressions of the quoting rules, for one separator.

    A quote counts at the start of a field only; inside a quoted field, two stand for one.  The
    quantifiers are possessive (`*+`): nothing is tried twice, so time and memory stay linear.
    """

    def __init__(self, separator: str, spaced: bool):
        s, space = re.escape(separator), " *+" if spaced else ""
        quoted = rf'(?<![^{s}\n]){space}"[^"]*+(?:""[^"]*+)*+"'
        other = rf'[^"\n{s}]++|{s}' if spaced else r'[^"\n]++'
        line = rf'(?:{quoted}|{other}|(?<=[^{s}\n])")*+'
        self.quoted = re.compile(quoted.encode())  # a quoted field
        self.lines = re.compile(rf"(?:{line}\n)*+".encode())  # as many whole lines as there are
        self.line = re.compile(rf"{line}(?:\n|\Z)")
        self.field = re.compile(
            rf'{space}(?:"([^"]*+(?:""[^"]*+)*+)("?)([^{s}]*+)|([^{s}]*+))({s}|\Z)'
        )


_patterns = functools.cache(Patterns)


class LineLayout(NamedTuple):
    """How the lines of a file are written.

    Parameters
    ----------
    names : the names of a line's fields, in order.
    columns : those of user, item and rating; or of user and item.
    kinds : for user and item, "whole" numbers, "text" in which 'NA' is suspicious, or "any text".
    quoting : "none"; "csv"; or "auto", which reads as csv does and refuses a quoted field that goes
        on over a line that looks like a rating.
    spaced : whether a space follows each separator.
    """

    separator: str
    names: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    kinds: tuple[str, str] = ("whole", "whole")
    timestamp: str | None = None
    whole_rating: bool = False
    quoting: str = "none"
    spaced: bool = False
    not_rated: tuple[float, ...] = ()
    spelling: Spelling = PYTHON
    of_model: bool = False  # `kinds` are those of a model's ids

    @property
    def quoted(self) -> bool:
        """Whether quotes have a meaning."""
        return self.quoting != "none"

    @property
    def patterns(self) -> Patterns:
        """The regular expressions of this separator."""
        return _patterns(self.separator, self.spaced)

    @property
    def parser_options(self) -> dict[str, Any]:
        """Keywords of pandas.read_csv."""
        quoting = csv.QUOTE_MINIMAL if self.quoted else csv.QUOTE_NONE
        separator = "\t" if self.separator == "::" else self.separator
        return {"sep": separator, "quoting": quoting, "skipinitialspace": self.spaced}

    def split(self, line: str, most: int | None = None) -> list[str]:
        """Return the fields of a line, at most `most` + 1 (default: as many as there are names).

        Raises ValueError if a quoted field has no end.
        """
        most = len(self.names) if most is None else most
        if not self.quoted or '"' not in line:
            plain = line.split(self.separator, most)
            return [field.lstrip(" ") for field in plain] if self.spaced else plain
        at, fields = 0, list[str]()
        while len(fields) <= most:
            field = self.patterns.field.match(line, at)
            assert field is not None  # the last alternative takes anything
            if field[1] is not None and not field[2]:
                raise ValueError("a quoted field has no end")
            fields.append(field[4] if field[1] is None else field[1].replace('""', '"') + field[3])
            at = field.end()
            if not field[5]:
                break
        return fields

    def without_quoted(self, block: bytes) -> bytes:
        """Return the block with a letter in the place of each quoted field."""
        return self.patterns.quoted.sub(b"q", block) if self.quoted and b'"' in block else block

    def records(self, text: str, line: int) -> Iterator[tuple[int, str]]:
        """Yield (line number, record): a record spans lines where a quoted field does."""
        at = 0
        while at < len(text):
            end = -1
            if self.quoted:
                found = self.patterns.line.match(text, at)
                if found is not None and found.end() > at:
                    end = found.end() - (text[found.end() - 1] == "\n")
            else:
                end = text.find("\n", at)
            if end < 0:
                end = len(text)
            yield line, text[at:end].removesuffix("\r")
            line += 1 + text.count("\n", at, end)
            at = end + 1


def shortened(text: str) -> str:
    """Return the text as a message shows it."""
    return repr(text) if len(text) <= 60 else f"{text[:60]!r}... ({len(text)} characters)"


def whole_number(text: str) -> int:
    """Return the number that an id of a column of whole numbers stands for; ValueError if none."""
    found = WHOLE.fullmatch(text.strip())
    if found is None or len(found[1]) > MOST_DIGITS:
        raise ValueError(f"{shortened(text)} is not a whole number")
    return -int(found[1]) if text.strip().startswith("-") else int(found[1])


def check_fields(block: bytes, line: int, label: str, layout: LineLayout) -> None:
    """Raise DataError naming the first line with a bad field; return if there is none."""
    for at, text in layout.records(block.decode(), line):
        where = f"{label}, line {at}"
        if text.strip() or len(layout.names) == 1:
            try:
                row = layout.split(text)
            except ValueError as error:
                cure = f"If quotes are plain characters: {layout.spelling(quoting='none')}."
                raise DataError(where, f"cannot be read: {error}", cure) from None
            if "\r" in text and b"\r" in layout.without_quoted(text.encode()):
                problem, cure = "has a line end \\r among others", "Convert the line ends to \\n."
                raise DataError(where, problem, cure)
            _check_row(row, where, layout)
        if layout.quoting == "auto" and "\n" in text:
            _check_swallowed(text, where, layout)


def _check_swallowed(text: str, where: str, layout: LineLayout) -> None:
    """Raise if one of the lines that a quoted field goes on over looks like a rating itself."""
    n, say = len(layout.names), layout.spelling
    for part in text.split("\n")[1:]:
        row = part.removesuffix("\r").split(layout.separator, n)
        if len(row) == n and not _problem(row, layout):
            problem = "a quoted field goes on over the line end and swallows "
            problem += f"{part[:60]!r}, which looks like a rating"
            cure = f"If quotes are plain characters: {say(quoting='none')}; "
            cure += f"if the field is meant: {say(quoting='csv')}."
            raise DataError(where, problem, cure, value=part)


def _check_row(row: list[str], where: str, layout: LineLayout) -> None:
    n = len(layout.names)
    if len(row) != n:
        problem = f"has {'fewer' if len(row) < n else 'more'} than {n} fields"
        cure = f"The file is torn, or its {n} fields are not separated by {layout.separator!r}."
        raise DataError(where, problem, cure, value=len(row))
    if found := _problem(row, layout):
        problem, cure, value = found
        raise DataError(where, problem, cure, value=value)


def _problem(row: list[str], layout: LineLayout) -> tuple[str, str, str] | None:
    """Return (problem, cure, value) of the first bad field, or None."""
    fields, cure = dict(zip(layout.names, row, strict=True)), "Correct or drop the line."
    for name, kind in zip(layout.columns, layout.kinds, strict=False):
        if problem := _id_problem(fields[name], kind):
            if kind != "any text" and fields[name].strip():
                how = f", or keep ids as they are written: {layout.spelling(ids='text')}"
                how = ": the model's ids are whole numbers" if layout.of_model else how
                cure = f"Correct or drop the line{how}."
            return f"{name} is {problem}", cure, fields[name]
    for name in layout.columns[2:]:
        if problem := _rating_problem(fields[name], layout.whole_rating):
            return f"{name} is {problem}", cure, fields[name]
    name = layout.timestamp or ""
    if name and (problem := _id_problem(fields[name], "whole", zeros=True)):
        return f"{name} is {problem}", cure, fields[name]
    return None


def _id_problem(text: str, kind: str, *, zeros: bool = False) -> str:
    shown = shortened(text)
    if not text.strip():
        return "missing"
    if kind != "any text" and text.strip() in NA_LIKE:
        return f"{shown}, which reads like a missing value"
    if kind != "whole":
        return ""
    found = WHOLE.fullmatch(text.strip())
    if not found or (zeros and "." in text):
        return f"{shown}, not a whole number"
    if len(found[1]) > MOST_DIGITS:
        return f"{shown}, beyond 64 bits"
    if len(found[1]) > 1 and found[1][0] == "0" and not zeros:
        return f"{shown}: as a number it would be the same id as {whole_number(text)}"
    return "" if -(2**63) <= whole_number(text) < 2**63 else f"{shown}, beyond 64 bits"


def _rating_problem(text: str, whole: bool) -> str:
    shown = shortened(text)
    if not text.strip():
        return "missing"
    try:
        value = float(text)
        if not text.isascii() or "_" in text:  # which Python reads, and no csv means
            raise ValueError
    except ValueError:
        return f"{shown}, not a {'whole ' if whole else ''}number"
    if not abs(value) <= FLOAT32_MAX:
        return f"{shown}, no finite float32"
    return f"{shown}, not a whole number" if whole and value % 1 else ""

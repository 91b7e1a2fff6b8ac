"""What a line of delimited text must hold, and what is wrong with the first that does not."""

import csv
import io
import re
from typing import Any, NamedTuple

import numpy as np

from npcf.errors import DataError

WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
NA_LIKE = ("NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "#N/A", "<NA>")
FLOAT32_MAX = float(np.finfo(np.float32).max)


class Layout(NamedTuple):
    """What a line holds: the names of its fields in order, and the roles of some of them.

    `kinds` says of the user and of the item what their ids are: "whole" numbers, "text" in which
    'NA' is suspicious, or "any text".
    """

    separator: str
    names: tuple[str, ...]
    columns: tuple[str, str, str]  # user, item, rating
    kinds: tuple[str, str] = ("whole", "whole")
    timestamp: str | None = None
    whole_rating: bool = False
    quoted: bool = False

    @property
    def csv_options(self) -> dict[str, Any]:
        """Keywords of csv.reader and pandas.read_csv alike."""
        quoting = csv.QUOTE_MINIMAL if self.quoted else csv.QUOTE_NONE
        separator = "\t" if self.separator == "::" else self.separator
        return {"delimiter": separator, "quoting": quoting}


def judge_fields(block: bytes, line: int, label: str, layout: Layout) -> None:
    """Raise DataError naming the first line with a wrong field; return if there is none."""
    lines = csv.reader(io.StringIO(block.decode(), newline=""), strict=True, **layout.csv_options)
    if layout.separator == "::":
        text = block.decode().split("\n")
        lines = (row.rstrip("\r").split("::") if row.strip() else [] for row in text)  # type: ignore[assignment]
    at = line - 1
    try:
        for row in lines:
            at = line - 1 + lines.line_num if hasattr(lines, "line_num") else at + 1
            if row:
                _judge_line(row, f"{label}, line {at}", layout)
    except csv.Error as error:
        at = line - 1 + getattr(lines, "line_num", 0)
        raise DataError(f"{label}, line {at}", f"cannot be read ({error})", "Mend it.") from None


def _judge_line(row: list[str], where: str, layout: Layout) -> None:
    n = len(layout.names)
    if len(row) != n:
        raise DataError(
            where,
            f"has {'fewer' if len(row) < n else 'more'} than {n} fields",
            f"The file is torn, or its {n} fields are not separated by {layout.separator!r}.",
            value=len(row),
        )
    fields = dict(zip(layout.names, row, strict=True))
    user, item, rating = layout.columns
    cure = "Correct or drop the line."
    for name, kind in ((user, layout.kinds[0]), (item, layout.kinds[1])):
        if problem := _id_problem(fields[name], kind):
            raise DataError(where, f"{name} is {problem}", _id_cure(kind), value=fields[name])
    if problem := _rating_problem(fields[rating], layout.whole_rating):
        raise DataError(where, f"{rating} is {problem}", cure, value=fields[rating])
    name = layout.timestamp or ""
    if name and (problem := _id_problem(fields[name], "whole", zeros=True)):
        raise DataError(where, f"{name} is {problem}", cure, value=fields[name])


def _id_problem(text: str, kind: str, *, zeros: bool = False) -> str:
    if not text.strip():
        return "missing"
    if kind != "any text" and text.strip() in NA_LIKE:
        return f"{text!r}, which reads like a missing value"
    if kind != "whole":
        return ""
    if not WHOLE.fullmatch(text.strip()):
        return f"{text!r}, not a whole number"
    digits = text.strip().lstrip("+-")
    if len(digits) > 1 and digits[0] == "0" and not zeros:
        return f"{text!r}: as a number it would be the same id as {int(digits)}"
    if not -(2**63) <= int(text) < 2**63:
        return f"{text!r}, beyond 64 bits"
    return ""


def _id_cure(kind: str) -> str:
    if kind == "any text":
        return "Correct or drop the line."
    return 'Correct or drop the line, or keep ids as they are written: read_csv(..., ids="text").'


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

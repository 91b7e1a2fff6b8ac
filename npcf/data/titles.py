"""The titles of MovieLens: `u.item`, `movies.dat` or `movies.csv`."""

import csv
import io
from collections.abc import Iterable
from typing import IO, Any, NamedTuple

from npcf.data.fields import MOST_DIGITS, shortened
from npcf.data.spelling import PYTHON, Spelling
from npcf.errors import DataError


class TitleFormat(NamedTuple):
    """How a file of titles is written; one with quotes has a header."""

    separator: str
    encodings: tuple[str, ...]  # tried in this order
    quoted: bool = False


def read_titles(
    stream: IO[bytes],
    label: str,
    form: TitleFormat,
    as_text: bool = False,
    spelling: Spelling = PYTHON,
) -> dict[Any, str]:
    """Return {movie id: title}; ids are numbers unless `as_text`."""
    text, titles = _decode(stream.read(), label, form.encodings), dict[Any, str]()
    if form.quoted:
        try:
            rows: Iterable[list[str]] = list(csv.reader(io.StringIO(text, newline="")))
        except csv.Error as error:  # a field of more than 131,072 characters
            raise DataError(label, f"cannot be read ({error})", "Is it the right file?") from None
    else:  # split by hand: a title may hold quotes, and str.splitlines knows too many line ends
        rows = (row.rstrip("\r").split(form.separator) for row in text.split("\n"))
    for line, row in enumerate(rows, 1):
        if not any(row) or (form.quoted and line == 1 and row[:2] == ["movieId", "title"]):
            continue
        where, ids = f"{label}, line {line}", spelling(ids="text")
        if len(row) < 2:
            cure = f"It is cut short or not separated by {form.separator!r}."
            raise DataError(where, "has fewer than 2 fields", cure)
        number = row[0].isascii() and row[0].isdigit() and len(row[0]) <= MOST_DIGITS
        if not as_text and not number:
            cure = f"A line is the id of a movie, then its title; if ids are text, {ids}."
            problem = f"movie is {shortened(row[0])}, not a whole number"
            raise DataError(where, problem, cure, value=row[0])
        movie = row[0].strip() if as_text else int(row[0])
        if movie in titles:
            raise DataError(where, "repeats a movie id", "Each id has one line.", value=row[0])
        titles[movie] = row[1]
    if not titles:
        raise DataError(label, "is empty", "Is it the right file?")
    return titles


def _decode(data: bytes, label: str, encodings: tuple[str, ...]) -> str:
    for encoding in encodings:
        try:
            return data.decode(encoding).removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            line = 1 + data.count(b"\n", 0, error.start)
            problem = f"byte 0x{data[error.start]:02X} is not {encoding}"
    raise DataError(f"{label}, line {line}", problem, "Is it the file as it was published?")

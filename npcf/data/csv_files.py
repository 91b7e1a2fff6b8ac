"""Reader for people's own ratings: one line a rating, a header, any of the usual separators."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from npcf.data.blocks import read_header
from npcf.data.columns import find_columns
from npcf.data.delimited import read_columns
from npcf.data.fields import WHOLE, Layout
from npcf.data.places import Place
from npcf.data.ratings import Ratings
from npcf.errors import DataError, require_choice

SEPARATORS = ("::", "\t", ";", "|", ",")


def read_csv(
    path: str | Path,
    user: str | None = None,
    item: str | None = None,
    rating: str | None = None,
    ids: str = "auto",
) -> Ratings:
    """Read a csv or tsv file (or a zip that holds one) whose first line names its columns.

    Columns that are not named are found by their aliases (`find_columns`); others are ignored.
    ids="auto": a column whose first id is a whole number holds whole numbers, 007 and NA refused;
    any other column holds text.  ids="text": every id is the text as it stands, '007' beside '7'.
    Raises DataError naming file and line where a field is missing, torn or no number.
    """
    place, name = _open_one(path)
    names, separator = _names(place, name)
    return _read(place, name, names, separator, (user, item, rating), ids)


def read_csv_by_position(
    path: str | Path, user: str | None, item: str | None, rating: str | None, ids: str = "auto"
) -> Ratings:
    """Read as fastai's adapter does: columns not named are the first, second and third."""
    place, name = _open_one(path)
    names, separator = _names(place, name)
    wanted = tuple(given or names[i] for i, given in enumerate((user, item, rating)))
    return _read(place, name, names, separator, wanted, ids)


def _open_one(path: str | Path) -> tuple[Place, str]:
    place = Place(path)
    if place.named:
        return place, place.named
    if not place.zip or len(place.names) != 1:
        problem = f"{path} is a folder" if not place.zip else f"{path} holds {len(place.names)}"
        raise DataError("path", f"{problem} file(s), not one", "Name one csv file.")
    return place, place.names[0]


def _names(place: Place, name: str) -> tuple[list[str], str]:
    """Return the column names and the separator: the one that makes most columns of the header."""
    label = place.label(name)
    with place.open(name) as stream:
        line = read_header(stream, label)
    options = {separator: _split(line, separator) for separator in SEPARATORS}
    separator = max(options, key=lambda separator: len(options[separator]))
    names = [field.strip() for field in options[separator]]
    where = f"{label}, line 1"
    if len(names) < 3:
        problem = f"{line[:60]!r} is not three or more names"
        cure = r"Separate the fields by one of , \t ; | or ::"
        raise DataError(where, problem, cure + ".", value=line)
    if all(_is_number(field) for field in names[:3]):
        problem, cure = f"{line[:60]!r} is a rating, not a header", "Add a line user,item,rating."
        raise DataError(where, problem, cure, value=line)
    for field in names:
        if names.count(field) > 1:
            cure = "Give each column its own name."
            raise DataError(where, f"names the column {field!r} twice", cure, value=field)
    return names, separator


def _read(
    place: Place,
    name: str,
    names: list[str],
    separator: str,
    wanted: tuple[str | None, ...],
    ids: str,
) -> Ratings:
    require_choice("ids", ids, ("auto", "text"))
    label = place.label(name)
    try:
        columns = find_columns(names, *wanted)
    except DataError as error:
        problem = error.message.removeprefix("frame: ").partition(f". {error.cure}")[0]
        raise DataError(f"{label}, line 1", problem, error.cure) from None
    layout = Layout(separator, tuple(names), columns, quoted=separator != "::")
    with place.open(name) as stream:
        read_header(stream, label)
        layout = layout._replace(kinds=("any text", "any text"))
        if ids == "auto":
            layout = layout._replace(kinds=_kinds(place, name, layout))
        found = read_columns(stream, label, layout, first_line=2)
    return Ratings.from_codes(found.users, found.items, found.rating, columns)


def _kinds(place: Place, name: str, layout: Layout) -> tuple[str, str]:
    """Tell whole numbers from text by the first line of ratings."""
    with place.open(name) as stream:
        read_header(stream, place.label(name))
        first = _first_row(stream, layout)
    row = dict(zip(layout.names, first, strict=False))
    user, item = (
        "whole" if WHOLE.fullmatch(row.get(c, "")) else "text" for c in layout.columns[:2]
    )
    return user, item


def _first_row(stream: IO[bytes], layout: Layout) -> list[str]:
    lines = (line.decode(errors="replace") for line in stream)
    if layout.separator == "::":
        rows: Iterator[list[str]] = (line.rstrip("\r\n").split("::") for line in lines)
    else:
        rows = csv.reader(lines, **layout.csv_options)
    try:
        return next((row for row in rows if any(row)), [])
    except csv.Error:  # read_columns says where
        return []


def _split(line: str, separator: str) -> list[str]:
    if separator == "::":
        return line.split(separator)
    return next(csv.reader([line], delimiter=separator), [])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

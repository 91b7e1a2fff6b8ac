"""Reader for every generation of MovieLens, from the folder, the ratings file or the zip.

generation       ratings                       titles
100k             u.data       tab, no header   u.item      |, latin-1, 24 fields
1m, 10m          ratings.dat  ::, no header    movies.dat  ::, latin-1 (1m) or utf-8 (10m)
20m, 25m, 32m,   ratings.csv  comma, header    movies.csv  comma, header, utf-8, quoted titles
latest(-small)

Files like these are read too: without timestamps, and with ids that are text, such as 0114508 in
MovieTweetings, which as a number would lose its zero.
"""

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import pandas as pd

from npcf.data.blocks import Text
from npcf.data.csv import Reader, kind_of_text
from npcf.data.delimited import Columns, read_columns
from npcf.data.fields import Layout
from npcf.data.options import PYTHON, Spelling
from npcf.data.places import PACKED, Place
from npcf.data.ratings import Coded, Ratings, count_repeats
from npcf.errors import DataError, require_choice


class Form(NamedTuple):
    """One generation's files."""

    ratings: str
    layout: Layout
    titles: str
    title_separator: str
    encodings: tuple[str, ...]  # tried in this order
    header: str = ""


DAT_NAMES = ("user", "movie", "rating", "timestamp")
CSV_NAMES = ("userId", "movieId", "rating", "timestamp")
TAB = Form(
    "u.data",
    Layout("\t", DAT_NAMES, DAT_NAMES[:3], timestamp="timestamp", whole_rating=True),
    "u.item", "|", ("latin-1",),
)  # fmt: skip
DAT = Form(
    "ratings.dat",
    Layout("::", DAT_NAMES, DAT_NAMES[:3], timestamp="timestamp"),
    "movies.dat", "::", ("utf-8", "latin-1"),
)  # fmt: skip
CSV = Form(
    "ratings.csv",
    Layout(",", CSV_NAMES, CSV_NAMES[:3], timestamp="timestamp", quoting="auto"),
    "movies.csv", ",", ("utf-8",), ",".join(CSV_NAMES),
)  # fmt: skip
FORMS = {form.ratings: form for form in (TAB, DAT, CSV)}


def find_form(place: Place) -> Form | None:
    """Return the generation of MovieLens that lies here, or None."""
    if not place.named:
        here = {Path(name).name for name in place.names}
        return next((form for form in FORMS.values() if {form.ratings, form.titles} <= here), None)
    form = FORMS.get(_unpacked(place.named))
    if form is None and Path(_unpacked(place.named)).suffix.lower() not in (".csv", ".tsv", ".txt"):
        if (place.path / place.named).is_file():  # a pipe can be read but once
            form = _guess_form(place, place.named)
        if form and (form is CSV or not place.has_beside(place.named, form.titles)):
            form = None
    if form is CSV and not place.has_beside(place.named, form.titles):
        form = None
    return form


def read_movielens(
    path: str | Path,
    item: str = "id",
    *,
    timestamps: bool = False,
    form: Form | None = None,
    ids: str = "auto",
    reader: Reader | None = None,
) -> Ratings:
    """Read a MovieLens release: its folder, its ratings file, or its zip, never unpacked.

    `item="id"`: an item is a movie id, labelled by its title.  `item="title"`: an item is a title,
    as in the lesson's `CollabDataLoaders.from_df(item_name="title")`; 18 titles of ml-100k occur
    under two ids, which this merges and counts (`n_merged_ids`, `n_merged_pairs`).
    ids="text": ids are text as they stand; "auto": also where the first of them starts with a zero.
    Takes 12 bytes a rating and one block of lines; 8 bytes more with `timestamps`.
    Raises DataError naming file and line on a torn, empty or wrongly separated file.
    """
    require_choice("item", item, ("id", "title"))
    reader = replace(reader or Reader(), ids=ids)
    place = Place(path, reader.spelling)
    name = place.named or place.find([form.ratings] if form else FORMS)
    form = form or FORMS.get(_unpacked(Path(name).name)) or _guess_form(place, name)
    with place.open(name) as stream:
        text = Text(stream, place.label(name), reader.encoding, reader.spelling)
        layout, line = _layout(text, form, reader)
        if item == "title":
            layout = layout._replace(kinds=(layout.kinds[0], _own_kind(text, layout, reader)[1]))
        columns = read_columns(text, layout, line, timestamps=timestamps)
    other = place.beside(name, form.titles)
    as_text = layout.kinds[1] != "whole"
    with place.open(other) as stream:
        titles = read_titles(stream, place.label(other), form, as_text, reader.spelling)
    _judge_titles(columns.items.ids, titles, place.label(other))
    user, _, stars = names = form.layout.columns
    if item == "title":
        return _by_title(columns, titles, (user, "title", stars))
    users, items, rating, times, n_not_rated = columns
    found = Ratings.from_codes(
        users, items, rating, (names[0], names[1], names[2]), times, lambda movie: titles[movie]
    )
    return replace(found, n_not_rated=n_not_rated)


def read_ml100k(path: str | Path, item: str = "id") -> Ratings:
    """Read MovieLens 100k and nothing else: `read_movielens` for `u.data` and `u.item`."""
    return read_movielens(path, item, form=TAB)


def read_titles(
    stream: IO[bytes],
    label: str,
    form: Form,
    as_text: bool = False,
    spelling: Spelling = PYTHON,
) -> dict[Any, str]:
    """Return the title of each movie id of `u.item`, `movies.dat` or `movies.csv`."""
    text = _decode(stream.read(), label, form.encodings)
    separator, titles, line = form.title_separator, dict[Any, str](), 0
    if form.header:
        rows = iter(csv.reader(io.StringIO(text, newline="")))
    else:  # split by hand: a title may hold quotes, and str.splitlines knows too many line ends
        rows = (row.rstrip("\r").split(separator) for row in text.split("\n"))  # type: ignore[assignment]
    for line, row in enumerate(rows, 1):
        if not any(row) or (form.header and line == 1 and row[:2] == ["movieId", "title"]):
            continue
        where = f"{label}, line {line}"
        if len(row) < 2:
            cure = f"It is cut short or not separated by {separator!r}."
            raise DataError(where, "has fewer than 2 fields", cure)
        if not as_text and not (row[0].isascii() and row[0].isdigit()):
            cure = "A line is the id of a movie, then its title; if ids are text, "
            cure += f"{spelling(ids='text')}."
            raise DataError(where, f"movie is {row[0]!r}, not a whole number", cure, value=row[0])
        movie = row[0].strip() if as_text else int(row[0])
        if movie in titles:
            raise DataError(where, "repeats a movie id", "Each id has one line.", value=row[0])
        titles[movie] = row[1]
    if not titles:
        raise DataError(label, "is empty", "Is it the right file?")
    return titles


def _by_title(columns: Columns, titles: dict[Any, str], names: tuple[str, ...]) -> Ratings:
    """Let ids of one title be one item; repeated pairs can only arise among those."""
    users, items, rating, times, n_not_rated = columns
    codes, different = pd.factorize(np.array([titles[movie] for movie in items.ids], dtype=object))
    shared = np.bincount(codes)[codes] > 1  # by id: does it share its title?
    there = shared[items.codes]
    who, which = users.codes[there], items.codes[there]
    merged_codes = codes.astype(np.int32)
    repeats = count_repeats(who, merged_codes[which], len(codes))
    repeats -= count_repeats(who, which, len(codes))
    merged = Coded(merged_codes[items.codes], pd.Index(different))
    result = Ratings.from_codes(users, merged, rating, (names[0], names[1], names[2]), times)
    n_merged = len(codes) - len(different)
    return replace(result, n_merged_ids=n_merged, n_merged_pairs=repeats, n_not_rated=n_not_rated)


def _guess_form(place: Place, name: str) -> Form:
    """Tell the generation of a file of another name, such as u1.base, from its first line."""
    with place.open(name) as stream:
        line = Text(stream, place.label(name)).peek_line()
    return DAT if "::" in line else TAB if "\t" in line else CSV


def _unpacked(name: str) -> str:
    path = Path(name)
    return path.stem if path.suffix.lower() in PACKED else path.name


def _layout(text: Text, form: Form, reader: Reader) -> tuple[Layout, int]:
    """Return how the lines of a release are made up, and the number of the first rating."""
    line, layout, first = text.header(), form.layout, 1
    layout = layout._replace(not_rated=reader.not_rated, spelling=reader.spelling)
    if form.header:
        names = tuple(field.strip() for field in line.replace('"', "").split(","))
        if not set(layout.columns) <= set(names) or len(set(names)) < len(names):
            say = reader.spelling
            cure = "For a file of your own use read_csv."
            if say.shell:
                cure = f"If it is a file of your own: {say(user=1, item=2, rating=3)}."
            problem = f"is {line[:60]!r}, not the header {form.header!r}"
            raise DataError(f"{text.label}, line 1", problem, cure, value=line)
        layout = layout._replace(names=names, quoting=reader.quoting)
        if "timestamp" not in names:
            layout = layout._replace(timestamp=None)
        text.skip_line()
        first = 2
    elif _has_no_time(line, layout):
        layout = layout._replace(names=layout.names[:3], timestamp=None)
    return layout._replace(kinds=reader.kinds or _own_kind(text, layout, reader)), first


def _has_no_time(line: str, layout: Layout) -> bool:
    """Whether a line is a user, an item and a rating, and nothing else."""
    fields = line.split(layout.separator)
    numbers = [field.strip().replace(".", "", 1).isdigit() for field in fields]
    return len(fields) == 3 and all(numbers)


def _own_kind(text: Text, layout: Layout, reader: Reader) -> tuple[str, str]:
    """Return "whole" for users and items, or text where asked for, or where the first has zeros."""
    if reader.ids == "text":
        return "any text", "any text"
    row = dict(zip(layout.names, text.peek_line().split(layout.separator), strict=False))
    fields = [row.get(name, "").strip().strip('"') for name in layout.columns[:2]]
    user, item = (
        "text" if field.isdigit() and kind_of_text(field) == "text" else "whole" for field in fields
    )
    return user, item


def _decode(data: bytes, label: str, encodings: tuple[str, ...]) -> str:
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            line = 1 + data.count(b"\n", 0, error.start)
            problem = f"byte 0x{data[error.start]:02X} is not {encoding}"
    raise DataError(f"{label}, line {line}", problem, "Is it the file as it was published?")


def _judge_titles(ids: pd.Index, titles: dict[Any, str], label: str) -> None:
    for movie in ids:
        if movie not in titles:
            problem, cure = f"has no title for movie {movie}", "Both files must be of one release."
            raise DataError(label, problem, cure, value=movie)

"""Reader for every generation of MovieLens, from the folder, the ratings file or the zip.

generation       ratings                       titles
100k             u.data       tab, no header   u.item      |, latin-1, 24 fields
1m, 10m          ratings.dat  ::, no header    movies.dat  ::, latin-1 (1m) or utf-8 (10m)
20m, 25m, 32m,   ratings.csv  comma, header    movies.csv  comma, header, utf-8, quoted titles
latest(-small)
"""

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import pandas as pd

from npcf.data.blocks import read_header
from npcf.data.delimited import Columns, read_columns
from npcf.data.fields import Layout
from npcf.data.places import Place
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
    Layout(",", CSV_NAMES, CSV_NAMES[:3], timestamp="timestamp", quoted=True),
    "movies.csv", ",", ("utf-8",), ",".join(CSV_NAMES),
)  # fmt: skip
FORMS = {form.ratings: form for form in (TAB, DAT, CSV)}


def read_movielens(
    path: str | Path, item: str = "id", *, timestamps: bool = False, form: Form | None = None
) -> Ratings:
    """Read a MovieLens release: its folder, its ratings file, or its zip, never unpacked.

    `item="id"`: an item is a movie id, labelled by its title.  `item="title"`: an item is a title,
    as in the lesson's `CollabDataLoaders.from_df(item_name="title")`; 18 titles of ml-100k occur
    under two ids, which this merges and counts (`n_merged_ids`, `n_merged_pairs`).
    Takes 12 bytes a rating and one block of lines; 8 bytes more with `timestamps`.
    Raises DataError naming file and line on a torn, empty or wrongly separated file.
    """
    require_choice("item", item, ("id", "title"))
    place = Place(path)
    name = place.named or place.find([form.ratings] if form else FORMS)
    form = form or FORMS.get(Path(name).name) or _guess_form(place, name)
    with place.open(name) as stream:
        if form.header:
            _judge_header(read_header(stream, place.label(name)), form.header, place.label(name))
        columns = read_columns(
            stream, place.label(name), form.layout, 1 + bool(form.header), timestamps=timestamps
        )
    other = place.beside(name, form.titles)
    with place.open(other) as stream:
        titles = read_titles(stream, place.label(other), form)
    _judge_titles(columns.items.ids, titles, place.label(other))
    user, _, stars = names = form.layout.columns
    if item == "title":
        return _by_title(columns, titles, (user, "title", stars))
    users, items, rating, times = columns
    return Ratings.from_codes(users, items, rating, names, times, lambda movie: titles[movie])


def read_ml100k(path: str | Path, item: str = "id") -> Ratings:
    """Read MovieLens 100k and nothing else: `read_movielens` for `u.data` and `u.item`."""
    return read_movielens(path, item, form=TAB)


def read_titles(stream: IO[bytes], label: str, form: Form) -> dict[int, str]:
    """Return the title of each movie id of `u.item`, `movies.dat` or `movies.csv`."""
    text = _decode(stream.read(), label, form.encodings)
    separator, titles, line = form.title_separator, dict[int, str](), 0
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
        if not (row[0].isascii() and row[0].isdigit()):
            cure = "A line is the id of a movie, then its title."
            raise DataError(where, f"movie is {row[0]!r}, not a whole number", cure, value=row[0])
        if int(row[0]) in titles:
            raise DataError(where, "repeats a movie id", "Each id has one line.", value=row[0])
        titles[int(row[0])] = row[1]
    if not titles:
        raise DataError(label, "is empty", "Is it the right file?")
    return titles


def _by_title(columns: Columns, titles: dict[int, str], names: tuple[str, str, str]) -> Ratings:
    """Let ids of one title be one item; repeated pairs can only arise among those."""
    users, items, rating, times = columns
    codes, different = pd.factorize(np.array([titles[movie] for movie in items.ids], dtype=object))
    shared = np.bincount(codes)[codes] > 1  # by id: does it share its title?
    there = shared[items.codes]
    who, which = users.codes[there], items.codes[there]
    merged_codes = codes.astype(np.int32)
    repeats = count_repeats(who, merged_codes[which], len(codes))
    repeats -= count_repeats(who, which, len(codes))
    merged = Coded(merged_codes[items.codes], pd.Index(different))
    result = Ratings.from_codes(users, merged, rating, names, times)
    n_merged = len(codes) - len(different)
    return replace(result, n_merged_ids=n_merged, n_merged_pairs=repeats)


def _guess_form(place: Place, name: str) -> Form:
    """Tell the generation of a file of another name, such as u1.base, from its first line."""
    with place.open(name) as stream:
        line = read_header(stream, place.label(name))
    return DAT if "::" in line else TAB if "\t" in line else CSV


def _judge_header(line: str, header: str, label: str) -> None:
    if line.replace('"', "").strip() != header:
        cure = "For a file of your own use read_csv."
        problem = f"is {line[:60]!r}, not the header {header!r}"
        raise DataError(f"{label}, line 1", problem, cure, value=line)


def _decode(data: bytes, label: str, encodings: tuple[str, ...]) -> str:
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            line = 1 + data.count(b"\n", 0, error.start)
            problem = f"byte 0x{data[error.start]:02X} is not {encoding}"
    raise DataError(f"{label}, line {line}", problem, "Is it the file as it was published?")


def _judge_titles(ids: pd.Index, titles: dict[int, str], label: str) -> None:
    for movie in ids:
        if movie not in titles:
            problem, cure = f"has no title for movie {movie}", "Both files must be of one release."
            raise DataError(label, problem, cure, value=movie)

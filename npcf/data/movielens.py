"""Every generation of MovieLens, from its folder, its ratings file or its zip.

generation       ratings                       titles
100k             u.data       tab, no header   u.item      |, latin-1, 24 fields
1m, 10m          ratings.dat  ::, no header    movies.dat  ::, latin-1 (1m) or utf-8 (10m)
20m, 25m, 32m,   ratings.csv  comma, header    movies.csv  comma, header, utf-8, quoted titles
latest(-small)

Files like these are read too: without timestamps, and with ids that are text, such as 0114508 in
MovieTweetings, which as a number would lose its zero.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from npcf.data.archive import Place, is_stream
from npcf.data.csv import Reader, Source, kind_of_text
from npcf.data.delimited import Columns, read_columns
from npcf.data.fields import LineLayout
from npcf.data.ratings import Coded, Ratings, count_repeats
from npcf.data.text import COMPRESSED, Text
from npcf.data.titles import TitleFormat, read_titles
from npcf.errors import (
    DataError,
    SettingError,
    require_choice,
    require_flag,
    require_path,
    require_type,
)


class Form(NamedTuple):
    """One generation's files."""

    ratings: str
    layout: LineLayout
    titles: str
    title_format: TitleFormat
    header: str = ""


DAT_NAMES = ("user", "movie", "rating", "timestamp")
CSV_NAMES = ("userId", "movieId", "rating", "timestamp")
TAB = Form(
    "u.data",
    LineLayout("\t", DAT_NAMES, DAT_NAMES[:3], timestamp="timestamp", whole_rating=True),
    "u.item", TitleFormat("|", ("latin-1",)),
)  # fmt: skip
DAT = Form(
    "ratings.dat",
    LineLayout("::", DAT_NAMES, DAT_NAMES[:3], timestamp="timestamp"),
    "movies.dat", TitleFormat("::", ("utf-8", "latin-1")),
)  # fmt: skip
CSV = Form(
    "ratings.csv",
    LineLayout(",", CSV_NAMES, CSV_NAMES[:3], timestamp="timestamp", quoting="auto"),
    "movies.csv", TitleFormat(",", ("utf-8",), quoted=True), ",".join(CSV_NAMES),
)  # fmt: skip
FORMS = {form.ratings: form for form in (TAB, DAT, CSV)}


def find_form(place: Place) -> Form | None:
    """Return the generation of MovieLens that is at `place`, or None."""
    if not place.named:
        here = {Path(name).name for name in place.names}
        return next((form for form in FORMS.values() if {form.ratings, form.titles} <= here), None)
    name = _uncompressed(place.named)
    form = FORMS.get(name)
    if form in (TAB, DAT):
        return form
    if form is None and Path(name).suffix.lower() not in (".csv", ".tsv", ".txt"):
        if (place.path / place.named).is_file():  # a pipe can be read but once
            form = _guess_form(place, place.named)
            form = None if form is CSV else form
    return form if form and place.has_beside(place.named, form.titles) else None


def read_ratings(source: Source, item: str | None = None, reader: Reader | None = None) -> Ratings:
    """Return the ratings of a MovieLens folder, file or zip, of another file, or of a stream.

    Parameters
    ----------
    item : "id" or "title", for MovieLens alone.
    reader : reads what is no MovieLens, and whatever is there if it names columns or a separator.
    """
    cure = "Pass npcf.data.Reader(separator=...), or leave it out."
    reader = Reader() if reader is None else require_type("reader", reader, Reader, cure)
    if not reader.is_own and not is_stream(source):
        source = require_path("path", source)
        place = Place(source, spelling=reader.spelling)
        if find_form(place) or not (place.named or place.archived):
            item = "id" if item is None else item
            return read_movielens(source, item, ids=reader.ids, reader=reader)
    if item is not None:
        cure = f"Name the column instead: {reader.spelling(item='title')}."
        raise SettingError("item", "chooses between ids and titles of MovieLens alone", cure)
    return reader.read(source)


def read_movielens(
    path: str | Path,
    item: str = "id",
    *,
    timestamps: bool = False,
    form: Form | None = None,
    ids: str = "auto",
    reader: Reader | None = None,
) -> Ratings:
    """Return the ratings of a release: its folder, its ratings file, or its zip as downloaded.

    Parameters
    ----------
    item : "id": an item is a movie id, labelled by its title.  "title": an item is a title, as in
        the lesson's `CollabDataLoaders.from_df(item_name="title")`; 18 titles of ml-100k belong to
        two ids each, which this merges and counts (`n_merged_ids`, `n_merged_pairs`).
    timestamps : whether to keep them; 8 bytes a rating more.
    ids : "text": ids are text as they stand.  "auto": where the first of them starts with a zero.

    Raises
    ------
    DataError
        Naming file and line, where a file is torn, empty or wrongly separated.
    """
    require_choice("item", item, ("id", "title"))
    require_flag("timestamps", timestamps)
    reader = replace(reader or Reader(), ids=ids)
    place = Place(path, reader.spelling)
    name = place.named or place.find([form.ratings] if form else FORMS)
    form = form or FORMS.get(_uncompressed(Path(name).name)) or _guess_form(place, name)
    with place.open(name) as stream:
        text = Text(stream, place.label(name), reader.encoding, reader.spelling)
        layout, line = _layout(text, form, reader)
        if item == "title":
            layout = layout._replace(kinds=(layout.kinds[0], _own_kind(text, layout, reader)[1]))
        columns = read_columns(text, layout, line, timestamps=timestamps)
    other = place.beside(name, form.titles)
    as_text = layout.kinds[1] != "whole"
    with place.open(other) as stream:
        titles = read_titles(
            stream, place.label(other), form.title_format, as_text, reader.spelling
        )
    for movie in columns.items.ids:
        if movie not in titles:
            problem, cure = f"has no title for movie {movie}", "Both files must be of one release."
            raise DataError(place.label(other), problem, cure, value=movie)
    if item == "title":
        return _by_title(columns, titles, form.layout.columns[0], form.layout.columns[2])
    users, items, rating, times, n_not_rated = columns
    user, movie, stars = form.layout.columns
    found = Ratings.from_codes(
        users, items, rating, (user, movie, stars), times, titles.__getitem__
    )
    return replace(found, n_not_rated=n_not_rated)


def read_ml100k(path: str | Path, item: str = "id") -> Ratings:
    """Read MovieLens 100k and nothing else: `read_movielens` for `u.data` and `u.item`."""
    return read_movielens(path, item, form=TAB)


def _by_title(columns: Columns, titles: dict[Any, str], user: str, stars: str) -> Ratings:
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
    result = Ratings.from_codes(users, merged, rating, (user, "title", stars), times)
    n_merged = len(codes) - len(different)
    return replace(result, n_merged_ids=n_merged, n_merged_pairs=repeats, n_not_rated=n_not_rated)


def _guess_form(place: Place, name: str) -> Form:
    """Tell the generation of a file of another name, such as u1.base, from its first line."""
    with place.open(name) as stream:
        line = Text(stream, place.label(name)).peek_line()
    return DAT if "::" in line else TAB if "\t" in line else CSV


def _uncompressed(name: str) -> str:
    path = Path(name)
    return path.stem if path.suffix.lower() in COMPRESSED else path.name


def _layout(text: Text, form: Form, reader: Reader) -> tuple[LineLayout, int]:
    """Return how the lines of a release are made up, and the number of the first rating."""
    line, layout, first = text.header(), form.layout, 1
    layout = layout._replace(not_rated=reader.not_rated, spelling=reader.spelling)
    if form.header:
        names = tuple(field.strip() for field in line.replace('"', "").split(","))
        if not set(layout.columns) <= set(names) or len(set(names)) < len(names):
            cure = "For a file of your own use read_csv."
            if reader.spelling.shell:
                own = reader.spelling(user=1, item=2, rating=3)
                cure = f"If it is a file of your own: {own}."
            problem = f"is {line[:60]!r}, not the header {form.header!r}"
            raise DataError(f"{text.label}, line 1", problem, cure, value=line)
        layout = layout._replace(names=names, quoting=reader.quoting)
        if "timestamp" not in names:
            layout = layout._replace(timestamp=None)
        text.skip_line()
        first = 2
    else:  # a line without a timestamp
        fields = [field.strip().replace(".", "", 1) for field in line.split(layout.separator)]
        if len(fields) == 3 and all(map(str.isdigit, fields)):
            layout = layout._replace(names=layout.names[:3], timestamp=None)
    kinds = reader.kinds or _own_kind(text, layout, reader)
    return layout._replace(kinds=kinds, of_model=reader.kinds is not None), first


def _own_kind(text: Text, layout: LineLayout, reader: Reader) -> tuple[str, str]:
    """Return "whole" for users and items, or text where asked for, or where the first has zeros."""
    if reader.ids == "text":
        return "any text", "any text"
    row = dict(zip(layout.names, text.peek_line().split(layout.separator), strict=False))
    fields = [row.get(name, "").strip().strip('"') for name in layout.columns[:2]]
    user, item = (kind_of_text(field) if field.isdigit() else "whole" for field in fields)
    return user, item

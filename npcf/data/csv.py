"""The one way in for delimited files: how a file is written, and ratings or pairs out of it.

`train`, `predict`, `evaluate`, `recommend --seen`, `data show`, `read_csv` and `from_csv` all read
by a `Reader`; so one file is read one way everywhere.  For a saved model `for_model` makes the
reader that gives ids the type of the model's vocabularies.
"""

import codecs
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from npcf.data.blocks import Text
from npcf.data.columns import find_columns, find_pair_columns
from npcf.data.delimited import read_blocks, read_columns
from npcf.data.fields import WHOLE, Layout, records, split
from npcf.data.matrix import read_matrix
from npcf.data.options import PYTHON, ROLES, Spelling
from npcf.data.places import open_text
from npcf.data.ratings import Ratings
from npcf.data.vocabulary import Vocabulary
from npcf.errors import (
    DataError,
    SettingError,
    require_choice,
    require_number,
    spell_checked,
)

SEPARATORS = ("::", "\t", ";", "|", ",")
NAMED = {"tab": "\t", r"\t": "\t", "space": " ", "comma": ",", "semicolon": ";", "pipe": "|"}
MOST_COLUMNS = 2**17
MOST_LINES = 2**12  # looked through for the first rating
Source = str | Path | IO[bytes]


@dataclass(frozen=True)
class Reader:
    """How a file of ratings is written.

    user, item, rating: names of columns in the first line; or their positions from 1, and then the
    file has no such line; None looks for the usual names (`find_columns`).
    ids="auto": a column whose first id is a whole number holds whole numbers: 17850.0 is 17850; 007
    and NA are refused.  Any other column, and one that starts with 007, holds text.  ids="text":
    every id is the text as it stands, '007' beside '7', without spaces around it.
    separator: None takes the one that makes most columns of the first line.
    quoting="auto": as in csv, but a quoted field that swallows what looks like a rating is refused;
    "csv": it is not; "none": quotes are characters like others.
    matrix: a line is a user, and a column an item, as in Jester (`npcf.data.matrix`).
    not_rated: ratings that mean "not rated" and are left out, such as 0 or -1.
    """

    user: str | int | None = None
    item: str | int | None = None
    rating: str | int | None = None
    ids: str = "auto"
    separator: str | None = None
    quoting: str = "auto"
    encoding: str = "utf-8"
    not_rated: tuple[float, ...] = ()
    matrix: bool = False
    by_position: bool = False  # names that are not given are the first, second and third
    kinds: tuple[str, str] | None = None  # of a model's vocabularies
    known: tuple[Any, ...] = (None, None, None)  # the names that a model's columns had
    spelling: Spelling = PYTHON

    def __post_init__(self) -> None:
        require_choice("ids", self.ids, ("auto", "text"))
        require_choice("quoting", self.quoting, ("auto", "csv", "none"))
        try:
            codecs.lookup(self.encoding)
        except (LookupError, TypeError):
            cure = f"Choose one that Python knows: {self.spelling(encoding='latin-1')}."
            raise SettingError("encoding", f"{self.encoding!r} is unknown", cure) from None
        values = [self.not_rated] if np.ndim(self.not_rated) == 0 else list(self.not_rated)
        values = [require_number("not_rated", value, -np.inf) for value in values]
        object.__setattr__(self, "not_rated", tuple(values))
        separator = NAMED.get(self.separator or "", self.separator)
        if separator is not None and separator != "::":
            if len(separator) != 1 or separator in '"\r\n' or separator.isalnum():
                problem = f"{separator!r} is not one character between fields, nor ::"
                cure = f"Choose one, {self.spelling(separator=',')}, or leave it out."
                raise SettingError("separator", problem, cure, value=separator)
        object.__setattr__(self, "separator", separator)
        if self.matrix and (self.user, self.item, self.rating) != (None,) * 3:
            cure = "Leave out one of the two."
            raise SettingError("matrix", "has no columns of users, items and ratings", cure)

    @property
    def is_own(self) -> bool:
        """Whether something is said that is not true of MovieLens as it was published."""
        given = (self.user, self.item, self.rating, self.separator)
        return self.matrix or given != (None,) * 4

    def for_model(self, user_vocab: Vocabulary, item_vocab: Vocabulary, known: Any) -> "Reader":
        """Return the reader whose ids have the types of a model's, found by its columns' names."""
        as_model = {"text": "any text", "whole": "whole", "empty": "whole"}
        kinds = as_model[user_vocab.kind], as_model[item_vocab.kind]
        return replace(self, kinds=kinds, known=(*known, None)[:3])

    def read(self, source: Source) -> Ratings:
        """Return the ratings of a file, an archive that holds one, or an open binary stream."""
        with open_text(source, self.encoding, self.spelling) as text:
            if self.matrix:
                separator, _ = self._split(text.header(), text.label, 3)
                return read_matrix(text, separator, self.not_rated)
            layout, line = self._layout(text, 3)
            found = read_columns(text, layout, line)
        columns = layout.columns[0], layout.columns[1], layout.columns[2]
        ratings = Ratings.from_codes(found.users, found.items, found.rating, columns)
        return replace(ratings, n_not_rated=found.n_not_rated)

    def pairs(self, source: Source) -> Iterator[tuple[pd.DataFrame, pd.Series, pd.Series]]:
        """Yield (lines as they stand, user ids, item ids) of a file of pairs, block after block."""
        with open_text(source, self.encoding, self.spelling) as text:
            layout, line = self._layout(text, 2)
            for frame, *sides in read_blocks(text, layout, line):
                user, item = (pd.Series(side.ids.take(side.codes)) for side in sides)
                yield frame, user, item

    def _layout(self, text: Text, n: int) -> tuple[Layout, int]:
        """Return how the lines of a file are made up, and the number of the first with a rating."""
        label, line = text.label, text.header()
        separator, fields = self._split(line, label, n)
        roles = (self.user, self.item, self.rating)[:n]
        has_header = not any(isinstance(role, int) for role in roles)
        if has_header:
            names = [field.strip() for field in fields]
            columns = self._named(names, roles, line, label)
            text.skip_line()
        else:
            names, columns = self._numbered(fields, roles, label)
        layout = Layout(
            separator, tuple(names), columns, ("any text", "any text"), not_rated=self.not_rated,
            quoting="none" if separator == "::" else self.quoting, spelling=self.spelling,
            spaced=separator != " " and all(f.startswith(" ") for f in fields[1:]),
        )  # fmt: skip
        return layout._replace(kinds=self._kinds(text, layout)), 1 + has_header

    def _split(self, line: str, label: str, n: int) -> tuple[str, list[str]]:
        """Return the separator and the fields of the first line."""
        options = {}
        for separator in SEPARATORS if self.separator is None else (self.separator,):
            quoted = self.quoting != "none" and separator != "::"
            spaced = f"{separator} " in line and separator != " "
            try:
                fields = split(line, separator, quoted=quoted, most=MOST_COLUMNS, spaced=spaced)
            except ValueError:
                fields = line.split(separator, MOST_COLUMNS)
            if spaced and '"' not in line:
                fields = line.split(separator, MOST_COLUMNS)
            options[separator] = fields
        separator = max(options, key=lambda separator: len(options[separator]))
        fields = options[separator]
        where = f"{label}, line 1"
        if len(fields) < n:
            problem = f"{line[:60]!r} is not {'three' if n > 2 else 'two'} or more names"
            cure = r"Separate the fields by one of , \t ; | or ::"
            if self.separator is not None:
                cure += ", or name another separator"
            elif " " in line.strip():
                cure += f", or name the separator: {self.spelling(separator='space')}"
            raise DataError(where, problem, cure + ".", value=line[:60])
        if len(fields) > MOST_COLUMNS:
            problem, cure = f"has more than {MOST_COLUMNS} fields", "Is it a file of ratings?"
            raise DataError(where, problem, cure)
        return separator, fields

    def _named(
        self, names: list[str], roles: tuple[Any, ...], line: str, label: str
    ) -> tuple[str, ...]:
        """Return the names of the columns of user, item and rating, out of the first line."""
        where = f"{label}, line 1"
        numbers = {role: n for n, role in enumerate(ROLES[: len(roles)], 1)}
        positions = self.spelling(**numbers)
        headless = f"Add a line user,item,rating, or say where they are: {positions}."
        if len(names) > 20:
            headless += f" If a column is an item: {self.spelling(matrix=True)}."
        if all(map(_is_number, names[:3])):
            problem = f"{line[:60]!r} is a rating, not a header"
            raise DataError(where, problem, headless, value=line[:60])
        for field, count in Counter(names).items():
            if count > 1:
                cure = "Give each column its own name."
                raise DataError(where, f"names the column {field!r} twice", cure, value=field)
        if self.by_position:
            roles = tuple(names[i] if r is None else r for i, r in enumerate(roles))
        known = [k if k in names else None for k in self.known]
        wanted = [k if role is None else role for role, k in zip(roles, known, strict=False)]
        find = find_columns if len(roles) == 3 else find_pair_columns
        try:
            return find(names, *wanted, spelling=self.spelling)
        except DataError as error:
            problem = error.message.removeprefix("frame: ").partition(f". {error.cure}")[0]
            cure = error.cure
            if any(map(_is_number, names)):
                problem, cure = f"{line[:60]!r} looks like a rating, not a header", headless
            raise DataError(where, problem, cure, value=error.value) from None

    def _numbered(
        self, fields: list[str], roles: tuple[Any, ...], label: str
    ) -> tuple[list[str], tuple[str, ...]]:
        """Return names for the columns of a file without a header, from their positions."""
        names = [f"column {i}" for i in range(1, len(fields) + 1)]
        right = {role: i for i, role in enumerate(ROLES[: len(roles)], 1)}
        cure = f"Give a position, from 1, for each: {self.spelling(**right)}."
        for role, place in zip(ROLES, roles, strict=False):
            if isinstance(place, bool) or not isinstance(place, int):
                raise SettingError(role, f"is {place!r} where others are positions", cure)
            if not 1 <= place <= len(names):
                problem = f"there is no column {place}: {label} has {len(names)}"
                raise SettingError(role, problem, cure, value=place)
            names[place - 1] = role
        if len(set(roles)) < len(roles):
            raise SettingError("columns", f"{roles} names one position twice", cure)
        return names, ROLES[: len(roles)]

    def _kinds(self, text: Text, layout: Layout) -> tuple[str, str]:
        """Tell whole numbers from text by the first line of ratings."""
        if self.kinds is not None:
            return self.kinds
        if self.ids == "text":
            return "any text", "any text"
        row = dict(zip(layout.names, self._first_row(text, layout), strict=False))
        user, item = (kind_of_text(row.get(name, "")) for name in layout.columns[:2])
        return user, item

    def _first_row(self, text: Text, layout: Layout) -> list[str]:
        """Return the fields of the first line of ratings, which may go on over line ends."""
        before, n, most = "", 1, len(layout.names)
        while n < MOST_LINES and (lines := text.peek_line(n)) != before:
            before, n = lines, 2 * n
            _, first = next(records(lines.lstrip("\r\n"), 1, layout), (1, ""))
            try:
                row = split(first, layout.separator, quoted=layout.quoted, most=most,
                            spaced=layout.spaced)  # fmt: skip
            except ValueError:  # inside a quoted field
                continue
            if first.strip():
                return row
        return before.split(layout.separator, most)


def kind_of_text(text: str) -> str:
    """Return "whole" for a number without leading zeros, otherwise "text"."""
    found = WHOLE.fullmatch(text.strip())
    return "whole" if found and (found[1][0] != "0" or len(found[1]) == 1) else "text"


@spell_checked
def read_csv(
    path: Source,
    user: str | int | None = None,
    item: str | int | None = None,
    rating: str | int | None = None,
    ids: str = "auto",
    *,
    separator: str | None = None,
    quoting: str = "auto",
    encoding: str = "utf-8",
    not_rated: Any = (),
    matrix: bool = False,
) -> Ratings:
    """Read delimited ratings: a file, packed or not (gz, bz2, xz, zst, a zip of one), or a stream.

    The arguments are those of `Reader`: user, item, rating name the columns, or say where they are
    (from 1) in a file without a header; columns that are not named are found by their usual names,
    others are ignored.  Reads within a block of memory above 12 bytes a rating, at any size.
    Raises DataError naming file and line where a field is missing, torn or no number.
    """
    reader = Reader(user, item, rating, ids, separator, quoting, encoding, not_rated, matrix)
    return reader.read(path)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

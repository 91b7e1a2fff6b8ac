"""`Reader`: how a delimited file is written; reads ratings or pairs from it.

Every command and function reads by a `Reader`, so a file is read the same way everywhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import pandas as pd

from npcf.data.archive import open_text
from npcf.data.delimited import read_blocks, read_columns
from npcf.data.fields import WHOLE, LineLayout
from npcf.data.format import Format
from npcf.data.matrix import read_matrix
from npcf.data.ratings import Ratings
from npcf.data.text import Text
from npcf.data.vocabulary import Vocabulary
from npcf.errors import spell_checked

MOST_LINES = 2**12  # looked through for the first rating
Source = str | Path | IO[bytes]


@dataclass(frozen=True)
class Reader(Format):
    """Reads ratings or pairs from files of one format; its parameters are those of `Format`."""

    def for_model(self, user_vocab: Vocabulary, item_vocab: Vocabulary, known: Any) -> "Reader":
        """Return the reader whose ids have the types of a model's, found by its columns' names."""
        as_model = {"text": "any text", "whole": "whole", "empty": "whole"}
        kinds = as_model[user_vocab.kind], as_model[item_vocab.kind]
        return replace(self, kinds=kinds, known=(*known, None)[:3])

    def read(self, source: Source) -> Ratings:
        """Return the ratings of a file, an archive that holds one, or an open binary stream."""
        with open_text(source, self.encoding, self.spelling) as text:
            if self.matrix:
                separator, _ = self.split_header(text.header(), text.label, 3)
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
                named = zip(sides, layout.columns, strict=True)
                user, item = (pd.Series(ids.take(codes), name=n) for (codes, ids), n in named)
                yield frame, user, item

    def _layout(self, text: Text, n: int) -> tuple[LineLayout, int]:
        """Return how the lines of a file are made up, and the number of the first with a rating."""
        label, line = text.label, text.header()
        separator, fields = self.split_header(line, label, n)
        roles = (self.user, self.item, self.rating)[:n]
        has_header = not any(isinstance(role, int) for role in roles)
        if has_header:
            names = [field.strip() for field in fields]
            columns = self.named_columns(names, roles, line, label)
            # the second of two unused columns of one name is called so with a space behind it
            names = [name + " " * names[:i].count(name) for i, name in enumerate(names)]
            text.skip_line()
        else:
            names, columns = self.numbered_columns(fields, roles, label)
        layout = LineLayout(
            separator, tuple(names), columns, ("any text", "any text"), not_rated=self.not_rated,
            quoting="none" if separator == "::" else self.quoting, spelling=self.spelling,
            spaced=separator != " " and all(f.startswith(" ") for f in fields[1:]),
        )  # fmt: skip
        kinds, of_model = self._kinds(text, layout), self.kinds is not None
        return layout._replace(kinds=kinds, of_model=of_model), 1 + has_header

    def _kinds(self, text: Text, layout: LineLayout) -> tuple[str, str]:
        """Tell whole numbers from text by the first line of ratings."""
        if self.kinds is not None:
            return self.kinds
        if self.ids == "text":
            return "any text", "any text"
        row = dict(zip(layout.names, _first_row(text, layout), strict=False))
        user, item = (kind_of_text(row.get(name, "")) for name in layout.columns[:2])
        return user, item


def _first_row(text: Text, layout: LineLayout) -> list[str]:
    """Return the fields of the first line of ratings, which may span lines."""
    before, n = "", 1
    while n < MOST_LINES and (lines := text.peek_line(n)) != before:
        before, n = lines, 2 * n
        _, first = next(layout.records(lines.lstrip("\r\n"), 1), (1, ""))
        try:
            row = layout.split(first)
        except ValueError:  # inside a quoted field
            continue
        if first.strip():
            return row
    return before.split(layout.separator, len(layout.names))


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
    """Return the ratings of a delimited file, compressed or not, a zip of one, or a stream.

    The parameters are those of `Format`; columns that are not used are ignored.  Memory: 12 bytes a
    rating and one block of lines, at any size.

    Raises
    ------
    DataError
        Naming file and line, where a field is missing, torn or no number.
    """
    reader = Reader(user, item, rating, ids, separator, quoting, encoding, not_rated, matrix)
    return reader.read(path)

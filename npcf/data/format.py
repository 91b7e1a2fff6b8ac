"""`Format`: how a delimited file is written, and what its first line says."""

import codecs
from dataclasses import dataclass
from typing import Any

import numpy as np

from npcf.data.columns import find_roles
from npcf.data.fields import LineLayout
from npcf.data.spelling import PYTHON, ROLES, Spelling
from npcf.errors import (
    DataError,
    SettingError,
    require_choice,
    require_flag,
    require_number,
    require_type,
)
from npcf.foreign import SAID, shown

SEPARATORS = ("::", "\t", ";", "|", ",")
NAMED = {"tab": "\t", r"\t": "\t", "space": " ", "comma": ",", "semicolon": ";", "pipe": "|"}
MOST_COLUMNS = 2**17


@dataclass(frozen=True)
class Format:
    """How a file of ratings is written.

    Parameters
    ----------
    user, item, rating : names of columns in the first line; or their positions from 1, and then the
        file has no such line; None looks for the usual names (`find_columns`).
    ids : "auto": a column whose first id is a whole number holds whole numbers (17850.0 is 17850;
        007 and NA are refused), any other holds text.  "text": every id is the text as it stands,
        '007' beside '7', without spaces around it.
    separator : None takes the one that makes most columns of the first line.
    quoting : "auto": as in csv, but a quoted field that swallows what looks like a rating is
        refused; "csv": it is not; "none": quotes are characters like others.
    not_rated : ratings that mean "not rated" and are left out, such as 0 or -1.
    matrix : a line is a user, and a column an item, as in Jester (`npcf.data.matrix`).
    by_position : names that are not given are the first, second and third column.
    kinds, known : the types of a model's ids, and the names that its columns had (`for_model`).
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
    by_position: bool = False
    kinds: tuple[str, str] | None = None
    known: tuple[Any, ...] = (None, None, None)
    spelling: Spelling = PYTHON

    def __post_init__(self) -> None:
        require_choice("ids", self.ids, ("auto", "text"))
        require_choice("quoting", self.quoting, ("auto", "csv", "none"))
        try:
            codecs.getincrementaldecoder(self.encoding)
            "a".encode(self.encoding)  # LookupError where it is no encoding of text, as rot13
        except (LookupError, TypeError, ValueError):
            cure = f"Choose one that Python knows: {self.spelling(encoding='latin-1')}."
            raise SettingError("encoding", f"{shown(self.encoding)} is unknown", cure) from None
        try:
            values = list(self.not_rated)
        except SAID:  # one number, or whatever a foreign object says to that
            values = [self.not_rated]  # type: ignore[list-item]
        values = [require_number("not_rated", value, -np.inf) for value in values]
        object.__setattr__(self, "not_rated", tuple(values))
        for role in ("user", "item", "rating"):
            cure = f"Name the column, or give its position: {role}='...', or {role}=1."
            value = require_type(role, getattr(self, role), str | int | np.integer | None, cure)
            if isinstance(value, np.integer):
                object.__setattr__(self, role, int(value))
        cure = f"Choose one, {self.spelling(separator=',')}, or leave it out."
        require_type("separator", self.separator, str | None, cure)
        separator = NAMED.get(self.separator or "", self.separator)
        if separator not in (None, "::") and (
            len(separator) != 1
            or not separator.isascii()
            or separator in '"\r\n'
            or separator.isalnum()
        ):
            problem = f"{separator!r} is not one ASCII character between fields, nor ::"
            raise SettingError("separator", problem, cure, value=separator)
        object.__setattr__(self, "separator", separator)
        if (
            require_flag("matrix", self.matrix)
            and (self.user, self.item, self.rating) != (None,) * 3
        ):
            cure = "Leave out one of the two."
            raise SettingError("matrix", "has no columns of users, items and ratings", cure)

    @property
    def is_own(self) -> bool:
        """Whether something is said that is not true of MovieLens as it was published."""
        given = (self.user, self.item, self.rating, self.separator)
        return self.matrix or given != (None,) * 4

    def split_header(self, line: str, label: str, n: int) -> tuple[str, list[str]]:
        """Return the separator and the fields of the first line."""
        options = {}
        for separator in SEPARATORS if self.separator is None else (self.separator,):
            spaced = separator != " " and f"{separator} " in line and '"' in line
            quoting = "none" if separator == "::" else self.quoting
            try:
                layout = LineLayout(separator, quoting=quoting, spaced=spaced)
                options[separator] = layout.split(line, MOST_COLUMNS)
            except ValueError:
                options[separator] = line.split(separator, MOST_COLUMNS)
        where = f"{label}, line 1"
        if self.separator == " " and ("  " in line or line.startswith(" ")):
            cure = "Let one space separate: sed 's/^ *//' FILE | tr -s ' ', and read that."
            raise DataError(where, "has more spaces than separate its fields", cure)
        separator, fields = max(options.items(), key=lambda option: len(option[1]))
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

    def named_columns(
        self, names: list[str], roles: tuple[Any, ...], line: str, label: str
    ) -> tuple[str, ...]:
        """Return the names of the columns of user, item and rating, out of the first line."""
        where = f"{label}, line 1"
        numbers = {role: n for n, role in enumerate(ROLES[: len(roles)], 1)}
        positions = self.spelling(**numbers)
        headless = f"Add a line user,item,rating, or say where they are: {positions}."
        if len(names) > 20:
            headless += f" If a column is an item: {self.spelling(matrix=True)}."
        if all(map(is_number, names[:3])):
            problem = f"{line[:60]!r} is a rating, not a header"
            raise DataError(where, problem, headless, value=line[:60])
        if self.by_position:
            roles = tuple(names[i] if r is None else r for i, r in enumerate(roles))
        known = [k if k in names else None for k in self.known]
        wanted = [k if role is None else role for role, k in zip(roles, known, strict=False)]
        try:
            return tuple(find_roles(names, dict(zip(ROLES, wanted, strict=False)), self.spelling))
        except DataError as error:
            problem = error.message.removeprefix("frame: ").partition(f". {error.cure}")[0]
            cure = error.cure
            if any(map(is_number, names)):
                problem, cure = f"{line[:60]!r} looks like a rating, not a header", headless
            raise DataError(where, problem, cure, value=error.value) from None

    def numbered_columns(
        self, fields: list[str], roles: tuple[Any, ...], label: str
    ) -> tuple[list[str], tuple[str, ...]]:
        """Return names for the columns of a file without a header, from their positions."""
        names = [f"column {i}" for i in range(1, len(fields) + 1)]
        right = {role: i for i, role in enumerate(ROLES[: len(roles)], 1)}
        cure = f"Give a position, from 1, for each: {self.spelling(**right)}."
        for role, place in zip(ROLES, roles, strict=False):
            where, what = ("columns", f"the {role} ") if self.spelling.shell else (role, "")
            if isinstance(place, bool) or not isinstance(place, int):
                raise SettingError(where, f"{what}is {place!r} where others are positions", cure)
            if not 1 <= place <= len(names):
                problem = f"there is no column {place}: {label} has {len(names)}"
                raise SettingError(where, problem, cure, value=place)
            names[place - 1] = role
        if len(set(roles)) < len(roles):
            raise SettingError("columns", f"{roles} names one position twice", cure)
        return names, ROLES[: len(roles)]


def is_number(text: str) -> bool:
    """Whether a text is a number, as Python reads it."""
    try:
        float(text)
    except ValueError:
        return False
    return True

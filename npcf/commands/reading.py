"""The options for reading a file, the same on every verb."""

import argparse
import csv
import sys
from dataclasses import replace
from typing import Any

from npcf.commands.common import require_effect, trimmed
from npcf.errors import DataError, DTypeError, SettingError

READING = ("columns", "ids", "separator", "quoting", "encoding", "not_rated", "matrix",
           "item")  # fmt: skip


def add_reading(parser: Any, item: bool = True, ratings: bool = True) -> None:
    """Declare the options in a group of their own; None means "not given"."""
    add = parser.add_argument_group("how the file is written").add_argument
    add("--columns", metavar="ROLE=NAME,...", help="user=User-ID,item=ISBN,rating=Book-Rating; "
        "positions from 1 in a file without a header: user=1,item=2,rating=3")  # fmt: skip
    add("--ids", choices=("auto", "text"),
        help="text: as they stand, 007 beside 7; auto: also numbers (default)")  # fmt: skip
    add("--separator", metavar="CHAR", help="between fields: a character, tab, space or ::")
    add("--quoting", choices=("auto", "csv", "none"),
        help='none: " is a character; csv: no question asked (default: auto)')  # fmt: skip
    add("--encoding", metavar="NAME", help="(default: utf-8)")
    if ratings:
        add("--not-rated", metavar="VALUES", help="ratings to leave out: --not-rated=-1,0")
        add("--matrix", action="store_true", help="a line a user, a column an item, as in Jester")
    if item:
        add("--item", choices=("id", "title"), help="what an item of MovieLens is (default: id)")


def reader_of(args: argparse.Namespace) -> Any:
    """Return the Reader of the options."""
    from npcf.data import Reader
    from npcf.data.spelling import SHELL

    names = ("ids", "separator", "quoting", "encoding")
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    not_rated = _numbers(getattr(args, "not_rated", None))
    return Reader(
        **_columns(args.columns),
        **given,
        not_rated=not_rated,
        matrix=getattr(args, "matrix", False),
        spelling=SHELL,
    )


def reader_for(args: argparse.Namespace, predictor: Any) -> Any:
    """Return the Reader that the options ask for, with ids as a model has them."""
    require_effect(args, ("ids",), False, "where a model says what ids are")
    vocabs = predictor.user_vocab, predictor.item_vocab
    return reader_of(args).for_model(*vocabs, predictor.columns)


def read_ratings(path: str, args: argparse.Namespace, predictor: Any = None) -> Any:
    """Return the Ratings at `path`, `-` for standard input; with ids as `predictor` has them."""
    from npcf.data import read_ratings

    item = args.item
    reader = reader_of(args) if predictor is None else reader_for(args, predictor)
    if predictor is not None:
        titles = predictor.columns[1] == "title"
        if item == "id" and titles:
            problem, cure = "the model's items are titles, not ids", "Say --item title."
            raise DTypeError("--item", problem, cure, value=item)
        if titles and item is None and _is_movielens(path, reader):
            item = "title"
    ratings = read_ratings(standard_input() if path == "-" else path, item, reader)
    if predictor is None:
        return ratings
    return replace(ratings, item_vocab=trimmed(ratings.item_vocab, ratings.columns[1]))  # titles


def standard_input() -> Any:
    """Return standard input as a stream of bytes, which is read once."""
    if sys.stdin is None or sys.stdin.closed:
        raise DataError("standard input", "is closed", "Name a file, or pipe one in.")
    return sys.stdin.buffer


def _is_movielens(path: str, reader: Any) -> bool:
    from npcf.data.archive import Place
    from npcf.data.movielens import find_form

    return not reader.is_own and path != "-" and find_form(Place(path, reader.spelling)) is not None


def _columns(text: str | None) -> dict[str, Any]:
    """Return what `user=User-ID,item=2` says: names, or positions where they are numbers."""
    from npcf.data.spelling import ROLES
    from npcf.suggestions import did_you_mean

    found: dict[str, Any] = {}
    for part in next(csv.reader([text or ""], skipinitialspace=True), []):
        role, equals, name = (word.strip() for word in part.partition("="))
        if role not in ROLES or not equals or not name:
            problem = f"{part!r} is not user=NAME, item=NAME or rating=NAME"
            example = "--columns user=userId,item=movieId,rating=rating"
            cure = f"{did_you_mean(role, ROLES)}Give the names of the header: {example}."
            raise SettingError("--columns", problem, cure, value=text)
        if role in found:
            cure = "Name each once: --columns user=userId,item=movieId,rating=rating."
            raise SettingError("--columns", f"names the {role} twice", cure, value=text)
        quoted = len(name) > 1 and name[0] == name[-1] == '"'
        position = not quoted and name.isdecimal() and len(name) < 10
        found[role] = int(name) if position else name[1:-1] if quoted else name
    return found


def _numbers(text: str | None) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in (text or "").split(",") if part.strip())
    except ValueError:
        problem = f"{text!r} is not a list of numbers"
        raise SettingError("--not-rated", problem, "For instance --not-rated=-1,0.") from None

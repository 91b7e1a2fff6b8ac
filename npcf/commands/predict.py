"""`npcf predict`: a csv of pairs in, the same lines with a column of predictions out."""

import argparse
import re
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from npcf.commands.common import (
    add_policy,
    add_verb,
    clip_of,
    json_rows,
    load_predictor,
    print_rows,
)
from npcf.commands.reading import add_reading, reader_for, standard_input
from npcf.commands.streams import write_utf8
from npcf.errors import DataError, UnknownIdError

NUMBER = re.compile(r"0|-?([1-9][0-9]*)(\.[0-9]+)?|-?0\.[0-9]+", re.ASCII)
LONGEST = 300  # characters of a number in JSON


def add(verbs: Any) -> None:
    """Declare the verb."""
    example = "npcf predict model.npcf pairs.csv --clip 1 5 > predictions.csv"
    parser = add_verb(verbs, "predict", "predict the ratings of pairs in a csv", example, run,
                      model=True)  # fmt: skip
    parser.add_argument("pairs", nargs="?", default="-", help="csv with a header (default: -)")
    add_policy(parser, "raise")
    add_reading(parser, item=False, ratings=False)


def run(args: argparse.Namespace) -> int:
    """Read, predict, write: block after block, so that memory does not grow with the file."""
    predictor = load_predictor(args.model)
    rows: list[str] = []
    first = True
    if not args.json:
        write_utf8()
    for frame in _predicted(args, predictor):
        if args.json:
            rows += json_rows(frame)
        else:
            frame.to_csv(sys.stdout, index=False, header=first)
        first = False
    if first:
        problem, cure = f"{args.pairs} has no rows", "Give at least one pair under a header."
        raise DataError("pairs", problem, cure)
    if args.json:
        print_rows(rows)
    return 0


def _predicted(args: argparse.Namespace, predictor: Any) -> Iterator[Any]:
    """Yield frames of the lines as they stand, with their predictions."""
    reader = reader_for(args, predictor)
    n = 0
    for frame, users, items in reader.pairs(standard_input() if args.pairs == "-" else args.pairs):
        if "prediction" in frame.columns:
            cure = "Rename it: that is what the new column is called."
            raise DataError("pairs", "has a column 'prediction'", cure)
        try:
            prediction = predictor.predict(users, items, unknown=args.unknown, clip=clip_of(args))
        except UnknownIdError as error:  # its position is within the block
            problem = error.message.partition(": ")[2].partition(f". {error.cure}")[0]
            cure = f"{error.cure} Or predict the mean for it: --unknown mean."
            raise UnknownIdError(
                error.argument, problem, cure, position=n + error.position, value=error.value
            ) from None
        n += len(frame)
        frame = _as_json(frame, (users, items)) if args.json else frame
        yield frame.assign(prediction=prediction)


def _as_json(frame: Any, ids: tuple[Any, Any]) -> Any:
    """Return the frame with ids as the model has them, and other numbers where no digit is lost."""
    columns = {name: frame[name].map(_number).astype(object) for name in frame.columns}
    return frame.assign(**columns | {side.name: side.to_numpy() for side in ids})


def _number(text: str) -> Any:
    if len(text) > LONGEST or not NUMBER.fullmatch(text):
        return text
    number = float(text) if "." in text else int(text)
    return number if Decimal(repr(number)) == Decimal(text) else text

"""`npcf predict`: a csv of pairs in, the same csv with a column of predictions out."""

import argparse
import sys
from typing import Any

from npcf.commands.common import add_verb, load_predictor, print_json
from npcf.commands.streams import write_utf8
from npcf.errors import DataError


def add(verbs: Any) -> None:
    """Declare the verb."""
    example = "npcf predict model.npcf pairs.csv --clip 1 5 > predictions.csv"
    parser = add_verb(verbs, "predict", "predict the ratings of pairs in a csv", example, run)
    parser.add_argument("model", help="a model saved by npcf train --save")
    parser.add_argument("pairs", nargs="?", default="-", help="csv with a header (default: -)")
    parser.add_argument("--unknown", choices=("raise", "mean", "na"), default="raise",
                        help="what an unknown id gets (default: an error)")  # fmt: skip
    parser.add_argument("--clip", type=float, nargs=2, metavar=("LO", "HI"), help="cut off at")


def run(args: argparse.Namespace) -> int:
    """Read, predict, write."""
    predictor = load_predictor(args.model)
    frame = read_pairs(args.pairs)
    user, item = pair_columns(frame)
    clip = None if args.clip is None else tuple(args.clip)
    result = predictor.predict_frame(frame, user=user, item=item, unknown=args.unknown, clip=clip)
    if args.json:
        print_json(result.to_dict("records"))
    else:
        write_utf8()
        result.to_csv(sys.stdout, index=False)
    return 0


def read_pairs(path: str) -> Any:
    """Return the csv at `path`, or of standard input for `-`, as a DataFrame."""
    import pandas as pd

    try:
        frame = pd.read_csv(sys.stdin if path == "-" else path, keep_default_na=False)
    except Exception as error:  # pandas, zipfile, gzip and zlib each raise their own
        raise DataError("pairs", f"{path} cannot be read ({error})", "Give a csv.") from None
    if frame.empty:
        raise DataError("pairs", f"{path} has no rows", "Give at least one pair under a header.")
    return frame


def pair_columns(frame: Any) -> tuple[str, str]:
    """Return the names of the two id columns, found by their usual names."""
    from npcf.data.columns import ALIASES, find_columns

    names = list(frame.columns)
    if not any(name in names for name in ALIASES["rating"]):
        names.append("rating")  # pairs to be predicted need none
    user, item, _ = find_columns(names)
    return user, item

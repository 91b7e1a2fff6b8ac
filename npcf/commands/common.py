"""Shared by the verbs: declaration, saved models, typed ids, tables, JSON."""

import argparse
import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

from npcf.errors import DataError, SettingError, UnknownIdError
from npcf.suggestions import nearest


def add_verb(
    verbs: Any, name: str, summary: str, example: str, run: Any, *, model: bool = False
) -> Any:
    """Declare a verb with its example, and whether it asks a saved model; return its parser."""
    parser = verbs.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=f"example: {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run, parser=parser)
    parser.add_argument("--config", dest="verb_config", metavar="FILE", help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")
    if model:
        parser.add_argument("model", help="a model saved by npcf train --save")
    return parser


def add_policy(parser: Any, unknown: str) -> None:
    """Declare --unknown, with its default, and --clip."""
    default = "an error" if unknown == "raise" else unknown
    parser.add_argument("--unknown", choices=("raise", "mean", "na"), default=unknown,
                        help=f"what an unknown id gets (default: {default})")  # fmt: skip
    parser.add_argument("--clip", type=float, nargs=2, metavar=("LO", "HI"), help="cut off at")


def clip_of(args: argparse.Namespace) -> tuple[float, ...] | None:
    """Return what --clip says."""
    return None if args.clip is None else tuple(args.clip)


def is_given(args: argparse.Namespace, name: str) -> bool:
    """Whether an option is on the command line or in the file of options."""
    return getattr(args, name) is not None and getattr(args, name) is not False


def require_effect(args: argparse.Namespace, names: Iterable[str], has: bool, where: str) -> None:
    """Raise SettingError if one of the options `names` is given although it has no effect."""
    for name in names:
        if not has and is_given(args, name):
            option = f"--{name.replace('_', '-')}"
            raise SettingError(option, f"has no effect {where}", "Leave it out.")


def load_predictor(path: str) -> Any:
    """Return the Predictor of a model saved by `npcf train --save`, or from Python."""
    from npcf.analysis import Predictor
    from npcf.training import load

    saved = load(path)
    names = saved.columns[0], saved.columns[1]
    vocabs = trimmed(saved.user_vocab, names[0]), trimmed(saved.item_vocab, names[1])
    return Predictor(saved.model, *vocabs, saved.titles, saved.mean_rating, columns=names)


def trimmed(vocab: Any, column: Any) -> Any:
    """Return the same rows under ids without the white space around them, as all files are read.

    DataError if two ids differ by it alone: a frame may hold such ids, no line of a file names one.
    """
    import pandas as pd

    from npcf.data import Vocabulary

    if vocab.kind != "text" or all(text == text.strip() for text in vocab.ids):
        return vocab
    shorter = pd.Series([text.strip() for text in vocab.ids])
    if (twice := shorter.duplicated()).any():
        problem = f"has ids that differ by white space alone, such as {vocab.ids[twice.argmax()]!r}"
        cure = f'Train it on ids without: frame["{column}"].str.strip().'
        raise DataError(str(column), problem, cure)
    return Vocabulary(shorter, "appearance", vocab.na_row)


def typed_id(text: str, vocab: Any, argument: str, titles: Sequence[str] = ()) -> Any:
    """Return an id of the command line as the vocabulary holds it: a number or text.

    A title is no id; the id of the item that is called so, or nearly so, is named.
    """
    from npcf.data.fields import shortened, whole_number

    if vocab.kind == "text":
        return text.strip()
    try:
        return whole_number(text)
    except ValueError:
        cure = f"Give a number, such as {vocab.ids[0]}."
        for title in nearest(text, titles):
            cure = f"Did you mean {vocab.labels[list(titles).index(title)]}, which is {title!r}?"
        problem = f"{shortened(text)} is no number, and the known ids are"
        raise UnknownIdError(argument, problem, cure, value=text) from None


def print_table(frame: Any, as_json: bool) -> None:
    """Print a DataFrame as aligned text, five times as fast as `to_string`, or as a JSON list."""
    if as_json:
        print_rows(json_rows(frame))
        return
    columns = [[name, *map(_cell, frame[name].tolist())] for name in frame.columns]
    widths = [max(map(len, column)) for column in columns]
    rows = zip(*columns, strict=True)
    print("\n".join(" ".join(map(str.rjust, row, widths)) for row in rows))


def json_rows(frame: Any) -> list[str]:
    """Return each row of a DataFrame as a line of JSON."""
    columns = [_plain(frame[name].tolist()) for name in frame.columns]
    rows = zip(*columns, strict=True)
    return [json.dumps(dict(zip(frame.columns, row, strict=True))) for row in rows]


def print_rows(rows: list[str]) -> None:
    """Print rows of JSON as a list, each on its line."""
    print("[\n" + ",\n".join(rows) + "\n]")


def _cell(value: Any) -> str:
    return f"{value:.6f}" if isinstance(value, float) else str(value).replace("\n", "\\n")


def print_json(value: Any) -> None:
    """Print JSON; numbers of NumPy become plain, and what is not finite becomes null."""
    print(json.dumps(_plain(value), indent=2))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value

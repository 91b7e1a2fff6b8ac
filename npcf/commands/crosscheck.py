"""`npcf crosscheck`: is a PyTorch model right?  From a recording, from files, or made by code."""

import argparse
import csv
import importlib
import os
import sys
import time
from typing import Any

from npcf.commands.common import add_verb, is_given, require_effect
from npcf.commands.reading import add_reading, reader_of
from npcf.commands.wording import told
from npcf.errors import DataError, NpcfError, SettingError, UsageError, require_choice

CANNOT_TELL = 2
FILES = ("outputs", "gradients", "after")
HYPER = ("lr", "weight_decay", "momentum", "dampening", "nesterov", "betas", "eps", "alpha",
         "centered")  # fmt: skip


def add(verbs: Any) -> None:
    """Declare the verb."""
    parser = add_verb(verbs, "crosscheck", "check a PyTorch model against the formulas",
                      "npcf crosscheck run.safetensors --y-range 0 5.5", run)  # fmt: skip
    add = parser.add_argument
    add("subject", nargs="*", metavar="RUN",
        help="one or two recordings; or weights (.safetensors .npz .pt .pth); or "
             "package.module:factory")  # fmt: skip
    add("--recorder", action="store_true", help="print the file that records a run, and stop")
    add("--ratings", metavar="CSV", help="a batch; user and item are rows of the tables, from 0")
    add("--outputs", metavar="FILE", help="what the model returned for it")
    add("--gradients", metavar="FILE", help="of the parameters, under the names of the weights")
    add("--after", metavar="WEIGHTS", help="after one step of --optimizer from fresh state")
    add("--y-range", type=float, nargs=2, metavar=("LO", "HI"), help="that was meant")
    add("--tables", metavar="TABLE=NAME,...",
        help="which is which: user_factors=U,item_factors=V,user_bias=b,item_bias=c")  # fmt: skip
    add("--html", metavar="OUT", help="write the report as a page")
    meant = parser.add_argument_group("the optimizer that was meant").add_argument
    meant("--optimizer", metavar="NAME", help="sgd adam adamw sparse_adam rmsprop fastai_adam")
    for name in HYPER:
        option = f"--{name.replace('_', '-')}"
        if name in ("nesterov", "centered"):
            meant(option, action="store_true", help=argparse.SUPPRESS)
        elif name == "betas":
            meant(option, type=float, nargs=2, metavar=("B1", "B2"))
        else:
            meant(option, type=float, metavar="X")
    add_reading(parser, item=False, ratings=False)


def run(args: argparse.Namespace) -> int:
    """Print the report; 0 right, 1 wrong, 2 cannot tell."""
    try:
        if args.recorder:
            from npcf.crosscheck.recorder import recorder

            print(recorder(), end="")
            return 0
        found = _checked(args)
        print(found.to_json() if args.json else found)
        if args.html is not None:
            found.to_html(args.html)
        return int(found.exit_code)
    except NpcfError as error:
        problem = told(error)
    except (OSError, MemoryError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        problem = str(error) or "not enough memory"
    print(f"npcf: {problem}", file=sys.stderr)
    return CANNOT_TELL


def _checked(args: argparse.Namespace) -> Any:
    """Return the report on what the command line names."""
    if len(args.subject) not in (1, 2):
        problem = f"are {len(args.subject)}" if args.subject else "is missing"
        cure = "Name a recording, or two, weights, or package.module:factory; or --recorder."
        raise SettingError("RUN", problem, cure)
    first = args.subject[0]
    module, colon, factory = first.partition(":")
    if colon and factory.isidentifier() and not os.path.exists(first):
        return _made(args, module, factory)
    return _read(args)


def _read(args: argparse.Namespace) -> Any:
    """Return the report on files."""
    from npcf.crosscheck.from_files import RunComparison, report_of
    from npcf.crosscheck.recordings import evidence_of_recording, is_recording
    from npcf.crosscheck.weights import evidence_of_weights
    from npcf.interop import read_tensors

    begin = time.perf_counter()
    said: dict[str, Any] = {
        "y_range": y_range_of(args), "intended": intended_of(args), "tables": _tables(args.tables),
    }  # fmt: skip
    files = [read_tensors(path, "RUN") for path in args.subject]
    recorded = [is_recording(file) for file in files]
    if all(recorded):
        require_effect(args, ("ratings", *FILES), False, "with a recording, which has its own")
        found = [evidence_of_recording(file, **said) for file in files]
        if len(found) == 1:
            return report_of(found[0], begin)
        require_effect(args, ("html",), False, "with two recordings")
        return RunComparison(*found)
    if len(files) > 1:
        where = args.subject[recorded.index(False)]
        raise DataError(
            "RUN", f"{where} is no recording", "Give two recordings, or one of weights."
        )
    if args.ratings is None:
        raise SettingError("--ratings", "is missing", "Name the batch: --ratings ratings.csv.")
    if args.after is not None and args.optimizer is None:
        raise SettingError("--after", "needs --optimizer", "Add --optimizer adamw --lr 0.005.")
    named = {name: getattr(args, name) for name in FILES}
    evidence = evidence_of_weights(files[0], args.ratings, **named, **said, reader=reader_of(args))
    return report_of(evidence, begin)


def _made(args: argparse.Namespace, module: str, factory: str) -> Any:
    """Return the report on what a function of the user's own returns."""
    from npcf.crosscheck.run import crosscheck
    from npcf.crosscheck.weights import read_batch

    if len(args.subject) > 1:
        raise SettingError("RUN", "are 2, one of them code", "Check one model at a time.")
    if args.ratings is None:
        raise SettingError("--ratings", "is missing", "Name the batch: --ratings ratings.csv.")
    require_effect(args, (*FILES, "tables"), False, "with a live model")
    batch = read_batch(args.ratings, reader_of(args))
    made = _called(module, factory)
    if isinstance(made, tuple) and len(made) == 2:
        made = {"model": made[0], "optimizer": made[1]}
    options = dict(made) if isinstance(made, dict) and "model" in made else {"model": made}
    known = ("model", "loss", "optimizer", "step", "steps", "intended", "y_range", "n_users",
             "n_items")  # fmt: skip
    for name in options:
        require_choice(f"what {factory} returned", name, known)
    y_range, intended = y_range_of(args), intended_of(args)
    options |= {} if y_range is None else {"y_range": y_range}
    options |= {} if intended is None else {"intended": intended}
    return crosscheck(options.pop("model"), *batch, **options)


def _called(module: str, factory: str) -> Any:
    """Return what the user's function returns; what it raises is told in one line."""
    sys.path[:0] = [""]
    try:
        return getattr(importlib.import_module(module), factory)()
    except (Exception, SystemExit) as error:  # a script that exits is no verdict
        line = f"{type(error).__name__}: {error}".splitlines()[0]
        problem = f"could not be imported and called ({line})"
        cure = f"See the whole error: python -c 'import {module}; {module}.{factory}()'"
        raise UsageError(f"{module}:{factory}", problem, cure) from None
    finally:
        sys.path.remove("")


def y_range_of(args: argparse.Namespace) -> tuple[float, float] | None:
    """Return what --y-range says."""
    if args.y_range is None:
        return None
    low, high = args.y_range
    if not -1e18 < low < high < 1e18:
        raise SettingError("--y-range", f"{low:g} {high:g} is no range", "Write --y-range 0 5.5.")
    return low, high


def intended_of(args: argparse.Namespace) -> dict[str, Any] | None:
    """Return the optimizer that the options describe."""
    require_effect(args, HYPER, args.optimizer is not None, "without --optimizer")
    if args.optimizer is None:
        return None
    settings = {name: getattr(args, name) for name in HYPER if is_given(args, name)}
    return {"optimizer": args.optimizer, **settings}


def _tables(text: str | None) -> dict[str, str] | None:
    if text is None:
        return None
    parts = [part.partition("=") for part in next(csv.reader([text], skipinitialspace=True), [])]
    if not parts or not all(name and equals and path for name, equals, path in parts):
        problem, cure = (
            f"{text!r} is not TABLE=NAME,...",
            "Write --tables user_factors=U,item_factors=V.",
        )
        raise SettingError("--tables", problem, cure)
    return {name.strip(): path.strip() for name, _, path in parts}

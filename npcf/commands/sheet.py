"""`npcf sheet`: write the lesson's workbook in any size, or read one and go on from its weights."""

import argparse
from typing import Any

from npcf.commands.common import add_verb, print_json, require_effect
from npcf.commands.reading import READING, add_reading, read_ratings
from npcf.errors import SettingError

WRITING = ("users", "movies", "factors", "data", "aggfunc", "blank", "seed", *READING)
SIZES = {"users": 15, "movies": 15, "factors": 5, "seed": 0, "steps": 3}


def add(verbs: Any) -> None:
    """Declare the verb."""
    example = "npcf sheet lesson.xlsx --users 15 --movies 15 --factors 5"
    parser = add_verb(
        verbs, "sheet", "write the lesson's workbook, live, or read one", example, run
    )
    add = parser.add_argument
    add("out", nargs="?", metavar="OUT", help="the xlsx file to write")
    add(
        "--read",
        metavar="FILE",
        help="read a workbook instead: RMSE, and gradient steps from there",
    )
    add("--users", type=int, metavar="N", help="(default: 15)")
    add("--movies", type=int, metavar="N", help="(default: 15)")
    add("--factors", type=int, metavar="K", help="(default: 5)")
    add("--data", metavar="PATH", help="ratings, of which the users and movies with most are taken "
        "(default: synthetic ones)")  # fmt: skip
    add("--aggfunc", choices=("error", "mean", "sum", "last"),
        help="what a pair that occurs twice gets (default: error)")  # fmt: skip
    add("--blank", action="store_true", help="leave cells to fill in, which turn green when right")
    add("--lr", type=float, help="rate of the gradient steps (default: by the size of the table)")
    add("--steps", type=int, metavar="N", help="how many gradient steps (default: 3)")
    add("--seed", type=int, help="of ratings and weights (default: 0)")
    add_reading(parser)


def run(args: argparse.Namespace) -> int:
    """Write, or read."""
    if (args.out is None) == (args.read is None):
        cure = "Say npcf sheet OUT.xlsx, or npcf sheet --read FILE.xlsx."
        raise SettingError("OUT", "or --read has to be given, not both", cure)
    require_effect(args, WRITING, args.read is None, "with --read")
    require_effect(
        args, (*READING, "aggfunc"), args.data is not None or bool(args.read), "without --data"
    )
    for name, value in SIZES.items():
        if getattr(args, name) is None:
            setattr(args, name, value)
    return _write(args) if args.read is None else _read(args)


def _write(args: argparse.Namespace) -> int:
    from npcf.teach import drawn_table, top_table, write_sheet

    sizes = args.users, args.movies, args.factors, args.seed
    if args.data is None:
        table = drawn_table(*sizes)
    else:
        table = top_table(read_ratings(args.data, args), *sizes, args.aggfunc or "error")
    tabs = write_sheet(
        args.out, table, lr=args.lr, n_steps=args.steps, seed=args.seed, blank=args.blank
    )
    shown = [tab for tab in tabs if tab.name in ("dot", "bias", "lookup")]
    found = {tab.name: tab.cells[0, 1].content.value for tab in shown}
    if args.json:
        print_json({"path": args.out, "ratings": len(table.pairs[0]), "rmse": found})
        return 0
    print(
        f"{args.out}: {len(table.pairs[0])} ratings of {args.users} users for {args.movies} movies"
    )
    for name, rmse in found.items():
        print(f"{name:<14} RMSE {rmse:.6f}")
    return 0


def _read(args: argparse.Namespace) -> int:
    from npcf.teach import read_sheet
    from npcf.teach.sheet_descent import default_lr
    from npcf.teach.sheet_steps import gradient_steps

    found = []
    for tab in read_sheet(args.read):
        lr = default_lr(tab.table) if args.lr is None else args.lr
        steps = gradient_steps(tab.table, tab.has_bias, lr, args.steps)
        after = [step.rmse for step in steps[1:]]
        found.append({"tab": tab.name, "ratings": len(tab.table.pairs[0]), "rmse": tab.rmse,
                      "lr": lr, "after_steps": after})  # fmt: skip
        if not args.json:
            print(f"{tab.name:<14} RMSE {tab.rmse:.6f}   after each step of lr {lr:g}: "
                  + " ".join(f"{rmse:.6f}" for rmse in after))  # fmt: skip
    if args.json:
        print_json(found)
    return 0

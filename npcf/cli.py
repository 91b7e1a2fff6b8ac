"""`npcf VERB`: thin; every line of work is somebody else's."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from npcf import models
from npcf.errors import NpcfError, SettingError

MODELS = {"embedding": models.DotProductBiasEmb, "create_params": models.DotProductBiasCP}
EXAMPLE = "example: npcf train --data ml-100k --item title --epochs 5 --lr 5e-3 --wd 0.1"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; return the exit code: 0 done, 1 failed, 2 wrong usage."""
    args = _parser().parse_args(argv)
    try:
        return int(args.run(args))
    except NpcfError as error:
        print(f"npcf: {error}", file=sys.stderr)
        return 2 if isinstance(error, SettingError) else 1
    except BrokenPipeError:  # the reader of a pipe has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("npcf: interrupted", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="npcf", description="Collaborative filtering with every gradient written out by hand."
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    train = verbs.add_parser(
        "train",
        help="train on ratings, show the ends of the bias table, check the gradients",
        description="Train the model of lesson 5, then check its gradients on a real batch.",
        epilog=EXAMPLE,
    )
    train.set_defaults(run=_train)
    add = train.add_argument
    add("--data", metavar="PATH", help="folder of ml-100k (default: planted ratings)")
    add("--item", choices=("id", "title"), default="id", help="what an item is (default: id)")
    add("--model", choices=tuple(MODELS), default="embedding", help="form of the tables")
    add("--sampling", choices=("permutation", "replacement"), default="permutation",
        help="each rating once an epoch, or as fastai's loader draws")  # fmt: skip
    add("--factors", type=int, default=50, metavar="K", help="(default: 50)")
    add("--epochs", type=int, default=5, metavar="N", help="(default: 5)")
    add("--lr", type=float, default=5e-3, help="peak learning rate (default: 5e-3)")
    add("--wd", type=float, default=0.1, help="decoupled weight decay (default: 0.1)")
    add("--bs", type=int, default=64, help="ratings a batch (default: 64)")
    add("--y-range", type=float, nargs=2, default=(0.0, 5.5), metavar=("LO", "HI"),
        help="range of predictions (default: 0 5.5)")  # fmt: skip
    add("--seed", type=int, default=0, help="of tables and batches (default: 0)")
    add("--split-seed", type=int, default=42, metavar="SEED", help="(default: 42, as fastai)")
    add("--json", action="store_true", help="print one JSON object and nothing else")
    return parser


def _train(args: argparse.Namespace) -> int:
    from npcf.analysis import top_items
    from npcf.data import CollabDataLoaders
    from npcf.errors import require_count
    from npcf.training import FOOTNOTE, HEADER, Learner
    from npcf.verify import gradcheck

    say = (lambda *_: None) if args.json else print
    for_tables, for_batches = np.random.default_rng(require_count("seed", args.seed, 0)).spawn(2)
    ratings, source = _ratings(args)
    dls = CollabDataLoaders.from_ratings(
        ratings, split_seed=args.split_seed, bs=args.bs, sampling=args.sampling, rng=for_batches
    )
    require_count("factors", args.factors)
    y_range = tuple(args.y_range)
    model = MODELS[args.model](dls.n_users, dls.n_items, args.factors, y_range, rng=for_tables)
    summary = {
        "source": source,
        "ratings": len(ratings),
        "users": dls.n_users - 1,
        "items": dls.n_items - 1,
        "repeated_pairs": ratings.n_duplicates,
        "train": len(dls.train.ratings),
        "valid": len(dls.valid),
    }
    for name, value in summary.items():
        say(f"{name.replace('_', ' '):<15} {value}")
    say(f"\n{HEADER}")
    learner = Learner(dls, model, on_epoch=say, progress=False if args.json else None)
    learner.fit_one_cycle(args.epochs, args.lr, wd=args.wd)
    say(f"{FOOTNOTE}\n")
    history = learner.history
    top, bottom = top_items(model, ratings), top_items(model, ratings, ascending=True)
    report = gradcheck(model, dls.one_batch())
    if args.json:
        print(json.dumps(_as_json(args, summary, history, top, bottom, report), indent=2))
        return int(not report.ok)
    print(f"validation RMSE {history['rmse'].iloc[-1]:.4f} stars\n")
    for label, frame in (("largest", top), ("smallest", bottom)):
        print(f"items of {label} bias\n{_table(frame)}\n")
    print(f"gradients of one batch of {args.bs}, by hand against numerically\n{report}")
    return int(not report.ok)


def _ratings(args: argparse.Namespace) -> tuple[Any, str]:
    """Return the ratings and a word on where they come from."""
    from npcf.data import planted, read_ml100k

    if args.data is not None:
        return read_ml100k(args.data, item=args.item), args.data
    return planted().ratings, "planted (invented titles, known truth)"


def _table(frame: Any) -> str:
    lines = [
        f"  {row.bias:+.3f}  {row.title} ({row.ratings} ratings)" for row in frame.itertuples()
    ]
    return "\n".join(lines)


def _as_json(
    args: argparse.Namespace, summary: Any, history: Any, top: Any, bottom: Any, report: Any
) -> dict[str, Any]:
    settings = {name: value for name, value in vars(args).items() if name not in ("run", "json")}
    return {
        "settings": settings,
        "data": summary,
        "history": history.to_dict("records"),
        "rmse": history["rmse"].iloc[-1],
        "valid_loss": history["valid_loss"].iloc[-1],
        "top": top.to_dict("records"),
        "bottom": bottom.to_dict("records"),
        "gradcheck": {
            "ok": report.ok,
            "entries": report.entries,
            "worst": [mismatch._asdict() for mismatch in report.worst],
        },
    }


if __name__ == "__main__":
    sys.exit(main())

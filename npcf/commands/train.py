"""`npcf train`: ratings in, a trained model, the ends of its bias table, a gradient check."""

import argparse
from typing import Any

import numpy as np

from npcf import models
from npcf.commands.common import add_verb, print_json, read_ratings
from npcf.errors import SettingError, require_count

MODELS = {"embedding": models.DotProductBiasEmb, "create_params": models.DotProductBiasCP}
SCHEDULES = {"one_cycle": "fit_one_cycle", "flat_cos": "fit_flat_cos", "constant": "fit"}


def add(verbs: Any) -> None:
    """Declare the verb."""
    example = "npcf train --data ml-100k --item title --epochs 5 --lr 5e-3 --wd 0.1"
    parser = add_verb(verbs, "train", "train the model of lesson 5, check its gradients",
                      example, run)  # fmt: skip
    add = parser.add_argument
    add("--data", metavar="PATH", help="MovieLens folder or zip, csv, or - (default: planted)")
    add("--item", choices=("id", "title"), default="id", help="what an item is (default: id)")
    add("--model", choices=tuple(MODELS), default="embedding", help="form of the tables")
    add("--sampling", choices=("permutation", "replacement"), default="permutation",
        help="each rating once an epoch, or as fastai's loader draws")  # fmt: skip
    add("--schedule", choices=tuple(SCHEDULES), default="one_cycle", help="of the learning rate")
    add("--factors", type=int, default=50, metavar="K", help="(default: 50)")
    add("--epochs", type=int, default=5, metavar="N", help="(default: 5)")
    add("--lr", type=float, default=5e-3, help="peak learning rate (default: 5e-3)")
    add("--wd", type=float, default=0.1, help="decoupled weight decay (default: 0.1)")
    add("--bs", type=int, default=64, help="ratings a batch (default: 64)")
    add("--y-range", type=float, nargs=2, default=(0.0, 5.5), metavar=("LO", "HI"),
        help="range of predictions (default: 0 5.5)")  # fmt: skip
    add("--seed", type=int, default=0, help="of tables and batches (default: 0)")
    add("--split-seed", type=int, default=42, metavar="SEED", help="(default: 42, as fastai)")
    add("--save", metavar="PATH", help="write the trained model to PATH")
    add("--checkpoint", metavar="PATH", help="write the run to PATH while it goes on")
    add("--every", type=int, default=1000, metavar="N", help="steps between (default: 1000)")
    add("--resume", action="store_true", help="go on with the run in --checkpoint")


def run(args: argparse.Namespace) -> int:
    """Train, report, check; 1 if a gradient is wrong or training was interrupted."""
    from npcf.analysis import top_items
    from npcf.training import FOOTNOTE, Learner, SaveEvery, header
    from npcf.verify import gradcheck

    say = (lambda *_: None) if args.json else print
    ratings, dls, tables, source = _load(args)
    summary = _summary(ratings, dls, source)
    for name, value in summary.items():
        say(f"{name.replace('_', ' '):<15} {value}")
    say(f"\n{header()}")
    y_range = tuple(args.y_range)
    model = MODELS[args.model](dls.n_users, dls.n_items, args.factors, y_range, rng=tables)
    saving = [SaveEvery(args.checkpoint, args.every)] if args.checkpoint else []
    learner = Learner(dls, model, callbacks=saving, on_epoch=say,
                      progress=False if args.json else None)  # fmt: skip
    _fit(learner, args)
    say(f"{FOOTNOTE}\n")
    if learner.interrupted and learner.fit_state is not None:
        say(f"interrupted after step {learner.fit_state.step} of {len(learner.fit_state.lr)}")
    if args.save:
        learner.save(args.save)
    model, history, error = learner.model, learner.history, learner.validate()[1]
    top, bottom = top_items(model, ratings), top_items(model, ratings, ascending=True)
    report = gradcheck(model, dls.first_batch())
    if args.json:
        print_json(_as_json(args, summary, history, error, (top, bottom), report))
    else:
        _print(args, error, top, bottom, report)
    return int(not report.ok or learner.interrupted)


def _load(args: argparse.Namespace) -> tuple[Any, Any, Any, str]:
    """Return (ratings, loaders, generator of the tables, a word on the source)."""
    from npcf.data import CollabDataLoaders, planted

    require_count("factors", args.factors)
    tables, batches = np.random.default_rng(require_count("seed", args.seed, 0)).spawn(2)
    if args.data is None:
        ratings, source = planted().ratings, "planted (invented titles, known truth)"
    else:
        ratings, source = read_ratings(args.data, args.item), args.data
    dls = CollabDataLoaders.from_ratings(
        ratings, split_seed=args.split_seed, bs=args.bs, sampling=args.sampling, rng=batches
    )
    return ratings, dls, tables, source


def _fit(learner: Any, args: argparse.Namespace) -> None:
    if not args.resume:
        getattr(learner, SCHEDULES[args.schedule])(args.epochs, args.lr, wd=args.wd)
    elif args.checkpoint:
        learner.resume(args.checkpoint)
    else:
        raise SettingError("--resume", "needs --checkpoint PATH", "Name the run to go on with.")


def _summary(ratings: Any, dls: Any, source: str) -> dict[str, Any]:
    return {
        "source": source,
        "ratings": len(ratings),
        "users": len(ratings.user_vocab.ids),
        "items": len(ratings.item_vocab.ids),
        "repeated_pairs": ratings.n_duplicates,
        "merged_ids": ratings.n_merged_ids,
        "merged_pairs": ratings.n_merged_pairs,
        "train": len(dls.train.ratings),
        "valid": len(dls.valid),
    }


def _print(args: Any, error: float, top: Any, bottom: Any, report: Any) -> None:
    print(f"validation RMSE {error:.4f} stars\n")
    for label, frame in (("largest", top), ("smallest", bottom)):
        print(f"items of {label} bias")
        for row in frame.itertuples():
            print(f"  {row.bias:+.3f}  {row.title} ({row.ratings} ratings)")
        print()
    print(f"gradients of one batch of {args.bs}, by hand against numerically\n{report}")


def _as_json(args: Any, summary: Any, history: Any, error: float, ends: Any, report: Any) -> Any:
    settings = {name: value for name, value in vars(args).items() if name not in ("run", "json")}
    return {
        "settings": settings,
        "data": summary,
        "history": history.to_dict("records"),
        "rmse": error,
        "valid_loss": error**2,
        "top": ends[0].to_dict("records"),
        "bottom": ends[1].to_dict("records"),
        "gradcheck": {
            "ok": report.ok,
            "entries": report.entries,
            "worst": [mismatch._asdict() for mismatch in report.worst],
        },
    }

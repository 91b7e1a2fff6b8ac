"""`npcf train`: ratings in, a trained model, the ends of its bias table, a gradient check."""

import argparse
from functools import partial
from typing import Any

import numpy as np

from npcf import models
from npcf.commands import per_rating
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
    add("--factors", type=int, metavar="K", help="(default: 50)")
    add("--epochs", type=int, metavar="N", help="(default: 5)")
    add("--lr", type=float, help="peak learning rate (default: 5e-3)")
    add("--wd", type=float, help="weight decay, decoupled with Adam (default: 0.1)")
    add("--bs", type=int, default=64, help="ratings a batch (default: 64)")
    add("--rows", choices=("all", "touched"), default="all",
        help="all: Adam; touched: SGD of the rows in the batch (default: all)")  # fmt: skip
    add("--threads", type=int, default=1, metavar="N",
        help="for --bs 1 --rows touched; the bits are the same (default: 1)")  # fmt: skip
    add("--preset", metavar="NAME", help="settings by name, one rating a step: ml-100k")
    add("--y-range", type=float, nargs=2, metavar=("LO", "HI"),
        help="range of predictions (default: 0 5.5)")  # fmt: skip
    add("--backend", choices=("numba", "numpy"),
        help="compiled, or the reference (default: compiled)")  # fmt: skip
    add("--seed", type=int, default=0, help="of tables and batches (default: 0)")
    add("--split-seed", type=int, default=42, metavar="SEED", help="(default: 42, as fastai)")
    add("--save", metavar="PATH", help="write the trained model to PATH")
    add("--checkpoint", metavar="PATH", help="write the run to PATH while it goes on")
    add("--every", type=int, default=1000, metavar="N", help="steps between (default: 1000)")
    add("--resume", action="store_true", help="go on with the run in --checkpoint")


def run(args: argparse.Namespace) -> int:
    """Train, report, check; 1 if a gradient is wrong or training was interrupted."""
    from npcf.analysis import top_items
    from npcf.verify import gradcheck

    say = (lambda *_: None) if args.json else print
    _fill_in(args)
    ratings, dls, tables, source = _load(args)
    summary = _summary(ratings, dls, source)
    for name, value in summary.items():
        say(f"{name.replace('_', ' '):<15} {value}")
    if per_rating.wanted(args):
        trainer, learner = per_rating.train(args, dls, say)
    else:
        trainer = learner = _train(args, dls, tables, say)
    if args.save:
        learner.save(args.save)
    model, history, error = learner.model, trainer.history, learner.validate()[1]
    top, bottom = top_items(model, ratings), top_items(model, ratings, ascending=True)
    report = gradcheck(model, dls.first_batch())
    if args.json:
        print_json(_as_json(args, summary, history, error, (top, bottom), report))
    else:
        _print(args, error, top, bottom, report)
    return int(not report.ok or trainer.interrupted)


def _fill_in(args: argparse.Namespace) -> None:
    """Set what was not given, unless a preset has it."""
    defaults: dict[str, Any] = {"factors": 50, "epochs": 5, "lr": 5e-3, "wd": 0.1}
    if args.preset is not None:
        from npcf.training.per_rating_settings import PRESET_EPOCHS

        defaults = {"epochs": PRESET_EPOCHS.get(args.preset, 20)}
    else:
        defaults["y_range"] = (0.0, 5.5)
    for name, value in defaults.items():
        if getattr(args, name) is None:
            setattr(args, name, value)


def _train(args: argparse.Namespace, dls: Any, tables: Any, say: Any) -> Any:
    """Train in mini-batches; return the learner."""
    from npcf.optim import SGD, fastai_adam
    from npcf.training import FOOTNOTE, Learner, SaveEvery, header

    say(f"\n{header()}")
    cls = MODELS[args.model]
    model = cls(dls.n_users, dls.n_items, args.factors, tuple(args.y_range), rng=tables)
    saving = [SaveEvery(args.checkpoint, args.every)] if args.checkpoint else []
    touched = partial(SGD, rows="touched_rows")
    learner = Learner(dls, model, opt_func=touched if args.rows == "touched" else fastai_adam,
                      callbacks=saving, backend=args.backend, on_epoch=say,
                      progress=False if args.json else None)  # fmt: skip
    _fit(learner, args)
    say(f"{FOOTNOTE}\nsteps: {learner.execution}\n")
    if learner.interrupted and learner.fit_state is not None:
        say(f"interrupted after step {learner.fit_state.step} of {len(learner.fit_state.lr)}")
    return learner


def _load(args: argparse.Namespace) -> tuple[Any, Any, Any, str]:
    """Return (ratings, loaders, generator of the tables, a word on the source)."""
    from npcf.data import CollabDataLoaders, planted

    if args.factors is not None:
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

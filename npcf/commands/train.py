"""`npcf train`: ratings in, a trained model, the ends of its bias table, a gradient check."""

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from npcf.commands.common import add_verb, print_json
from npcf.commands.reading import add_reading, read_ratings
from npcf.commands.signals import INTERRUPTED
from npcf.commands.streams import outlive_reader
from npcf.commands.train_options import (
    MODELS,
    SCHEDULES,
    add_options,
    notes,
    per_rating_wanted,
    settle,
)
from npcf.errors import DataError, NpcfError, SettingError

FEWEST = 5  # ratings: a fifth of them validates
SHOWN = 3  # ratings of the step that --show-step shows
CHECKED = 16  # ratings whose gradients are checked: two predictions of all for each number
# The table where one rating is one step.
ROW_BY_RATING = "{:>5}  {:>11.6f}  {:>10.6f}  {:>8.5f}  {}"
HEADER_BY_RATING = f"{'epoch':>5}  {'train_rmse*':>11}  {'valid_rmse':>10}  {'lr':>8}  {'time':>7}"
NOTE_BY_RATING = "* of each rating before its step, while the model moved"


def add(verbs: Any) -> None:
    """Declare the verb."""
    example = "npcf train --data ml-100k --item title --epochs 5 --lr 5e-3 --wd 0.1"
    parser = add_verb(verbs, "train", "train the model of lesson 5, check its gradients",
                      example, run)  # fmt: skip
    add_options(parser.add_argument)
    add_reading(parser)


def run(args: argparse.Namespace) -> int:
    """Train, save, report, check; 1 if a gradient is wrong, 130 if training was interrupted."""
    from npcf.analysis import top_items
    from npcf.data.batches import Batch
    from npcf.verify import gradcheck

    settle(args)
    if args.save is not None or args.checkpoint is not None:
        outlive_reader()
    say = (lambda *_: None) if args.json else print
    ratings, dls, tables, source = _load(args)
    summary = _summary(ratings, dls, source)
    for name, value in summary.items():
        say(f"{name.replace('_', ' '):<15} {value}")
    if per_rating_wanted(args):
        trainer, learner = _train_by_rating(args, dls, say)
    else:
        trainer = learner = _train(args, dls, tables, say)
    if args.save is not None:
        learner.save(args.save)
    model, history, error = learner.model, trainer.history, learner.validate()[1]
    top, bottom = top_items(model, ratings), top_items(model, ratings, ascending=True)
    checked = Batch(*(column[:CHECKED] for column in dls.first_batch()))
    report = gradcheck(model, checked)
    step = _next_step(learner, checked) if args.show_step else None
    if args.json:
        shown = {} if step is None else {"step": json.loads(step.to_json())}
        print_json(_as_json(args, summary, history, error, (top, bottom), report) | shown)
    else:
        _print(args, error, top, bottom, report)
        if step is not None:
            print(f"\n{step}")
    return INTERRUPTED if trainer.interrupted else int(not report.ok)


def _next_step(learner: Any, batch: Any) -> Any:
    """Return the next step, on the first ratings of a batch, taken apart."""
    from npcf.teach import explain_step

    return explain_step(learner, tuple(column[:SHOWN] for column in batch))


def _train(args: argparse.Namespace, dls: Any, tables: Any, say: Any) -> Any:
    """Train in mini-batches; return the learner."""
    from npcf.optim import SGD, fastai_adam
    from npcf.training import FOOTNOTE, Learner, SaveEvery, header

    say(f"\n{header()}")
    cls = MODELS[args.model]
    model = cls(dls.n_users, dls.n_items, args.factors, tuple(args.y_range), rng=tables)
    saving = [] if args.checkpoint is None else [SaveEvery(args.checkpoint, args.every)]
    touched = partial(SGD, rows="touched_rows")
    learner = Learner(dls, model, opt_func=touched if args.rows == "touched" else fastai_adam,
                      callbacks=saving, backend=args.backend, on_epoch=say, outside=args.outside,
                      progress=False if args.json else None)  # fmt: skip
    _fit(learner, args)
    say(f"{FOOTNOTE}\nsteps: {learner.execution}\n")
    if learner.interrupted and learner.fit_state is not None:
        say(f"interrupted after step {learner.fit_state.step} of {len(learner.fit_state.lr)}")
    return learner


def _train_by_rating(args: argparse.Namespace, dls: Any, say: Any) -> tuple[Any, Any]:
    """Train one rating after the other; return (trainer, a learner that holds the model)."""
    from npcf.training import Learner
    from npcf.training.monitor import epoch_time

    given = {"n_factors": args.factors, "lr": args.lr, "seed": args.seed}
    given["weight_decay"] = args.wd
    if args.y_range is not None:
        given["y_range"] = tuple(args.y_range)
    settings = {name: value for name, value in given.items() if value is not None}
    with _by_rating(args, settings) as (trainer, who, how):
        say(f"\n{HEADER_BY_RATING}")
        trainer.fit(
            dls.train.ratings,
            args.epochs,
            valid=dls.valid,
            threads=args.threads,
            outside=args.outside,
            progress=False if args.json else None,
            on_epoch=lambda row: say(ROW_BY_RATING.format(*row[:4], epoch_time(*row[4:]))),
            **who,
        )
    say(f"{NOTE_BY_RATING}\nsteps: one for each rating, only its rows move; compiled, {how}\n")
    if trainer.interrupted:
        say(f"interrupted in epoch {len(trainer.rows)}")
    return trainer, Learner(dls, trainer.model)


@contextmanager
def _by_rating(args: argparse.Namespace, settings: Any) -> Iterator[tuple[Any, Any, str]]:
    """Give a trainer, what its fit must be told of who computes, and who that is in words."""
    from npcf.training import PerRatingSGD

    threads = f"{args.threads} thread{'s' * (args.threads > 1)}"
    if args.cluster is None:
        yield PerRatingSGD(args.preset, **settings), {}, threads
        return
    from npcf import distributed
    from npcf.distributed.cluster import connected, dashboard

    with connected(args.cluster, "--cluster") as client:
        where = f"{threads} on each worker of {args.cluster} {dashboard(client)}".rstrip()
        yield distributed.PerRatingSGD(args.preset, **settings), {"client": client}, where


def _check_range(args: argparse.Namespace, ratings: Any) -> None:
    """Raise if the model could not reach the ratings: known now, and no epoch mends it."""
    from npcf.training.per_rating_settings import presets
    from npcf.training.validate import require_in_range

    preset = presets.get(args.preset)
    y_range = preset.y_range if args.y_range is None and preset else args.y_range
    strict = preset is not None and preset.loss == "cross_entropy"
    outside = "raise" if strict else args.outside
    require_in_range(ratings.rating, y_range, outside, args.data or "ratings", shell=True,
                     strict=strict)  # fmt: skip


def _load(args: argparse.Namespace) -> tuple[Any, Any, Any, str]:
    """Return (ratings, loaders, generator of the tables, a word on the source)."""
    from npcf.data import CollabDataLoaders, planted

    tables, batches = np.random.default_rng(args.seed).spawn(2)
    if args.data is None:
        ratings, source = planted().ratings, "planted (invented titles, known truth)"
    else:
        ratings, source = read_ratings(args.data, args), args.data
    _check_range(args, ratings)
    if len(ratings) < FEWEST:
        problem = f"holds {len(ratings)} rating(s), too few to set a fifth of them aside"
        raise DataError(source, problem, f"Give at least {FEWEST} ratings.", value=len(ratings))
    dls = CollabDataLoaders.from_ratings(
        ratings, split_seed=args.split_seed, bs=args.bs, sampling=args.sampling, rng=batches
    )
    return ratings, dls, tables, source


def _fit(learner: Any, args: argparse.Namespace) -> None:
    if args.resume:
        try:
            learner.resume(args.checkpoint)
        except NpcfError as error:
            if not error.argument.startswith("dls"):
                raise
            cure = (
                "Give the data that it was begun with, written the same way, or leave --data out."
            )
            raise SettingError(
                "--data", f"is not that of the run in {args.checkpoint}", cure
            ) from None
    else:
        learner.notes = notes(args)
        getattr(learner, SCHEDULES[args.schedule])(args.epochs, args.lr, wd=args.wd)


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
    n = min(args.bs, CHECKED)
    print(f"gradients of one batch of {n}, by hand against numerically\n{report}")


def _as_json(args: Any, summary: Any, history: Any, error: float, ends: Any, report: Any) -> Any:
    hidden = ("run", "parser", "verb_config", "json")
    settings = {name: value for name, value in vars(args).items() if name not in hidden}
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

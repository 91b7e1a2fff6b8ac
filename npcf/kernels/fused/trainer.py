"""Many mini-batch steps in one compiled call, on the arrays of the parameters and the optimiser.

`trainer_for(optimizer, y_range)` returns a `Fused`, or None where there is no fused form.  After
any step one may change between `Fused.run` and the reference's forward, backward and
`optimizer.step`: both work on the same arrays, and counts and settings live in the optimiser alone.
"""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from npcf._atomic import Change, in_one_go
from npcf._types import FloatArray, Params, YRange
from npcf.errors import (
    DivergenceError,
    DTypeError,
    SettingError,
    UsageError,
    require_count,
)
from npcf.kernels.fused.adam_form import AdamForm
from npcf.kernels.fused.arrays import Bound, judge_shapes, obstacle
from npcf.kernels.fused.call import Call, Job, Runner
from npcf.kernels.fused.form import NAMES, Form, Run
from npcf.kernels.fused.judge import (
    judged_counter,
    judged_head,
    judged_losses,
    judged_ratings,
    judged_schedule,
)
from npcf.kernels.fused.live import LiveTables
from npcf.kernels.fused.sgd import DEFERRED, DENSE, TOUCHED
from npcf.kernels.fused.sgd_form import SGDForm

FORMS: dict[str, type[Form]] = {
    "npcf.optim.sgd.SGD": SGDForm,
    "npcf.optim.adam.Adam": AdamForm,
}
SLICE = 0.1  # seconds that a compiled call is meant to last, so that Ctrl-C is heard
WORDS = {
    DEFERRED: "rows outside the batch wait until they are needed",
    DENSE: "every row moves at every step",
    TOUCHED: "only rows of the batch move",
}
PAYS = 4  # deferring pays from this many times as many rows as a batch can name


def trainer_for(
    optimizer: Any,
    y_range: YRange = (0.0, 5.5),
    mean: float = 0.0,
    *,
    deferred: bool | None = None,
    fast: bool = False,
    batch_size: int = 0,
) -> "Fused | None":
    """Return the fused form of DotProductBias, its mean squared error and `optimizer`, or None.

    There is one for exactly `npcf.optim.SGD` and `npcf.optim.Adam`, over the four tables of
    `npcf.models.DotProductBias`, biases (n,) or (n, 1), each a contiguous array of one dtype.

    `deferred`: whether the update of rows outside the batch waits until they are needed; None lets
    the sizes of tables and batches decide: `batch_size`, or the largest batch of a run if that is
    larger.  `fast` licenses other orders of addition, and fused multiply-adds; without it every
    operation is the reference's, in its order.
    Raises ShapeError where tables do not belong together, or a state is not shaped as its table.
    """
    kind = type(optimizer)
    form = FORMS.get(f"{kind.__module__}.{kind.__qualname__}")
    if form is None or obstacle(optimizer):
        return None
    return Fused(
        form, optimizer, y_range, mean, deferred=deferred, fast=fast, batch_size=batch_size
    )


class Fused:
    """Training steps of one optimiser, compiled; `trainer_for` makes it.

    `deferring` says what the last run did with the rows outside its batches: True, they wait;
    False, they were moved at once, or do not move.  `pending` is the number of steps for which
    rows may be waiting; `flush` brings all of them up to date.  The optimiser's `params` and states
    become `LiveTables`, which flush before they are read; `attach` does so for a model's.

    Whatever interrupts a run, a signal handler that raises or an exception sent by another thread,
    everything is as after a whole step: weights, states, the optimiser's counts and rate.  A thread
    that reads while another one takes steps is given copies, and changes nothing.
    """

    def __init__(
        self,
        form: type[Form],
        optimizer: Any,
        y_range: YRange,
        mean: float,
        *,
        deferred: bool | None = None,
        fast: bool = False,
        batch_size: int = 0,
    ):
        judge_shapes(optimizer)
        self.optimizer, self.deferred = optimizer, deferred
        self.form = form(optimizer, Bound(optimizer))
        self.call = Call(self.form, judged_head(y_range, mean, self.form.dtype), bool(fast))
        self.deferring, self.batch_size = False, require_count("batch_size", batch_size, 0)
        self._settings: tuple[Any, ...] = ()
        self._made_by = (form, optimizer, y_range, mean)
        self._wrapped: list[tuple[Params, LiveTables]] = []  # until the first run
        self.attach()

    def __reduce__(self) -> Any:
        """Copy and pickle as a new trainer of the optimiser's copy."""
        self.flush()
        options = {"deferred": self.deferred, "fast": self.call.fast, "batch_size": self.batch_size}
        return _made_anew, (self._made_by, options)

    @property
    def pending(self) -> int:
        """For how many steps rows may be waiting."""
        return self.call.pending

    def run(
        self,
        users: Any,
        items: Any,
        rating: Any,
        starts: Any,
        lrs: Any,
        moms: Any = None,
        *,
        losses: FloatArray | None = None,
        between: Callable[[int], Any] | None = None,
        counter: Any = None,
    ) -> FloatArray:
        """Take one step for each mini-batch; return the loss before each, (n_steps,).

        Batch s is the ratings starts[s] : starts[s + 1] of `users`, `items` and `rating` (n,).
        `lrs` is (n_steps,), or a mapping of parameter names, or "default", to that; `moms` is
        (n_steps,) or None, which leaves the optimiser's momentum.  Afterwards the optimiser has
        the last step's rate and momentum, as after as many of its own steps.

        `losses` (n_steps,), if given, is filled: with each step if it is float64, else after each
        slice.  `counter` (1,) int64, if given, is increased by the steps in the instant in which
        they are taken.  `between(n)` is called after every slice of about a tenth of a second with
        the number of steps taken; if it returns true, no further ones are.
        Everything is judged before any parameter moves, and copied where somebody could change it
        meanwhile; arrays that the optimiser is given between two slices are judged then.
        Raises DivergenceError at the first loss that is not finite, the parameters being those
        before that step.
        """
        self._wrapped.clear()
        runner = self.call.enter()  # as long as this name lives
        self.refresh_bindings()
        ratings = judged_ratings(users, items, rating, starts, self._sizes(), self.form.dtype)
        schedule = judged_schedule(self.optimizer, lrs, moms, ratings.starts.size - 1)
        if between is not None and not callable(between):
            raise UsageError("between", "cannot be called", "Give a function of one number.")
        given = judged_losses(losses, schedule.run.n_steps, self.form)
        noted = np.full(schedule.run.n_steps, np.nan)
        if given is None:
            given = noted if self.form.dtype == np.float64 else noted.astype(self.form.dtype)
        job = Job(ratings, schedule, noted, judged_counter(counter))
        if given.dtype == np.float64:
            job.losses = given
        try:
            self._run(job, between)
        finally:
            if given is not job.losses:
                given[: job.taken] = noted[: job.taken]
            del runner
        return given[: job.taken]

    def flush(self) -> None:
        """Bring every row up to date."""
        self.call.flush()

    def hold(self) -> Runner:
        """Let this thread be the one that takes steps; others are given copies of the tables.

        Lasts as long as the answer is kept; without it, as long as a `run`.
        """
        return self.call.enter()

    def attach(self, *models: Any) -> None:
        """Let the optimiser's mappings, and `params` of each model, flush before they are read."""
        live = {id(held): made for held, made in self._wrapped}  # what was one mapping stays one
        states = ("params", *self.optimizer.STATES, *self.optimizer.LAZY_STATES)
        holders = [(self.optimizer, name) for name in states]
        for holder, name in [*holders, *((model, "params") for model in models)]:
            tables = getattr(holder, name, None)
            if not isinstance(tables, dict):
                raise UsageError(name, "is not a dict of arrays", "Attach models of npcf.models.")
            if getattr(tables, "refresh", None) != self.call.flush:
                if id(tables) not in live:
                    live[id(tables)] = LiveTables(tables, self.call.flush, self.call.copies)
                    self._wrapped.append((tables, live[id(tables)]))
                setattr(holder, name, live[id(tables)])

    def refresh_bindings(self) -> None:
        """Take up arrays and mappings that the optimiser was given since the last run."""
        if not self.form.bound.holds(self.optimizer):
            self.flush()  # what waits, waits in the arrays of before
            problem = obstacle(self.optimizer)
            if problem:
                raise UsageError(*problem)
            judge_shapes(self.optimizer)
            bound = Bound(self.optimizer)
            dtype = bound.sources["params"]["user_factors"].dtype
            if dtype != self.form.dtype:
                was = f"has dtype {dtype}, and had {self.form.dtype} when the trainer was made"
                raise DTypeError("params", was, "Make another one: trainer_for(optimizer).")
            self.call.bind(bound)
        self.attach()

    def describe(self) -> str:
        """Return in a few words whose steps these are, and what happens to rows not in a batch."""
        lr, kind = self.optimizer.lr, type(self.optimizer).__name__
        lrs = {name: [x] for name, x in lr.items()} if isinstance(lr, Mapping) else [lr]
        run = judged_schedule(self.optimizer, lrs, None, 1).run
        absent = WORDS[self._mode(run, self.batch_size)]
        way = "fast" if self.call.fast else "strict"
        return f"{kind}, {self.form.dtype}, {way}; {absent}"

    def _run(self, job: Job, between: Callable[[int], Any] | None) -> None:
        """Take the steps of `job`, one stretch after another."""
        stretches = list(job.stretches())
        modes = [self._mode(job.schedule.part(slice(*ends)), job.batch) for ends in stretches]
        for (_, last), mode in zip(stretches, modes, strict=True):
            self.call.expect(job, mode)
            while job.taken < last:
                told_to_stop = self._slice(job, last, mode, between)
                if told_to_stop:
                    return

    def _slice(self, job: Job, last: int, mode: int, between: Callable[[int], Any] | None) -> bool:
        """Take steps for a tenth of a second, none beyond `last`; return whether told to stop."""
        first = job.taken
        if not self.form.bound.holds(self.optimizer):
            self.refresh_bindings()
            job.judge_again(self._sizes())
        stop = min(last, first + self.call.pace.steps(SLICE))
        stop = first + self._enter(mode, job.schedule.part(slice(first, stop)))
        self.call.steps(job, stop, mode, self._rates(job, stop))
        if job.diverged:
            if job.taken > first:
                in_one_go(*self._rates(job, job.taken))
            self.flush()
            problem = f"is {job.losses[job.taken]} at lr {job.schedule.rate(job.taken)}"
            raise DivergenceError("loss", problem, "Lower lr, or look at the ratings.")
        if between is None or job.taken == first:  # none: somebody has read the tables meanwhile
            return False
        stopped = bool(between(job.taken))
        self.optimizer._judge_settings()
        return stopped

    def _rates(self, job: Job, taken: int) -> list[Change]:
        """Return the changes after which the optimiser has the rate of the last of these steps."""
        other = copy.copy(self.optimizer)
        job.schedule.set(other, taken - 1)
        changes: list[Change] = self.optimizer.take_settings(other)
        return changes

    def _sizes(self) -> list[int]:
        return [len(self.form.params[name]) for name in NAMES[:2]]

    def _mode(self, run: Run, batch: int) -> int:
        """Decide which rows move when; by size, unless told."""
        if not self.form.moves_absent_rows(run):
            return TOUCHED
        possible = self.form.deferrable(run)
        if self.deferred and not possible:
            raise SettingError(
                "deferred", "has no form for these settings", "Leave it None.", value=True
            )
        rows = sum(len(self.form.params[name]) for name in NAMES[:2])
        pays = self.deferred
        if pays is None:
            pays = rows >= PAYS * 2 * max(batch, self.batch_size)
        return DEFERRED if possible and pays else DENSE

    def _enter(self, mode: int, run: Run) -> int:
        """End the history where `run` cannot go on with it; return how many steps of `run` fit in.

        Where a history ends depends on its steps alone, not on how they were cut into slices.
        """
        settings = (mode, *self.form.settings(run))
        if settings != self._settings:
            self.flush()
            self._settings = settings
        self.deferring = mode == DEFERRED
        if not self.deferring:
            return run.n_steps
        room = self.form.room(run, self.pending)
        if not room:
            self.flush()
            room = self.form.room(run, self.pending)
        return room


def _made_anew(made_by: tuple[Any, ...], options: dict[str, Any]) -> Fused:
    return Fused(*made_by, **options)

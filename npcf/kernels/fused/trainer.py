"""Many mini-batch steps in one compiled call, on the arrays of the parameters and the optimiser.

`trainer_for(optimizer, y_range)` returns a `Fused`, or None where there is no fused form.  After
any step one may change between `Fused.run` and the reference's forward, backward and
`optimizer.step`: both work on the same arrays, and counts and settings live in the optimiser alone.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from npcf._types import FloatArray, YRange
from npcf.errors import DivergenceError, SettingError
from npcf.kernels.fused.adam_form import AdamForm
from npcf.kernels.fused.call import Call, Job
from npcf.kernels.fused.form import NAMES, Form, Run, tables_of
from npcf.kernels.fused.judge import judged_head, judged_ratings, judged_schedule
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
    """
    kind = type(optimizer)
    form = FORMS.get(f"{kind.__module__}.{kind.__qualname__}")
    if form is None or set(dict.keys(optimizer.params)) != set(NAMES):
        return None
    tables = dict(dict.items(optimizer.params)).values()
    whole = all(table.flags.c_contiguous and table.flags.writeable for table in tables)
    if not whole or len({table.dtype for table in tables}) > 1:
        return None
    fused = Fused(form(optimizer), y_range, mean, deferred, fast)
    fused.batch_size = batch_size
    return fused


class Fused:
    """Training steps of one optimiser, compiled; `trainer_for` makes it.

    `deferring` says what the last run did with the rows outside its batches: True, they wait;
    False, they were moved at once, or do not move.  `pending` is the number of steps for which
    rows may be waiting; `flush` brings all of them up to date.  The optimiser's `params` and states
    become `LiveTables`, which flush before they are read; `attach` does so for a model's.
    """

    def __init__(self, form: Form, y_range: YRange, mean: float, deferred: bool | None, fast: bool):
        self.form, self.deferred, self.optimizer = form, deferred, form.optimizer
        self.call = Call(form, judged_head(y_range, mean, form.dtype), fast)
        self.deferring, self.batch_size = False, 0
        self._settings: tuple[Any, ...] = ()
        self.attach()

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
    ) -> FloatArray:
        """Take one step for each mini-batch; return the loss before each, (n_steps,).

        Batch s is the ratings starts[s] : starts[s + 1] of `users`, `items` and `rating` (n,).
        `lrs` is (n_steps,), or a mapping of parameter names, or "default", to that; `moms` is
        (n_steps,) or None, which leaves the optimiser's momentum.  Afterwards the optimiser has
        the last step's rate and momentum, as after as many of its own steps.

        `losses`, if given, is filled.  `between(n)` is called after every slice of about a tenth
        of a second with the number of steps taken; if it returns true, no further ones are.
        Everything is judged before any parameter moves.  Raises DivergenceError at the first loss
        that is not finite, the parameters being those before that step.
        """
        self.refresh_bindings()
        sizes = [len(self.form.params[name]) for name in NAMES[:2]]
        ratings = judged_ratings(users, items, rating, starts, sizes, self.form.dtype)
        schedule = judged_schedule(self.optimizer, lrs, moms, ratings.starts.size - 1)
        losses = np.empty(schedule.run.n_steps, self.form.dtype) if losses is None else losses
        job = Job(ratings, schedule, losses, between)
        taken, ends = 0, job.ends()
        stretches = [schedule.part(slice(*pair)) for pair in pairwise([0, *ends])]
        modes = [self._mode(stretch, job.batch) for stretch in stretches]
        for last, mode in zip(ends, modes, strict=True):
            taken, stopped = self._stretch(job, taken, last, mode)
            if stopped:
                break
        return losses[:taken]

    def flush(self) -> None:
        """Bring every row up to date."""
        if self.pending:
            self.call.flush()

    def attach(self, *models: Any) -> None:
        """Let the optimiser's mappings, and `params` of each model, flush before they are read."""
        live: dict[int, LiveTables] = {}  # what was one mapping stays one
        holders = [(self.optimizer, name) for name in ("params", "m", "v", "buffers")]
        for holder, name in [*holders, *((model, "params") for model in models)]:
            tables = getattr(holder, name, None)
            if tables is not None and getattr(tables, "refresh", None) != self.flush:
                live.setdefault(id(tables), LiveTables(tables, self.flush))
                setattr(holder, name, live[id(tables)])

    def refresh_bindings(self) -> None:
        """Take up arrays and mappings that the optimiser was given since the last run."""
        if not self.pending:
            self.form.params = tables_of(self.optimizer.params)
            self.attach()

    def describe(self) -> str:
        """Return in a few words whose steps these are, and what happens to rows not in a batch."""
        lr, kind = self.optimizer.lr, type(self.optimizer).__name__
        lrs = {name: [x] for name, x in lr.items()} if isinstance(lr, Mapping) else [lr]
        run = judged_schedule(self.optimizer, lrs, None, 1).run
        absent = WORDS[self._mode(run, self.batch_size)]
        way = "fast" if self.call.fast else "strict"
        return f"{kind}, {self.form.dtype}, {way}; {absent}"

    def _stretch(self, job: Job, taken: int, last: int, mode: int) -> tuple[int, bool]:
        """Take steps up to `last` in slices; return how many were taken, and if told to stop."""
        self.call.expect(job, mode)
        while taken < last:
            stop = min(last, taken + self.call.pace.steps(SLICE))
            stop = taken + self._enter(mode, job.schedule.part(slice(taken, stop)))
            taken += self.call.steps(job, slice(taken, stop), mode)
            job.schedule.set(self.optimizer, min(taken, stop - 1))
            if taken < stop:
                self.flush()
                problem = f"is {job.losses[taken]} at lr {self.optimizer.lr}"
                raise DivergenceError("loss", problem, "Lower lr, or look at the ratings.")
            if job.between is not None and job.between(taken):
                return taken, True
        return taken, False

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

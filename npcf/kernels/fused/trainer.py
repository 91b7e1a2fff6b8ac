"""Many mini-batch steps in one compiled call, on the arrays of the parameters and the optimiser.

`trainer_for(optimizer, y_range)` returns a `Fused`, or None where there is no fused form.  After
any step one may change between `Fused.run` and the reference's forward, backward and
`optimizer.step`: both work on the same arrays, and counts and settings live in the optimiser alone.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from npcf._types import FloatArray, Params, YRange
from npcf.errors import DivergenceError, SettingError
from npcf.kernels._jit import Loop
from npcf.kernels.fused.adam_form import AdamForm
from npcf.kernels.fused.batch import STEP, Ratings, Side
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
FLUSH_SLICE = 2**22  # numbers brought up to date in one call
PAYS = 4  # deferring pays from this many times as many rows as a batch can name


def trainer_for(
    optimizer: Any,
    y_range: YRange = (0.0, 5.5),
    mean: float = 0.0,
    *,
    deferred: bool | None = None,
    fast: bool = False,
) -> "Fused | None":
    """Return the fused form of DotProductBias, its mean squared error and `optimizer`, or None.

    There is one for exactly `npcf.optim.SGD` and `npcf.optim.Adam`, over the four tables of
    `npcf.models.DotProductBias`, biases (n,) or (n, 1), each a contiguous array of one dtype.

    `deferred`: whether the update of rows outside the batch waits until they are needed; None lets
    the sizes of tables and batches decide.  `fast` licenses other orders of addition, and fused
    multiply-adds; without it every operation is the reference's, in its order.
    """
    kind = type(optimizer)
    form = FORMS.get(f"{kind.__module__}.{kind.__qualname__}")
    if form is None or set(dict.keys(optimizer.params)) != set(NAMES):
        return None
    tables = dict(dict.items(optimizer.params)).values()
    whole = all(table.flags.c_contiguous and table.flags.writeable for table in tables)
    if not whole or len({table.dtype for table in tables}) > 1:
        return None
    return Fused(form(optimizer), y_range, mean, deferred, fast)


class Fused:
    """Training steps of one optimiser, compiled; `trainer_for` makes it.

    `deferring` says what the last run did with the rows outside its batches: True, they wait;
    False, they were moved at once, or do not move.  `pending` is the number of steps for which
    rows may be waiting; `flush` brings all of them up to date.  The optimiser's `params` and states
    become `LiveTables`, which flush before they are read; `attach` does so for a model's.
    """

    def __init__(self, form: Form, y_range: YRange, mean: float, deferred: bool | None, fast: bool):
        self.form, self.deferred, self.fast = form, deferred, fast
        self.optimizer = form.optimizer
        self.head = judged_head(y_range, mean, form.dtype)
        self.deferring, self.pending = False, 0
        self._settings: tuple[Any, ...] = ()
        self._sides: tuple[Side, Side] | None = None
        self._marked = 0  # steps since the marks were cleared, where nothing is deferred
        self._pace = SLICE / 32  # seconds for a step
        self.attach()

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
        taken = 0
        while taken < schedule.run.n_steps:
            stop = min(schedule.run.n_steps, taken + max(1, int(SLICE / self._pace)))
            here = slice(taken, stop)
            part = ratings._replace(starts=ratings.starts[taken : stop + 1])
            taken += self._steps(part, schedule.part(here), losses[here])
            schedule.set(self.optimizer, min(taken, stop - 1))
            if taken < stop:
                self._diverge(losses[taken])
            if between is not None and between(taken):
                break
        return losses[:taken]

    def flush(self) -> None:
        """Bring every row up to date."""
        if not self.pending or self._sides is None:
            return
        now, self.pending = self.pending, 0
        tables = self.form.tables(self._gradients(), None)
        flush = compiled(self.form.flush, self.fast)
        for i, side in enumerate(self._sides):
            rows, width = side.factors.shape
            step = max(1, FLUSH_SLICE // max(width, 1))
            for first in range(0, rows, step):
                last = min(rows, first + step)
                pair = (tables[i], tables[i + 2])
                with np.errstate(all="ignore"):
                    flush(pair, *self.form.shared(), side.marks, now, first, last)

    def attach(self, *models: Any) -> None:
        """Let the optimiser's mappings, and `params` of each model, flush before they are read."""
        holders = [(self.optimizer, name) for name in ("params", "m", "v", "buffers")]
        for holder, name in [*holders, *((model, "params") for model in models)]:
            tables = getattr(holder, name, None)
            if tables is not None and not isinstance(tables, LiveTables):
                setattr(holder, name, LiveTables(tables, self.flush))

    def refresh_bindings(self) -> None:
        """Take up arrays and mappings that the optimiser was given since the last run."""
        if not self.pending:
            self.form.params = tables_of(self.optimizer.params)
            self.attach()

    def _steps(self, ratings: Ratings, run: Run, losses: FloatArray) -> int:
        """Take the steps of one slice; return how many were taken."""
        form, batch = self.form, int(np.diff(ratings.starts).max())
        mode = self._mode(run, batch)
        self._enter(mode, run)
        form.prepare(run)
        numbers = {name: form.numbers(name, run).astype(form.dtype) for name in NAMES}
        if mode == DEFERRED:
            form.extend(run, self.pending)
        sides = self._room(batch)
        tables = form.tables(self._gradients(), numbers)
        user_tables, item_tables = (tables[0], tables[2]), (tables[1], tables[3])
        before = self.pending if mode == DEFERRED else self._marked
        start = time.perf_counter()
        with np.errstate(all="ignore"):  # for the loops as plain Python; compiled code never warns
            taken = int(
                compiled(form.steps, self.fast)(
                    losses, ratings, self.head, sides, user_tables, item_tables,
                    *form.shared(), mode, before,
                )
            )  # fmt: skip
        pace = (time.perf_counter() - start) / run.n_steps
        self._pace = max(pace, self._pace / 8)  # a first call compiles; later ones catch up
        form.finish(run, taken)
        if mode == DEFERRED:
            self.pending += taken
        else:
            self._marked += taken
        return taken

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
        pays = rows >= PAYS * 2 * batch if self.deferred is None else self.deferred
        return DEFERRED if possible and pays else DENSE

    def _enter(self, mode: int, run: Run) -> None:
        """End the history where `run` cannot go on with it, and see that marks are distinct."""
        settings = (mode, *self.form.settings(run))
        if settings != self._settings or self.form.full(run, self.pending):
            self.flush()
        if mode == DEFERRED and (self._marked or not self.pending):
            self._clear_marks()
        elif self._marked + run.n_steps >= 2**31:
            self._clear_marks()
        self._settings, self.deferring = settings, mode == DEFERRED

    def _clear_marks(self) -> None:
        self._marked = 0
        for side in self._sides or ():
            side.marks[:, STEP] = 0

    def _room(self, batch: int) -> tuple[Side, Side]:
        """Return both sides with room for `batch` ratings."""
        params, old = self.form.params, self._sides
        size = batch if old is None else max(batch, old[0].rows.size)
        sides = []
        for i, (factors, bias) in enumerate(zip(NAMES[:2], NAMES[2:], strict=True)):
            tables = (params[factors], params[bias])
            if old is not None and old[i].rows.size == size:
                side = old[i]._replace(factors=tables[0], bias=tables[1])
            else:
                marks = np.zeros((len(tables[0]), 2), np.int32) if old is None else old[i].marks
                gradients = [np.zeros((size + 1, t.shape[1]), self.form.dtype) for t in tables]
                side = Side(*tables, marks, *np.zeros((3, size), np.int64), *gradients)
            sides.append(side)
        self._sides = (sides[0], sides[1])
        return self._sides

    def _gradients(self) -> Params:
        assert self._sides is not None
        users, items = self._sides
        gradients = (users.d_factors, items.d_factors, users.d_bias, items.d_bias)
        return dict(zip(NAMES, gradients, strict=True))

    def _diverge(self, loss: Any) -> None:
        self.flush()
        raise DivergenceError(
            "loss", f"is {loss} at lr {self.optimizer.lr}", "Lower lr, or look at the ratings."
        )


def compiled(loop: Loop, fast: bool) -> Any:
    """Return the loop, compiled in one of two ways."""
    return loop.fast if fast else loop.strict

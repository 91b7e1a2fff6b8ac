"""Many mini-batch steps in one compiled call, on the arrays of the parameters and the optimiser.

`trainer_for(optimizer, y_range)` returns a `Fused`, or None where there are no fused steps.  After
any step one may change between `Fused.run` and the reference's forward, backward and
`optimizer.step`: both work on the same arrays, and counts and settings live in the optimiser alone.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npcf._atomic import in_one_go
from npcf._types import FloatArray, Params, YRange
from npcf.errors import (
    DivergenceError,
    optional_flag,
    require_callable,
    require_count,
    require_flag,
    require_ids,
)
from npcf.fused import validate
from npcf.fused.adam_rule import AdamRule
from npcf.fused.live import LiveTables, attach
from npcf.fused.loops import Loops, Runner
from npcf.fused.rule import FusedRule, StepSettings
from npcf.fused.run import Job
from npcf.fused.sgd_rule import SGDRule
from npcf.fused.workspace import HeldArrays, states_of
from npcf.kernels.fused.batch import BatchArrays
from npcf.kernels.fused.steps import DENSE, LAGGED, TOUCHED
from npcf.models import PairModel
from npcf.optim import SGD, Adam, Optimizer

RULES: dict[type[Optimizer], Any] = {SGD: SGDRule, Adam: AdamRule}
SLICE = 0.1  # seconds that a compiled call is meant to last, so that Ctrl-C is noticed
WORDS = {
    LAGGED: "updates of rows outside the batch are applied when needed",
    DENSE: "every row moves at every step",
    TOUCHED: "only rows of the batch move",
}

Between = Callable[[int], Any]


def trainer_for(
    optimizer: Optimizer,
    y_range: YRange = (0.0, 5.5),
    mean: float = 0.0,
    *,
    deferred: bool | None = None,
    fast: bool = False,
    batch_size: int = 0,
) -> "Fused | None":
    """Return the fused steps of DotProductBias, its mean squared error and `optimizer`, or None.

    Raises ShapeError where tables do not belong together, or a state is not shaped as its table.

    Parameters
    ----------
    optimizer : exactly an `npcf.optim.SGD` or `npcf.optim.Adam`, over the four tables of
        `npcf.models.DotProductBias`: biases (n,) or (n, 1), each a contiguous array of one dtype
    y_range, mean : of the model, low + (high - low) sigmoid(p . q + b + c + mean)
    deferred : whether rows outside the batch lag, their updates being applied when they are needed;
        None: where the tables are large beside the batches
    fast : allow reassociation and FMA contraction; otherwise every operation is the reference's, in
        its order
    batch_size : of later runs; the largest batch of a run counts if that is larger
    """
    rule = RULES.get(type(optimizer))
    if rule is None or validate.obstacle(optimizer):
        return None
    options = optional_flag("deferred", deferred), require_flag("fast", fast), batch_size
    return Fused(rule, optimizer, y_range, mean, *options)


class Fused:
    """Training steps of one optimiser, compiled; `trainer_for` makes it.

    `deferring`: whether rows outside the batches of the last run lag.  `pending`: for how many
    steps; `flush` applies the updates that they have skipped.  The optimiser's `params` and states
    become `LiveTables`, which flush before they are read; `attach` does so for a model's.

    Whatever interrupts a run, a signal handler that raises or an exception sent by another thread,
    everything is as after a whole step: weights, states, the optimiser's counts and rate.  A thread
    that reads while another one takes steps gets copies, and changes nothing.
    """

    def __init__(
        self,
        rule: type[FusedRule[Any]],
        optimizer: Any,  # of the rule's class
        y_range: YRange,
        mean: float,
        deferred: bool | None = None,
        fast: bool = False,
        batch_size: int = 0,
    ):
        validate.check_arrays(optimizer)
        self.optimizer, self.deferred = optimizer, deferred
        self.rule = rule(optimizer, HeldArrays(optimizer))
        self.loops = Loops(
            self.rule, validate.check_transform(y_range, mean, self.rule.dtype), fast
        )
        self.deferring, self.batch_size = False, require_count("batch_size", batch_size, 0)
        self._made_by = (rule, optimizer, y_range, mean)
        self._wrapped: list[tuple[Params, LiveTables]] = []  # until the first run
        self.attach()

    def __reduce__(self) -> Any:
        """Copy and pickle as a new trainer of the optimiser's copy."""
        self.flush()
        return type(self), (*self._made_by, self.deferred, self.loops.fast, self.batch_size)

    @property
    def pending(self) -> int:
        """For how many steps rows may lag."""
        return self.loops.pending

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
        between: Between | None = None,
        counter: NDArray[np.int64] | None = None,
    ) -> FloatArray:
        """Take one step for each mini-batch; return the loss before each, (n_steps,).

        Everything is checked before any parameter moves, and copied where somebody could change it
        meanwhile.  Afterwards the optimiser has the last step's rate and momentum, as after as many
        of its own steps.  Raises DivergenceError at the first loss that is not finite, the
        parameters being those before that step.

        Parameters
        ----------
        users, items, rating : (n,), batch s being starts[s] : starts[s + 1] of each
        starts : (n_steps + 1,), increasing
        lrs : (n_steps,), or a mapping of parameter names, or "default", to that
        moms : (n_steps,), or None, which leaves the optimiser's momentum
        losses : (n_steps,), filled: with each step if it is float64, otherwise after each slice
        between : called after every slice of about a tenth of a second with the number of steps
            taken; if it returns true, no further ones are
        counter : (1,) int64, increased by the steps in the instant in which they are taken
        """
        self._wrapped.clear()
        runner = self.hold()  # as long as this name lives
        self.refresh_bindings()
        ratings = validate.check_ratings(
            users, items, rating, starts, self.rule.n_rows, self.rule.dtype
        )
        schedule = validate.check_schedule(self.optimizer, lrs, moms, ratings.starts.size - 1)
        if between is not None:
            require_callable("between", between, "Give a function of one number.")
        n_steps = schedule.steps.n_steps
        given = validate.check_losses(losses, n_steps, self.rule)
        noted = np.full(n_steps, np.nan)
        if given is None:
            given = noted if self.rule.dtype == np.float64 else noted.astype(self.rule.dtype)
        here = given if given.dtype == np.float64 else noted
        batch = ratings.d_logit.size  # the largest
        job = Job(schedule, batch, here, validate.check_counter("counter", counter))
        try:
            self._run(job, ratings, between)
        finally:
            if given is not here:
                given[: job.taken] = here[: job.taken]
            del runner
        return given[: job.taken]

    def flush(self) -> None:
        """Apply all skipped updates."""
        self.loops.flush()

    def hold(self) -> Runner:
        """Let this thread be the one that takes steps; others are given copies of the tables.

        Lasts as long as the answer is kept; without it, as long as a `run`.
        """
        return self.loops.enter()

    def attach(self, *models: PairModel) -> None:
        """Let the optimiser's mappings, and `params` of each model, flush before they are read."""
        holders = [(self.optimizer, name) for name in states_of(self.optimizer)]
        attach([*holders, *((model, "params") for model in models)], self.loops, self._wrapped)

    def refresh_bindings(self) -> None:
        """Take up arrays and mappings that the optimiser was given since the last run."""
        if not self.rule.arrays.are_those_of(self.optimizer):
            self.flush()  # rows lag in the arrays of before
            self.loops.bind(validate.check_new_arrays(self.optimizer, self.rule.dtype))
        self.attach()

    def describe(self) -> str:
        """Return in a few words whose steps these are, and what happens to rows not in a batch."""
        lr, kind = self.optimizer.lr, type(self.optimizer).__name__
        lrs = {name: [x] for name, x in lr.items()} if isinstance(lr, Mapping) else [lr]
        steps = validate.check_schedule(self.optimizer, lrs, None, 1).steps
        absent = WORDS[self._mode(steps, self.batch_size)]
        way = "fast" if self.loops.fast else "strict"
        return f"{kind}, {self.rule.dtype}, {way}; {absent}"

    def _run(self, job: Job, ratings: BatchArrays, between: Between | None) -> None:
        """Take the steps of `job`, one stretch after another."""
        stretches = list(job.stretches())
        steps = job.schedule.steps
        modes = [self._mode(steps.part(slice(*ends)), job.batch) for ends in stretches]
        for (_, last), mode in zip(stretches, modes, strict=True):
            self.loops.expect(job, mode)
            while job.taken < last:
                told_to_stop = self._slice(job, ratings, last, mode, between)
                if told_to_stop:
                    return

    def _slice(
        self, job: Job, ratings: BatchArrays, last: int, mode: int, between: Between | None
    ) -> bool:
        """Take steps for a tenth of a second, none beyond `last`; return whether told to stop."""
        first = job.taken
        if not self.rule.arrays.are_those_of(self.optimizer):
            self.refresh_bindings()
            for name, size in zip(("users", "items"), self.rule.n_rows, strict=True):
                require_ids(name, getattr(ratings, name), size)  # there are other tables now
        stop = min(last, first + self.loops.pace.steps(SLICE))
        stop = first + self.loops.begin(mode, job.schedule.steps.part(slice(first, stop)))
        self.deferring = mode == LAGGED
        changes = job.schedule.changes(self.optimizer, stop - 1)
        self.loops.steps(job, ratings, stop, mode, changes)
        if job.diverged:
            if job.taken > first:
                in_one_go(*job.schedule.changes(self.optimizer, job.taken - 1))
            self.flush()
            problem = f"is {job.losses[job.taken]} at lr {job.schedule.rate(job.taken)}"
            raise DivergenceError("loss", problem, "Lower lr, or look at the ratings.")
        if between is None or job.taken == first:  # none: somebody has read the tables meanwhile
            return False
        stopped = bool(between(job.taken))
        self.optimizer.check_settings()
        return stopped

    def _mode(self, steps: StepSettings, batch: int) -> int:
        return self.rule.mode(steps, self.deferred, max(batch, self.batch_size))

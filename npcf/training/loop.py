"""The loop: epochs of steps under a schedule, with validation, callbacks, and a way to stop."""

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from npcf import _notebook
from npcf._atomic import assign, in_one_go
from npcf._types import Params
from npcf.errors import ShapeError, UsageError
from npcf.foreign import read_number, shown
from npcf.training.backend import Execution, choice, choose, own_step
from npcf.training.callbacks import Callback, StopTraining
from npcf.training.fit_state import FitState
from npcf.training.history import FOOTNOTE, EpochRow, EpochTable, header, log
from npcf.training.losses import diverged, rmse
from npcf.training.monitor import Elapsed, Interrupt, Stopwatch, deferred_interrupt, progress_bar
from npcf.training.steps import Cancelled, Reached, fit_state_of, layered, one_by_one, optimizer_of

if TYPE_CHECKING:
    from npcf.data import Epoch
    from npcf.fused import Fused
    from npcf.training.learner import Learner


class Chosen(NamedTuple):
    """What takes the steps, and why."""

    what: tuple[Any, ...]  # `backend.choice`
    execution: Execution
    hold: Any  # this thread takes the steps as long as it is kept: `Fused.hold`


def run(learner: "Learner") -> None:
    """Train from where `learner.fit_state` stands to its end, or until stopped."""
    state, report = fit_state_of(learner), _reporter(learner)
    learner.interrupted = False
    _call(learner, "before_fit")
    chosen = _choose(learner)
    with deferred_interrupt() as interrupt:
        while not state.done and not learner.interrupted:
            watch = Stopwatch()
            chosen = _finish_epoch(learner, state, interrupt, chosen)
            if interrupt.asked:
                _note_interrupt(learner, state)
            else:
                row = _row(learner, state, watch.read())
                _next_epoch(learner, state, row)
                report(row)
                _after_epoch(learner, state)
    _call(learner, "after_interrupt" if learner.interrupted else "after_fit")


def _choose(learner: "Learner", before: Chosen | None = None) -> Chosen:
    """Choose what takes the steps, anew if something that decides it has changed."""
    optimizer_of(learner)  # there is one
    what = choice(learner)
    if before is not None and before.what == what:
        return before
    execution = learner.execution = choose(learner)
    if before is None or str(execution) != str(before.execution):
        log.info("steps: %s", execution)
    hold = None if execution.fused is None else execution.fused.hold()
    return Chosen(choice(learner), execution, hold)  # attaching has put mappings over the tables


def _finish_epoch(
    learner: "Learner", state: FitState, interrupt: Interrupt, chosen: Chosen
) -> Chosen:
    """Take the steps that this epoch still lacks, or until Ctrl-C."""
    train, n_batches = learner.dls.train, state.steps_per_epoch
    if len(train) != n_batches:
        raise ShapeError(
            "dls",
            f"has {len(train)} batches an epoch, this fit began with {n_batches}",
            "Change ratings and bs between fits.",
        )
    train.rng.bit_generator.state = state.rng_state
    epoch = train.epoch()
    with progress_bar(n_batches, f"epoch {state.epoch}", learner.progress) as reached:
        while state.batch < n_batches and not interrupt.asked:
            chosen = _choose(learner, chosen)
            n_steps = min(n_batches - state.batch, _steps_to_hook(learner.callbacks, state.step))
            args = epoch, n_steps, lambda: interrupt.asked, reached
            if chosen.execution.fused is None:
                one_by_one(learner, *args, own_step(learner))
            else:
                many(learner, chosen.execution.fused, *args)
            _call(learner, "after_step")
    return chosen


def many(
    learner: "Learner", fused: "Fused", epoch: "Epoch", n_steps: int, cancelled: Cancelled,
    reached: Reached,
) -> None:  # fmt: skip
    """Take `n_steps` fused steps, fewer if `cancelled()` becomes true after a slice of them."""
    state = fit_state_of(learner)
    first, here = state.batch, slice(state.step, state.step + n_steps)
    ratings = slice(epoch.starts[first], epoch.starts[first + n_steps])

    def between(taken: int) -> bool:
        reached(first + taken)
        return cancelled()

    fused.run(
        epoch.users[ratings],
        epoch.items[ratings],
        epoch.rating[ratings],
        epoch.starts[first : first + n_steps + 1] - ratings.start,
        layered(learner.lr_mult, state.lr[here]),
        None if state.mom is None else state.mom[here],
        losses=state.next_losses(n_steps),
        between=between,
        counter=state.counter,
    )


def _steps_to_hook(callbacks: Sequence[Any], step: int) -> int:
    """Return how many steps may be taken before a callback wants to hear of one.

    A callback's `after_step` runs at least every `every` steps; 1 means after each.
    """
    listening = [
        getattr(callback, "every", 1)
        for callback in callbacks
        if getattr(type(callback), "after_step", None) is not Callback.after_step
        and hasattr(callback, "after_step")
    ]
    return min((every - step % every for every in listening), default=sys.maxsize)


def _row(learner: "Learner", state: FitState, elapsed: Elapsed) -> EpochRow:
    """Validate, and return the epoch's row; raise DivergenceError if the last step has ruined it.

    A step checks the loss before it, so the effect of the last one is checked here.
    """
    pred, rating = learner.predict(learner.dls.valid.pairs), learner.dls.valid.rating
    error, lr = rmse(pred, rating), float(state.lr[state.step - 1])
    if not np.isfinite(error):
        raise diverged(f"{error**2} on the validation ratings", lr)
    if not _finite(learner.model.params):
        raise diverged(f"not finite for rows that step {state.step} has moved", lr)
    valid_loss, train_loss = error**2, state.smoother.smoothed
    metrics = {}
    for name, metric in learner.metrics.items():
        value = metric.measure(learner) if hasattr(metric, "measure") else metric(pred, rating)
        metrics[name] = number = read_number(value)
        if np.isnan(number) and not isinstance(value, float | np.floating):
            problem = f"made {shown(value)}, not a number"
            raise UsageError(f"metrics[{name!r}]", problem, "Return a float.", value=value)
    losses = train_loss, valid_loss, valid_loss - train_loss, error
    return EpochRow(state.epoch, *losses, lr, elapsed.seconds, metrics, elapsed.compile_seconds)


def _finite(tables: Params) -> bool:
    """Whether all numbers are finite; minimum and maximum need no memory, and NaN is both."""
    ends = [f(table) for table in tables.values() if table.size for f in (np.min, np.max)]
    return bool(np.isfinite(ends).all())


def _next_epoch(learner: "Learner", state: FitState, row: EpochRow) -> None:
    """Turn to the next epoch, this one's row being written: both in one go, or neither."""
    rng_state = dict(learner.dls.train.rng.bit_generator.state)
    in_one_go(
        assign(vars(learner), "rows", [*learner.rows, row]),
        assign(vars(state), "epoch", state.epoch + 1),
        assign(vars(state), "rng_state", rng_state),
    )


def _after_epoch(learner: "Learner", state: FitState) -> None:
    """Call `after_epoch`; a StopTraining ends the fit."""
    try:
        _call(learner, "after_epoch")
    except StopTraining as reason:
        log.info("stopped after epoch %d: %s", learner.rows[-1].epoch, reason)
        state.stopped = True


def _note_interrupt(learner: "Learner", state: FitState) -> None:
    learner.interrupted = True
    log.warning(
        "interrupted after step %d of %d: the model holds the weights of that step",
        state.step,
        len(state.lr),
    )


def _call(learner: "Learner", hook: str) -> None:
    for callback in learner.callbacks:
        getattr(callback, hook, lambda learner: None)(learner)


def _reporter(learner: "Learner") -> Callable[[EpochRow], None]:
    """Return what shows a row: in a notebook a table that grows, on a terminal its lines."""
    if learner.on_epoch is not None:
        report: Callable[[EpochRow], None] = learner.on_epoch
        return report
    show = _notebook.display()
    if show is not None:
        return _growing_table(show, learner.metrics)
    if not sys.stdout.isatty():
        return lambda row: None
    print(f"{header(learner.metrics)}\n{FOOTNOTE}")
    return print


def _growing_table(show: Callable[..., Any], metrics: Iterable[str]) -> Callable[[EpochRow], None]:
    table = EpochTable([], metrics)
    handle = show(table, display_id=True)

    def report(row: EpochRow) -> None:
        table.rows.append(row)
        handle.update(table)

    return report

"""The loop: epochs of steps under a schedule, with validation, callbacks, and a way to stop."""

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from npcf.training.callbacks import Callback, StopTraining
from npcf.training.execution import choose
from npcf.training.fit_state import FitState
from npcf.training.history import FOOTNOTE, EpochRow, header, log
from npcf.training.interrupt import Interrupt, deferred_interrupt
from npcf.training.metrics import rmse
from npcf.training.progress import progress_bar
from npcf.training.steps import fused, one_by_one


def run(learner: Any) -> None:
    """Train from where `learner.fit_state` stands to its end, or until stopped."""
    state, report = learner.fit_state, _reporter(learner)
    learner.interrupted = False
    _call(learner, "before_fit")
    learner.execution = choose(learner)
    log.info("steps: %s", learner.execution)
    with deferred_interrupt() as interrupt:
        while not state.done and not learner.interrupted:
            start = time.perf_counter()
            _finish_epoch(learner, state, interrupt)
            if interrupt.asked:
                _note_interrupt(learner, state)
            else:
                row = _row(learner, state, time.perf_counter() - start)
                learner.rows.append(row)
                report(row)
                _next_epoch(learner, state)
    _call(learner, "after_interrupt" if learner.interrupted else "after_fit")


def _finish_epoch(learner: Any, state: FitState, interrupt: Interrupt) -> None:
    """Take the steps that this epoch still lacks, or until Ctrl-C."""
    train = learner.dls.train
    train.rng.bit_generator.state = state.rng_state
    epoch, n_batches = train.epoch(), len(train)
    take = one_by_one if learner.execution.fused is None else fused
    with progress_bar(n_batches, f"epoch {state.epoch}", learner.progress) as reached:
        while state.batch < n_batches and not interrupt.asked:
            n_steps = min(n_batches - state.batch, _steps_to_hook(learner.callbacks, state.step))
            take(learner, epoch, n_steps, lambda: interrupt.asked, reached)
            _call(learner, "after_step")


def _steps_to_hook(callbacks: Sequence[Any], step: int) -> int:
    """Return how many steps may be taken before a callback wants to hear of one.

    A callback that has `after_step` says by `every` after which steps it listens: 1, all of them.
    """
    listening = [
        getattr(callback, "every", 1)
        for callback in callbacks
        if getattr(type(callback), "after_step", None) is not Callback.after_step
        and hasattr(callback, "after_step")
    ]
    return min((every - step % every for every in listening), default=sys.maxsize)


def _row(learner: Any, state: FitState, seconds: float) -> EpochRow:
    """Validate, and return the epoch's row."""
    pred, rating = learner.predict(learner.dls.valid.pairs), learner.dls.valid.rating
    error = rmse(pred, rating)
    valid_loss, train_loss = error**2, state.smoother.smoothed
    metrics = {}
    for name, metric in learner.metrics.items():
        value = metric.measure(learner) if hasattr(metric, "measure") else metric(pred, rating)
        metrics[name] = float(value)
    gap, lr = valid_loss - train_loss, float(state.lr[state.step - 1])
    return EpochRow(state.epoch, train_loss, valid_loss, gap, error, lr, seconds, metrics)


def _next_epoch(learner: Any, state: FitState) -> None:
    """Turn to the next epoch, unless a callback has had enough."""
    state.epoch, state.batch = state.epoch + 1, 0
    state.rng_state = dict(learner.dls.train.rng.bit_generator.state)
    try:
        _call(learner, "after_epoch")
    except StopTraining as reason:
        log.info("stopped after epoch %d: %s", learner.rows[-1].epoch, reason)
        state.epoch = state.n_epoch


def _note_interrupt(learner: Any, state: FitState) -> None:
    learner.interrupted = True
    log.warning(
        "interrupted after step %d of %d: the model holds the weights of that step",
        state.step,
        len(state.lr),
    )


def _call(learner: Any, hook: str) -> None:
    for callback in learner.callbacks:
        getattr(callback, hook, lambda learner: None)(learner)


def _reporter(learner: Any) -> Callable[[EpochRow], None]:
    if learner.on_epoch is not None:
        report: Callable[[EpochRow], None] = learner.on_epoch
        return report
    if not sys.stdout.isatty():
        return lambda row: None
    print(f"{header(learner.metrics)}\n{FOOTNOTE}")
    return print

"""Whatever interrupts a fit, at whatever moment: what is left is the run stopped after a step.

Stopped there by a callback, that is, which nothing interrupts: weights, states, rates, losses, to
the bit.  Signals and exceptions fall where they fall; how many are tried depends on the profile.
"""

import signal
import threading
import time
from contextlib import suppress
from functools import cache

import numpy as np
import pytest

from npcf import errors, kernels, models, optim
from npcf.data import CollabDataLoaders, Vocabulary, planted
from npcf.fused import loops, trainer
from npcf.training import Callback, Learner
from npcf.training import steps as training_steps
from npcf.verify import assert_same_bits
from tests.conftest import PROFILE
from tests.training.interrupting import SORTS, TimeUp, alarm, interrupt, raise_time_up

TRIALS = {"check": 2, "dev": 2, "ci": 3}.get(PROFILE, 200)
RUNS = {"check": 1, "dev": 1, "ci": 3}.get(PROFILE, 20)
EPOCHS, BATCHES, LAST = 3, 50, 150
RATINGS = planted(60, 40, 500, seed=3).ratings  # 400 to train on
EXECUTIONS = {
    "deferred": {"deferred": True},
    "dense": {"deferred": False},
    "momentum": {"deferred": True, "opt_func": lambda p, lr: optim.SGD(p, lr, 0.9, 0.1)},
    "numpy": {"backend": "numpy"},
    "numpy rmsprop": {
        "backend": "numpy",
        "opt_func": lambda p, lr: optim.RMSProp(p, lr, momentum=0.5, centered=True),
    },
}
compiling = pytest.mark.skipif(not kernels.compiles(), reason="NUMBA_DISABLE_JIT is set")
posix = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs signals")


class StopAt(Callback):
    """Nothing is read before, so that rows that wait are not brought up to date."""

    def __init__(self, step):
        self.every = step

    def after_step(self, learner):
        if learner.fit_state.step == self.every:
            raise TimeUp


def learner(execution, callbacks=()):
    tables, batches = np.random.default_rng(0).spawn(2)
    dls = CollabDataLoaders.from_ratings(RATINGS, bs=8, rng=batches)
    model = models.DotProductBiasEmb(dls.n_users, dls.n_items, 3, rng=tables, dtype=np.float64)
    return Learner(dls, model, callbacks=callbacks, progress=False, **EXECUTIONS[execution])


def fit(learn):
    moms = {"moms": (0.95, 0.85, 0.95)}
    learn.fit_one_cycle(EPOCHS, 1e-2, **moms)
    return learn


@cache
def stopped(execution, step):
    """Return the run that a callback has stopped after that many steps."""
    learn = learner(execution, [StopAt(step)] if step < LAST else [])
    with suppress(TimeUp):
        fit(learn)
    return learn


@cache
def seconds(execution):
    """Return how long a run lasts, once everything is compiled."""
    stopped(execution, LAST)
    start = time.perf_counter()
    fit(learner(execution))
    return time.perf_counter() - start


def differences(learn, execution):
    """Return in what `learn` differs from the run that was stopped after as many steps."""
    state, step = learn.fit_state, 0 if learn.fit_state is None else learn.fit_state.step
    if step == 0:
        fresh = learner(execution).model.params
        return [n for n, table in fresh.items() if (learn.model.params[n] != table).any()]
    want, found = stopped(execution, step), []
    for part in ("model.params", "opt.state_arrays()"):
        got, wanted = (dict(eval(f"x.{part}", {"x": x})) for x in (learn, want))
        if got.keys() != wanted.keys():
            found.append(f"{part}: {got.keys() ^ wanted.keys()}")
        found += [n for n in got if not np.array_equal(got[n], wanted[n], equal_nan=True)]
    for name in ("lr", "momentum", "t"):
        if getattr(learn.opt, name, 0) != getattr(want.opt, name, 0):
            found.append(f"opt.{name}")
    if not np.array_equal(state.losses, want.fit_state.losses, equal_nan=True):
        found.append("losses")
    if vars(state.smoother) != vars(want.fit_state.smoother):
        found.append("smoothed loss")
    got, wanted = (
        [row._replace(seconds=0, compile_seconds=0) for row in x.rows]
        for x in (learn, stopped(execution, LAST))
    )
    if got != wanted[: len(got)]:
        found.append("history")
    if len(learn.rows) != state.epoch or not 0 <= step - BATCHES * state.epoch <= BATCHES:
        found.append(f"epoch {state.epoch} at step {step}, {len(learn.rows)} rows")
    return found


@pytest.fixture
def short_slices(monkeypatch):
    monkeypatch.setattr(trainer, "SLICE", 2e-4)  # many moments between two compiled calls


def trial(execution, sort, rng):
    learn = learner(execution)
    interrupt(lambda: fit(learn), sort, rng.uniform(0, seconds(execution)))
    return learn, differences(learn, execution)


@posix
@compiling
@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("execution", EXECUTIONS)
def test_an_interrupted_run_is_one_that_a_callback_has_stopped(execution, sort, short_slices):
    """Of the runs that are interrupted most are so between their first step and their last."""
    rng, inside = np.random.default_rng(0), 0
    for _ in range(TRIALS):
        learn, found = trial(execution, sort, rng)
        assert not found, f"after step {learn.fit_state.step}: {found}"
        inside += learn.fit_state is not None and 0 < learn.fit_state.step < LAST
    assert inside or TRIALS < 100


def counted_afterwards(*changes):
    """What a compiled call has done is counted in Python, some time later."""
    loop, *arguments = changes[0]
    *before, counts, version, flush = arguments
    apart = loops.Counts(*(array.copy() for array in counts))
    none = loop(*before, apart, version, flush)
    time.sleep(1e-3)
    for array, new in zip(counts, apart, strict=True):
        array[...] = new
    for function, *rest in changes[1:] if not none else ():
        function(*rest)


def one_by_one(*changes):
    """Changes of a step are made in Python, one after another."""
    for function, *arguments in changes:
        function(*arguments)
        time.sleep(1e-4)


@posix
@compiling
@pytest.mark.parametrize("execution", ["deferred", "numpy"])
def test_a_run_that_counts_afterwards_is_caught(execution, short_slices, monkeypatch):
    """Planted: what the steps of a call have moved is counted after it, as it was once."""
    seconds(execution)
    monkeypatch.setattr(loops, "in_one_go", counted_afterwards)
    monkeypatch.setattr(training_steps, "in_one_go", one_by_one)
    rng, start = np.random.default_rng(0), time.perf_counter()
    fit(learner(execution))
    lasts = time.perf_counter() - start
    for _ in range(50):
        learn = learner(execution)
        interrupt(lambda learn=learn: fit(learn), "SIGALRM", rng.uniform(0, lasts))
        with monkeypatch.context() as sound:
            sound.undo()
            if differences(learn, execution):
                return
    pytest.fail("50 interruptions, and no difference")


@posix
@compiling
def test_a_run_of_the_trainer_itself_is_interrupted_after_a_step(short_slices):
    """`trainer_for(...).run`, with no learner around it, and its counter."""
    rng = np.random.default_rng(1)
    ids, rating = rng.integers(0, 40, (2, 4000)), rng.integers(1, 6, 4000) * 1.0
    lrs, starts = rng.uniform(0, 0.02, 1000), np.arange(0, 4001, 4)

    def made():
        tables = np.random.default_rng(2)
        params = {k: tables.normal(0, 0.3, (40, 3)) for k in ("user_factors", "item_factors")}
        params |= {k: np.zeros(40) for k in ("user_bias", "item_bias")}
        opt = optim.fastai_adam(params, wd=0.1)
        return opt, trainer.trainer_for(opt, deferred=True)

    made()[1].run(*ids, rating, starts, lrs)
    start = time.perf_counter()
    made()[1].run(*ids, rating, starts, lrs)
    lasts = time.perf_counter() - start
    for _ in range(TRIALS):
        opt, fused = made()
        counter, losses = np.zeros(1, np.int64), np.full(1000, np.nan)
        with suppress(TimeUp), alarm(raise_time_up, rng.uniform(0, lasts)):
            fused.run(*ids, rating, starts, lrs, losses=losses, counter=counter)
        n = opt.t
        assert n == counter[0] == fused.pending == np.isfinite(losses).sum()
        want, other = made()
        other.run(*ids, rating, starts[: n + 1], lrs[:n])
        for name, table in want.params.items():
            assert_same_bits(opt.params[name], table, f"{name} after {n} steps")
        assert n == 0 or opt.lr == want.lr


@compiling
@pytest.mark.parametrize("execution", ["deferred", "dense"])
def test_who_reads_from_another_thread_changes_no_bit_and_sees_whole_steps(execution, short_slices):
    """All of a row's step is there: bias and factors are of one table of one step."""
    want = stopped(execution, LAST)
    for _ in range(RUNS):
        learn, over, problems = learner(execution), threading.Event(), []

        def read(learn=learn, over=over, problems=problems):
            while learn.execution is None:  # until then nothing is taken, and nothing is copied
                time.sleep(1e-4)
            while not over.is_set():
                shown, before = learn.model.params.copy(), learn.fit_state
                finite = all(np.isfinite(table).all() for table in shown.values())
                if not finite:
                    problems.append(before)
                time.sleep(1e-4)

        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        fit(learn)
        over.set()
        for reader in readers:
            reader.join()
        assert not problems
        for name, table in want.model.params.items():
            assert_same_bits(learn.model.params[name], table, name)


@compiling
def test_what_another_thread_reads_is_the_table_of_a_whole_step(monkeypatch):
    """Steps of one at a time; each table that is read is one that a stopped run has."""
    monkeypatch.setattr(trainer, "SLICE", 1e-9)
    learn, seen, over = learner("deferred"), [], threading.Event()

    def read():
        while learn.execution is None:
            time.sleep(1e-4)
        while not over.is_set():
            seen.append(learn.model.params.copy())
            time.sleep(1e-3)

    reader = threading.Thread(target=read)
    reader.start()
    fit(learn)
    over.set()
    reader.join()
    known = [learner("deferred"), *(stopped("deferred", n) for n in range(1, LAST + 1))]
    steps = [
        next(n for n, other in enumerate(known)
             if all(np.array_equal(shown[k], other.model.params[k]) for k in shown))
        for shown in seen
    ]  # fmt: skip
    assert steps == sorted(steps)


@posix
@compiling
@pytest.mark.parametrize("execution", EXECUTIONS)
def test_a_handler_that_saves_saves_a_whole_step(execution, short_slices, tmp_path):
    """And training goes on; what was saved is resumed to the same end where reading rounds not."""
    rng, want = np.random.default_rng(0), stopped(execution, LAST)
    for _ in range(max(2, TRIALS // 10)):
        learn, path = learner(execution), tmp_path / "run"

        def save(*given, learn=learn, path=path):
            if learn.fit_state is not None and learn.opt is not None:
                learn.save(path)

        with alarm(save, rng.uniform(0, seconds(execution))):
            fit(learn)
        if not path.exists():
            continue
        again = learner(execution)
        again.resume(path)
        path.unlink()
        for name, table in want.model.params.items():
            if EXECUTIONS[execution].get("deferred"):
                assert again.model.params[name].shape == table.shape
                assert_same_bits(again.model.params[name], learn.model.params[name], name)
            else:
                assert_same_bits(again.model.params[name], table, name)


class RunsOutOfTime:
    """What a time limit does that comes while this is read."""

    def __array__(self, *args, **kwargs):
        raise TimeUp

    __float__ = __iter__ = __array__


READERS = {
    "array": lambda x: errors.as_array("x", x),
    "number": lambda x: errors.require_number("x", x),
    "pair": lambda x: errors.require_pair("x", x),
    "numbers": lambda x: errors.require_numbers("x", x, 2),
    "ids": lambda x: Vocabulary(x),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_time_limit_is_not_taken_for_what_an_object_says(reader):
    with pytest.raises(TimeUp):
        READERS[reader](RunsOutOfTime())

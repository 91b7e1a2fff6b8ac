"""A per-rating fit can be cut short at any moment: its tables are those of whole ratings.

A signal handler that raises, an asynchronous exception and Ctrl-C each arrive at a random moment.
What is left is held against the same ratings taken again, block by block, by the compiled loop
alone: the same bits.  A slice is one segment here, so that there are many moments.
"""

import _thread
import gc
import threading
import time
import weakref
from functools import cache

import numpy as np
import pytest
from hypothesis import settings

from npcf.errors import DivergenceError, NpcfError, UsageError
from npcf.kernels import compiles
from npcf.kernels.blocked_sgd import tiles, trainer
from npcf.kernels.blocked_sgd.sgd_loop import sweep
from npcf.kernels.blocked_sgd.tables import numbers_of
from npcf.kernels.blocked_sgd.tiles import SEGMENT, segments_of, strata_of
from npcf.training import PerRatingSGD, RatingArrays
from npcf.verify import assert_same_bits
from tests.conftest import PROFILE
from tests.training.interrupting import SORTS, TimeUp, interrupt

EPOCHS, N, USERS, ITEMS = 4, 16 * SEGMENT, 60, 40
TIMES = 200 if PROFILE in ("ci", "long") else settings.default.max_examples  # of each sort
PATIENCE = 20  # seconds that nothing here may take

pytestmark = pytest.mark.skipif(not compiles(), reason="a plain loop stops inside a rating")


def ratings():
    rng = np.random.default_rng(0)
    ids = (rng.integers(0, size, N).astype(np.int32) for size in (USERS, ITEMS))
    return RatingArrays(*ids, rng.integers(1, 6, N).astype(np.float32), USERS, ITEMS)


RATINGS = ratings()
VALID = RATINGS._replace(
    users=RATINGS.users[:99], items=RATINGS.items[:99], rating=RATINGS.rating[:99]
)


@pytest.fixture
def small_slices(monkeypatch):
    monkeypatch.setattr(trainer, "SLICE", 1)
    monkeypatch.setattr(tiles, "PARTS", ((0, 4),))


def fit(trainer, threads):
    trainer.fit(RATINGS, EPOCHS, valid=VALID, threads=threads, progress=False)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("sort", SORTS)
def test_whatever_cuts_a_fit_short_leaves_a_whole_number_of_ratings(sort, threads, small_slices):
    others = _thread._count()
    rng, seen = np.random.default_rng(threads), set()
    fit(PerRatingSGD(n_factors=8), threads)  # compiles
    start = time.perf_counter()
    fit(PerRatingSGD(n_factors=8), threads)
    whole = time.perf_counter() - start
    for _ in range(TIMES):
        trainer = PerRatingSGD(n_factors=8, final_lr=0.001)
        interrupt(lambda trainer=trainer: fit(trainer, threads), sort, rng.uniform(0, 1.2 * whole))
        if trainer._fit is not None:
            seen.add(judged(trainer))
    assert_no_more_than(others)
    assert len(seen) >= min(TIMES // 4, 5), seen


def assert_no_more_than(others):
    """Assert that no thread of ours is left; those that end have a moment to do so."""
    deadline = time.monotonic() + PATIENCE
    while _thread._count() > others and time.monotonic() < deadline:
        time.sleep(1e-3)
    assert _thread._count() <= others


def judged(trainer):
    """Assert that a fit is one of whole ratings, and agrees with itself; return how far it came."""
    inner, rows = trainer.fitted, len(trainer.rows)
    assert trainer.interrupted == (rows < EPOCHS)
    assert inner.number <= rows <= inner.number + 1 or (rows, inner.done) == (0, 0)
    assert rows == inner.number or inner.done == N or inner.done == 0
    for name, table in again(inner.number, inner._taken.blocks[..., 1].tobytes()).items():
        assert_same_bits(trainer.model.params[name], table, name)
    return inner.number, inner.done


@cache
def again(number, counts):
    """Return the tables after `number` epochs and so many ratings of each block of one more."""
    other = PerRatingSGD(n_factors=8, final_lr=0.001)
    made = other._fit = other._started(RATINGS, EPOCHS)
    inner, counts = made.trainer, np.frombuffer(counts).reshape(4, 4)
    for before in range(number + 1):
        made.rule = other._rule_at(made, before)
        inner.set_decays(made.rule)
        for stratum in strata_of(4, inner.seed, before):
            for b, c in stratum:
                segments = segments_of(inner.ratings.starts, inner.blocks, inner.seed, before, b, c)
                if before == number:
                    ends = np.cumsum(segments[:, 1] - segments[:, 0])
                    assert counts[b, c] in (0, *ends)
                    segments = segments[: np.searchsorted(ends, counts[b, c], side="right")]
                sweep(np.zeros(2), inner.ratings[:3], segments, *inner.sides,
                      numbers_of(made.rule), inner.lanes)  # fmt: skip
    return inner.params


@pytest.mark.parametrize("threads", [1, 2])
def test_a_model_read_from_another_thread_is_of_a_whole_number_of_ratings(threads, monkeypatch):
    """And reading changes nothing: every rating adds the same to a user's bias and to an item's."""
    monkeypatch.setattr(tiles, "PARTS", ((0, 4),))
    n, users, items = 400_000, 20_000, 7_000
    rng = np.random.default_rng(1)
    ids = (rng.integers(0, size, n).astype(np.int32) for size in (users, items))
    many = RatingArrays(*ids, np.full(n, 3, np.float32), users, items)
    trainers = [PerRatingSGD(n_factors=8, weight_decay=0.0, lr=2.0**-4, mean=0.0) for _ in range(2)]
    over, sums = threading.Event(), []

    def read():
        while not over.is_set():
            try:
                params = trainers[0].model.params
            except UsageError:
                continue
            ends = [params[f"{who}_bias"].sum(dtype=np.float64) for who in ("user", "item")]
            sums.append((*ends, np.abs(params["user_bias"]).sum(dtype=np.float64)))

    reader = threading.Thread(target=read)
    reader.start()
    trainers[0].fit(many, 6, threads=threads, progress=False)
    over.set()
    reader.join(PATIENCE)
    trainers[1].fit(many, 6, progress=False)
    for name, table in trainers[1].model.params.items():
        assert_same_bits(trainers[0].model.params[name], table, name)
    # float32 additions to biases of at most 8: half an ulp of it for each rating of six epochs
    half = np.spacing(np.float32(4)) / 2
    assert sums
    assert all(abs(left - right) <= 6 * n * half for left, right, _ in sums)


def test_pools_end_and_nothing_waits_for_a_reader_that_died(monkeypatch):
    others = _thread._count()
    monkeypatch.setattr(tiles, "PARTS", ((0, 4),))
    trainer = PerRatingSGD(n_factors=8)
    fit(trainer, 2)
    trainer.fitted.gate.readers.add(-1)  # a thread that an exception ended before it said goodbye
    epoch = threading.Thread(target=trainer.fitted.epoch, args=(9, trainer.rule, 2))
    epoch.start()
    epoch.join(PATIENCE)
    assert not epoch.is_alive()
    assert_no_more_than(others)


def test_two_epochs_at_once_are_refused():
    trainer = PerRatingSGD(n_factors=8)
    fit(trainer, 1)
    errors = []

    def between(done):
        try:
            trainer.fitted.epoch(1, trainer.rule)
        except UsageError as error:
            errors.append(error.message)

    trainer.fitted.epoch(0, trainer.rule, 1, between)
    assert "is running" in errors[0]
    trainer.fitted.epoch(1, trainer.rule)


def test_a_fit_that_cannot_begin_leaves_the_last_one():
    trainer = PerRatingSGD(n_factors=8)
    fit(trainer, 1)
    before, rows = trainer.model.params, list(trainer.rows)
    bad = RATINGS._replace(users=RATINGS.users + 1)
    for arguments in ((bad,), (RATINGS, 0), (RATINGS, 2, bad), (None,)):
        with pytest.raises(NpcfError):
            trainer.fit(*arguments[:2], valid=arguments[2] if len(arguments) > 2 else None)
    with pytest.raises(NpcfError, match=r"valid.users\["):
        trainer.fit(RATINGS, 1, valid=bad, progress=False)
    with pytest.raises(NpcfError, match="on_epoch"):
        trainer.fit(RATINGS, 1, on_epoch=3, progress=False)
    assert trainer.rows == rows
    for name, table in before.items():
        assert_same_bits(trainer.model.params[name], table, name)


def test_a_table_that_stops_being_finite_in_the_very_last_step_is_a_divergence():
    """The error of that step was finite: only the tables tell."""
    one = RatingArrays(np.array([0]), np.array([0]), np.array([1e30], np.float32), 1, 1)
    trainer = PerRatingSGD(n_factors=2, lr=1e10, mean=0.0, seed=1)
    with pytest.raises(DivergenceError, match=r"user_factors: row 0 holds -?inf at lr 1e\+10"):
        trainer.fit(one, 1, progress=False)
    assert trainer.interrupted
    assert trainer.rows == []


def test_a_validation_error_that_is_not_finite_is_a_divergence():
    two = RatingArrays(*np.array([[0, 1], [0, 1]]), np.array([1e19, 1e19], np.float32), 2, 2)
    other = two._replace(items=np.array([1, 0]))
    trainer = PerRatingSGD(n_factors=1, lr=1.0, init=1e19, mean=0.0, weight_decay=0.0)
    with pytest.raises(DivergenceError):
        trainer.fit(two, 3, valid=other, progress=False)


@pytest.mark.parametrize("threads", [1, 2])
def test_tables_go_when_their_last_user_goes(threads, monkeypatch):
    """Without the collector of cycles; also after a fit that was refused, or cut short."""
    monkeypatch.setattr(tiles, "PARTS", ((0, 4),))

    def stop(row):
        raise TimeUp

    gc.collect()
    gc.disable()
    try:
        for how in range(2):
            left = used(how, threads, stop)
            assert [name for name, ref in left.items() if ref() is not None] == []
    finally:
        gc.enable()


def used(how, threads, stop):
    trainer = PerRatingSGD(n_factors=8)
    try:
        trainer.fit(RATINGS, 2, threads=threads, progress=False, on_epoch=stop if how else None)
    except TimeUp:
        pass
    trainer.predict([0], [0], threads)
    try:
        trainer.predict([0] * 99, [10**6] * 99, threads)
    except NpcfError:
        pass
    inner = trainer.fitted
    return {
        "trainer": weakref.ref(trainer), "inner": weakref.ref(inner),
        "factors": weakref.ref(inner.sides[0].factors), "rating": weakref.ref(inner.ratings.rating),
    }  # fmt: skip

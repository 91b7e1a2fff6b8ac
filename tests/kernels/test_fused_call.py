"""A run is cut into slices of a tenth of a second, whatever a step costs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf import optim
from npcf.fused import loops, run, trainer, trainer_for, workspace
from npcf.fused.run import Pace
from npcf.verify import assert_same_bits


@given(
    cost=st.floats(1e-7, 1e-2),
    guess=st.floats(1, 1000),
    compiling=st.floats(0, 30),
    changes=st.lists(st.floats(0.5, 2), min_size=30, max_size=30),
)
def test_a_slice_lasts_as_long_as_it_should(cost, guess, compiling, changes):
    """Steps cost what they cost, half or twice as much from slice to slice; a first call compiles.

    Whoever listens is called at least every 0.2 seconds, and before long not much more often.
    """
    pace, lasted = Pace(), []
    pace.expect(cost * guess / run.NUMBER_SECONDS)
    for i, change in enumerate(changes):
        steps = pace.steps(trainer.SLICE)
        seconds = steps * cost * change
        lasted.append(seconds / change)
        pace.note(seconds + (compiling if i == 0 else 0), steps)
        pace.expect(1)  # no guess replaces what is known
    assert max(lasted) <= 2 * trainer.SLICE + cost
    assert min(lasted[-5:]) >= trainer.SLICE / 4 - cost


def training(n_steps=400, rows=300):
    rng = np.random.default_rng(0)
    params = {k: rng.normal(0, 0.1, (rows, 4)) for k in ("user_factors", "item_factors")}
    params |= {k: np.zeros(rows) for k in ("user_bias", "item_bias")}
    ids = rng.integers(0, rows, (2, 2 * n_steps))
    arguments = (*ids, np.full(2 * n_steps, 3.0), range(0, 2 * n_steps + 1, 2), [0.01] * n_steps)
    return optim.fastai_adam(params), arguments


def test_a_run_hears_of_every_slice(monkeypatch):
    """With steps of 4 ms by the clock: 25 to a slice, once the pace is known."""
    opt, arguments = training()
    fused = trainer_for(opt)
    monkeypatch.setattr(run, "NUMBER_SECONDS", 1e-3)
    monkeypatch.setattr(loops.time, "perf_counter", lambda: next(seconds))
    taken = [0]

    def clock():
        while True:
            yield 0.0
            yield 0.004 * fused.loops.pace.steps(trainer.SLICE)

    seconds = clock()
    fused.run(*arguments, between=lambda n: taken.append(n) and False)
    assert taken[-1] == 400
    slices = np.diff(taken)
    assert slices.tolist() == [4, *[25] * 15, 21]


@pytest.mark.parametrize("numbers", [1, 40, 2**22])
def test_a_flush_in_slices_is_a_flush(numbers, monkeypatch):
    """However few rows are brought up to date in one call."""
    results = []
    for slice_numbers in (2**30, numbers):
        monkeypatch.setattr(workspace, "FLUSH_SLICE", slice_numbers)
        opt, arguments = training(20, 100)
        trainer_for(opt, deferred=True).run(*arguments)
        results.append(dict(opt.params.items()))  # which flushes
    for name, table in results[0].items():
        assert_same_bits(results[1][name], table, name)


def test_an_interrupted_flush_goes_on_where_it_was(monkeypatch):
    """Ctrl-C between two calls: rows done are not done again, the others still wait."""
    opt, arguments = training(20, 100)
    want, _ = training(20, 100)
    trainer_for(want, deferred=True).run(*arguments)
    want = dict(want.params.items())  # which flushes
    monkeypatch.setattr(workspace, "FLUSH_SLICE", 40)
    fused = trainer_for(opt, deferred=True)
    fused.run(*arguments)
    calls, loop = [], fused.loops._call

    def interrupted(*given):
        calls.append(given)
        if len(calls) == 7:
            raise KeyboardInterrupt
        return loop(*given)

    fused.loops._call = interrupted
    with pytest.raises(KeyboardInterrupt):
        fused.flush()
    assert fused.pending == 20
    for name, table in want.items():
        assert_same_bits(opt.params[name], table, name)
    assert fused.pending == 0


def part(arguments, first, last):
    """Return the arguments of steps first .. last - 1 of `training`."""
    users, items, rating, _, lrs = arguments
    here = slice(2 * first, 2 * last)
    starts = range(0, 2 * (last - first) + 1, 2)
    return users[here], items[here], rating[here], starts, lrs[first:last]


def test_marks_are_cleared_before_their_numbers_run_out(monkeypatch):
    """And before rows begin to wait: the same marks then say since when."""
    results = []
    for most in (loops.MOST_MARKED, 5):
        monkeypatch.setattr(loops, "MOST_MARKED", most)
        opt, arguments = training(24, 30)
        fused = trainer_for(opt, deferred=False)
        for first in range(0, 20, 4):
            fused.run(*part(arguments, first, first + 4))
            assert fused.loops.marked <= most
        fused.deferred = True
        fused.run(*part(arguments, 20, 24))
        assert (fused.loops.marked, fused.pending) == (0, 4)
        results.append(dict(opt.params.items()))
    for name, table in results[0].items():
        assert_same_bits(results[1][name], table, name)


def test_a_history_that_is_full_ends_and_another_begins(monkeypatch):
    """As if somebody had looked at the tables there."""
    results = []
    for longest in (7, 1000):
        opt, arguments = training(20, 100)
        monkeypatch.setattr(type(trainer_for(opt).rule), "longest", longest)
        fused = trainer_for(opt, deferred=True)
        for first, last in ((0, 20),) if longest == 7 else ((0, 7), (7, 14), (14, 20)):
            fused.run(*part(arguments, first, last))
            if last < 20:
                fused.flush()
        assert fused.pending == 6
        results.append(dict(opt.params.items()))
    for name, table in results[0].items():
        assert_same_bits(results[1][name], table, name)


def test_who_stops_at_the_end_of_a_stretch_is_heard():
    """Momentum turns from zero after three steps; nothing follows if somebody stops there."""
    opt, arguments = training(6, 30)
    moms = [0.0] * 3 + [0.9] * 3
    assert trainer_for(opt).run(*arguments, moms, between=lambda n: n == 3).size == 3
    assert opt.t == 3

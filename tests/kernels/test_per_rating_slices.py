"""A per-rating epoch can be told to stop at any time: inside a block, on one thread as on several.

The compiled loop is replaced by one that first waits until what is tested has happened, so that no
outcome hangs on who is faster.
"""

import time
from threading import Event

import numpy as np
import pytest

from npcf.kernels.blocked_sgd import Rule, Trainer, pool, reference, tiles, trainer
from npcf.kernels.blocked_sgd.given import Given
from npcf.kernels.blocked_sgd.sgd_loop import sweep
from npcf.kernels.blocked_sgd.tiles import SEGMENT

PATIENCE = 5  # seconds in all that loops wait for what never happens
SEGMENTS = 12
RULE = Rule(0.01, 0.01, {name: np.zeros(40, np.float32) for name in reference.NAMES})


class Told(Exception):  # noqa: N818 : what Ctrl-C would be
    """Somebody wants to stop."""


@pytest.fixture
def loops_wait_until(monkeypatch):
    """Return a function: from now on each slice, one segment, first waits until `happened()`."""
    deadline = time.monotonic() + PATIENCE

    def arrange(happened):
        def waiting(*arguments):
            while not happened() and time.monotonic() < deadline:
                time.sleep(1e-3)
            return sweep(*arguments)

        monkeypatch.setattr(trainer, "sweep", waiting)

    monkeypatch.setattr(trainer, "SLICE", 1)
    return arrange


def trainer_of(parts, monkeypatch):
    monkeypatch.setattr(tiles, "PARTS", ((0, parts),))
    rng, n = np.random.default_rng(0), SEGMENTS * SEGMENT
    users, items = (rng.integers(0, 40, n).astype(np.int32) for _ in range(2))
    return Trainer(Given(users, items, rng.integers(1, 6, n).astype(np.float32), 40, 40), 3)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_block_stops_between_two_slices(threads, loops_wait_until, monkeypatch):
    """There is one block: who listens only between blocks would train all of it."""
    trainer = trainer_of(1, monkeypatch)
    loops_wait_until(lambda: threads == 1 or trainer.stopped)  # one thread listens afterwards
    trainer.epoch(0, RULE, threads, lambda done: True)
    assert trainer.stopped
    assert trainer.done == SEGMENT
    loops_wait_until(lambda: True)
    trainer.epoch(1, RULE, threads)
    assert not trainer.stopped
    assert trainer.done == SEGMENTS * SEGMENT


@pytest.mark.parametrize("threads", [2, 3])
def test_after_an_exception_no_further_block_begins(threads, loops_wait_until, monkeypatch):
    trainer, begun, closed, block = trainer_of(4, monkeypatch), [], Event(), Trainer._block

    close = pool.Workers.close

    def closing(workers):
        workers.closing = True
        closed.set()
        close(workers)

    def counted(*arguments):
        begun.append(arguments[2:4])
        return block(*arguments)

    def between(done):
        raise Told

    monkeypatch.setattr(pool.Workers, "close", closing)
    monkeypatch.setattr(Trainer, "_block", counted)
    loops_wait_until(closed.is_set)
    with pytest.raises(Told):
        trainer.epoch(0, RULE, threads, between)
    assert closed.is_set()
    assert 1 <= len(begun) <= threads
    assert trainer.done <= SEGMENT * len(begun)  # a block that had begun stopped at its next slice

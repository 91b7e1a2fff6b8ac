"""A message that comes twice, or late, changes nothing; tables that arrive are copied."""

import asyncio
from types import SimpleNamespace

import numpy as np
import pytest

from npcf.data import planted
from npcf.distributed import PerRatingSGD
from npcf.distributed.blocks import SpreadTables, write_blocks
from npcf.distributed.cuts import write_cut
from npcf.distributed.holder import Holder
from npcf.distributed.order import Turn
from npcf.kernels.blocked_sgd.row_step import LANE
from tests.distributed.test_interleavings import job_of

RATINGS = planted(30, 20, 300, n_factors=2, seed=1).ratings


@pytest.fixture
def holder(four_parts, tmp_path, monkeypatch):
    """The first of two workers, on no cluster: it trains nothing."""
    distributed = pytest.importorskip("distributed")
    worker = SimpleNamespace(address="here", handlers={}, status=SimpleNamespace(name="running"))
    monkeypatch.setattr(distributed, "get_worker", lambda: worker)
    sgd = PerRatingSGD(n_factors=4)
    files = write_blocks(tmp_path, sgd._given(RATINGS), 4, 0)
    tables = sgd._fresh(SpreadTables(files), 3).trainer
    for n in range(4):
        write_cut(tmp_path, "fit", 0, (n, n), *(tables.part(files.layout, s, n) for s in (0, 1)))
    return Holder(job_of(tmp_path, files, [sgd._rule_at(sgd._fresh(tables, 3), 0)], 2, 0), 0)


def message(holder, turn, b, value):
    c = holder.order.items_of(turn, b)
    rows = holder.job.layout.rows(1, c)
    n = rows.stop - rows.start
    tables = np.full((n, LANE), value, np.float32), np.full((n, 4), value, np.float32)
    return (turn.epoch, turn.place, c, *tables), (turn, c)


def test_a_message_that_comes_twice_or_late_changes_nothing(holder):
    b, first, second = 0, Turn(0, 0), Turn(0, 1)
    asyncio.run(holder.connect(["here", "there"]))
    receive = holder.worker.handlers["npcf-run"]
    sent, key = message(holder, second, b, 1.0)
    again, _ = message(holder, second, b, 2.0)
    asyncio.run(receive(*sent))
    asyncio.run(receive(*again))
    assert (holder.inbox[key].factors == 1).all()
    sent[3][:] = 9  # the buffer of the message
    assert (holder.inbox[key].factors == 1).all()
    assert not holder.inbox[key].factors.ctypes.data % 64
    assert holder._next() is None  # nobody has asked it to train
    holder.last = 1
    taken = {holder._next()[0] for _ in holder.at}
    assert taken == set(holder.at)
    late, key = message(holder, first, b, 3.0)
    asyncio.run(receive(*late))
    assert key not in holder.inbox  # it is being trained
    holder.at[b] = second
    asyncio.run(receive(*late))
    assert key not in holder.inbox  # it was trained
    asyncio.run(holder.close())
    assert holder.worker.handlers == {}


def test_what_a_block_passes_on_to_another_worker_is_trained_first(holder):
    """So that nobody waits for it longer than must be."""
    holder.last, turn, seen = 9, Turn(0, 0), set()
    while turn.epoch < 9:
        holder.at = dict.fromkeys(holder.at, turn)
        holder.busy = set()
        holder.inbox = {holder._key(b): None for b in holder.at}
        stays = [holder._stays(b) for b in holder.at]
        seen.add(tuple(stays))
        taken = [holder._stays(holder._next()[0]) for _ in stays]
        assert taken == sorted(stays)
        turn = holder.order.after(turn)
    assert {(True, False), (False, True)} <= seen

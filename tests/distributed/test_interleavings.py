"""Whoever trains which block when: any order that waits for a block's rows has the same bits.

Workers here are plain objects, and what a cluster leaves to chance is drawn: which of the blocks
that are ready is next, on whom, and at which cut everything is thrown away and begun again.
"""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from npcf.distributed.blocks import SpreadTables, write_blocks
from npcf.distributed.cuts import remove_cuts, whole_cuts, write_cut
from npcf.distributed.job import Job, packed
from npcf.distributed.order import Order, Turn, owners
from npcf.distributed.share import Share, cut_of
from npcf.kernels.blocked_sgd import Trainer, tiles, trainer
from npcf.kernels.blocked_sgd.given import Given
from npcf.kernels.blocked_sgd.row_step import LANE
from npcf.kernels.blocked_sgd.tables import numbers_of
from npcf.verify import assert_same_bits
from tests.kernels.test_per_rating import KINDS, rule_for, tables


@st.composite
def fits(draw):
    """(ratings, K, parts, seed, rules of each epoch, tables to begin with)."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n_users, n_items = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    n, k = draw(st.sampled_from([1, 60, 511, 4000, 5000])), draw(st.sampled_from([1, 5, 16, 17]))
    users = rng.integers(0, n_users, n).astype(np.int32)
    items = np.minimum(rng.geometric(0.1, n), n_items).astype(np.int32) - 1
    ratings = Given(users, items, rng.integers(1, 6, n).astype(np.float32), n_users, n_items)
    params = tables(n_users, n_items, k, rng)
    kind = draw(st.sampled_from(KINDS))
    first = rule_for(params, rng, kind)
    rules = [first._replace(lr=first.lr / (1 + e)) for e in range(draw(st.integers(1, 3)))]
    return (
        ratings,
        k,
        draw(st.sampled_from([1, 2, 3, 5])),
        draw(st.integers(0, 2**40)),
        rules,
        params,
    )


def job_of(folder, files, rules, n_workers, begin):
    layout = files.layout
    owner = owners(layout.blocks.parts, n_workers)
    numbers = packed([numbers_of(rule) for rule in rules])
    return Job("run", "fit", str(folder), str(folder), layout, owner, begin, *numbers,
               (1,) * n_workers, 1)  # fmt: skip


def train(job, until, draw):
    """Train in an order of `draw`; return (shares, items by group, endings)."""
    parts = job.layout.blocks.parts
    order, begin = Order(parts, job.layout.seed), Turn(job.begin, 0)
    shares = [Share(job, me) for me in range(max(job.owner) + 1)]
    waiting = {(begin, c): cut_of(job, 1, c) for c in range(parts)}
    at, endings = dict.fromkeys(range(parts), begin), []
    while waiting:
        ready = [b for b in at if at[b].epoch < until
                 and (at[b], order.items_of(at[b], b)) in waiting]  # fmt: skip
        if not ready:
            break
        b = draw(st.sampled_from(ready))
        turn, share = at[b], shares[job.owner[b]]
        c = order.items_of(turn, b)
        items = waiting.pop((turn, c))
        share.train(b, turn, c, items)
        at[b] = order.after(turn)
        if at[b].place == 0:
            endings.append(share.end_epoch(b, turn.epoch, c, items))
        waiting[at[b], c] = items
    return shares, {c: items for (_, c), items in waiting.items()}, endings


@settings(max_examples=15)
@given(fits(), st.data())
def test_any_order_that_waits_for_its_rows_has_the_bits_of_one_machine(fit, data):
    given_ratings, k, parts, seed, rules, params = fit
    kept, tiles.PARTS = tiles.PARTS, ((0, parts),)
    slice_, trainer.SLICE = trainer.SLICE, tiles.SEGMENT * LANE  # of one segment or a few
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            whole = Trainer(given_ratings, k, seed)
            files = write_blocks(folder, given_ratings, k, seed)
            check(folder, whole, files, rules, params, data)
    finally:
        tiles.PARTS, trainer.SLICE = kept, slice_


def check(folder, whole, files, rules, params, data):
    spread = SpreadTables(files)
    layout, parts = files.layout, files.layout.blocks.parts
    for tables_ in (whole, spread):
        for name, table in params.items():
            tables_.load(name, [table])
    spread.set_decays(rules[0])
    for n in range(parts):
        write_cut(folder, "fit", 0, (n, n), *(spread.part(layout, side, n) for side in (0, 1)))
    sums = [whole.epoch(e, rule, 2) for e, rule in enumerate(rules)]
    lost = data.draw(st.integers(0, len(rules)), label="all workers are lost in epoch")
    first = job_of(folder, files, rules, data.draw(st.integers(1, 4)), 0)
    before = train(first, lost, data.draw)[2]
    begin = max(whole_cuts(folder, parts))
    assert begin == lost
    remove_cuts(folder, begin)
    job = job_of(folder, files, rules, data.draw(st.integers(1, 4)), begin)
    shares, items, endings = train(job, len(rules), data.draw)
    for b in range(parts):
        for side, group in ((0, shares[job.owner[b]].users[b]), (1, items[b])):
            part = spread.part(layout, side, b)
            part.factors[:], part.scalars[:] = group
    for name, table in whole.params.items():
        assert_same_bits(spread.params[name], table, name)
    for epoch in range(len(rules)):
        errors = {each.b: each.errors for each in before + endings if each.epoch == epoch}
        total = sum(errors[b][place] for place in range(parts) for b in range(parts))
        assert_same_bits(np.float64(total), np.float64(sums[epoch]), f"errors of epoch {epoch}")
    last = [each for each in endings if each.epoch == len(rules) - 1]
    found = min((each.wrong for each in last if each.wrong), default=None)
    assert (found is None) == (whole.first_not_finite() is None or begin == len(rules))

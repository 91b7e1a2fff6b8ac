"""Fused steps of `npcf.optim.SGD`: gradient and update of many mini-batches in one call.

A step has seven numbers for each parameter (`SGD_NUMBERS`), which turn the rule's branches into
factors.  In the order in which the reference multiplies and adds:

    g   <- g + coupled * w
    buf <- buffer_keep * buf + buffer_take * g
    w   <- keep * w - lr * (use_g * g + use_buffer * buf)

so that, for example, decoupled decay is keep = 1 - lr weight_decay with coupled = 0, and momentum
without nesterov is use_g = 0, use_buffer = 1.  Multiplying by 1 and adding 0 do not round.

Which rows move is `mode`: DENSE, every row, absent ones with g = 0; TOUCHED, the rows of the batch;
DEFERRED, the rows of the batch after each has made up for the steps that it has missed
(`npcf.kernels.fused.step_products`).
"""

from typing import Any, NamedTuple

import numpy as np

from npcf.kernels._jit import jit_both, stage
from npcf.kernels.fused.batch import (
    add_gradients,
    batch_of,
    copy_table,
    list_rows,
    mark_rows,
    number_rows,
    slot_of,
)
from npcf.kernels.fused.counts import DIVERGED, MADE, MARKED, PENDING, VERSION, count
from npcf.kernels.fused.lanes import rowwise, where_set
from npcf.kernels.fused.prefetch import ask_for_factors, ask_for_marks
from npcf.kernels.fused.step_products import product

DENSE, TOUCHED, DEFERRED = 0, 1, 2
SGD_NUMBERS = ("keep", "coupled", "lr", "buffer_keep", "buffer_take", "use_g", "use_buffer")


class SGDTable(NamedTuple):
    """One parameter as (N, K), its buffer, and its numbers for each step."""

    w: Any  # (N, K)
    buffer: Any  # (N, K), or (0, K) if there is no momentum
    gradient: Any  # (B + 1, K), of the distinct rows of the batch
    numbers: Any  # (n_steps, 7) in the order of SGD_NUMBERS
    shrink: Any  # (history + 1,) float64: what decay has left of a row that was never touched
    regrow: Any  # (history + 1,) float64: 1 / shrink
    tree: Any  # (levels, history, 4) float64: `step_products`


@rowwise
def step_row(w, g, coupled, keep, lr):
    """Return what one step without momentum makes of a row, with the gradient g."""
    return (keep * w - lr * where_set(coupled, g + coupled * w, g),)


@rowwise
def step_row_with_momentum(w, buf, g, coupled, keep, lr, buffer_keep, buffer_take, use_g, use_buf):
    """Return a row and its buffer after one step."""
    g = where_set(coupled, g + coupled * w, g)
    buf = buffer_keep * buf + buffer_take * g
    return keep * w - lr * (use_g * g + use_buf * buf), buf


@stage
def move_rows(table, side, n_rows, s, now, mode):
    """Take step `s` with those rows of one table that it moves."""
    numbers = table.numbers[s]
    keep, coupled, lr = numbers[0], numbers[1], numbers[2]
    momentum = numbers[3], numbers[4], numbers[5], numbers[6]
    for n in range(table.w.shape[0] if mode == DENSE else n_rows):
        row, slot = (n, slot_of(side, n, now)) if mode == DENSE else (side.rows[n], n)
        w, g = table.w[row], table.gradient[slot]
        if table.buffer.shape[0]:
            step_row_with_momentum((w, table.buffer[row], g), (coupled, keep, lr, *momentum))
        else:
            step_row((w, g), (coupled, keep, lr))


@rowwise
def times_matrix(w, buf, a, b, c, d):
    """Return a row and its buffer after steps without a gradient."""
    return a * w + b * buf, c * w + d * buf


@rowwise
def times(w, left):
    """Return what decay leaves of a row."""
    return (w * left,)


@stage
def make_up_rows(table, side, n_rows, now):
    """Bring `n_rows` rows, which `side` lists, up to step `now` in one table."""
    for n in range(n_rows):
        row, since = side.rows[n], side.since[n]
        if since < now and table.buffer.shape[0]:
            times_matrix((table.w[row], table.buffer[row]), product(table.tree, since, now))
        elif since < now:
            times((table.w[row],), (table.shrink[now] * table.regrow[since],))


@stage
def copy_tables(tables, originals):
    """Copy both tables of a side, with their buffers."""
    for k in range(2):
        copy_table(tables[k].w, originals[k].w)
        copy_table(tables[k].buffer, originals[k].buffer)


@stage
def make_up_late(tables, side, late, now, copies):
    """Bring the rows first .. last - 1 of a side up to step `now`; copies leave the marks alone."""
    for first in range(late[0], late[1], side.rows.size):
        n_rows = list_rows(side, first, min(first + side.rows.size, late[1]))
        for table in tables:
            make_up_rows(table, side, n_rows, now)
        if not copies:
            mark_rows(side, n_rows, now)


@jit_both
def sgd_steps(
    losses, ratings, head, sides, user_tables, item_tables, originals, mode, counts, version, late
):
    """Take a step for each batch and count it; return whether none was taken.

    A loss that is not finite ends it before its step; another version of the history, before all.
    First of all the rows in `late` are brought up to the last step, in the tables, or in copies of
    the originals.
    """
    if counts.history[VERSION] != version:
        return True
    counts.run[MADE] = 1
    users, items = sides
    pending = counts.history[PENDING]
    before, taken = pending + counts.history[MARKED], 0
    if late.copies:
        copy_tables(user_tables, originals[0])
        copy_tables(item_tables, originals[1])
    if pending:
        make_up_late(user_tables, users, late.users, pending, late.copies)
        make_up_late(item_tables, items, late.items, pending, late.copies)
    if losses.size == 0:
        return True
    for s in range(losses.size):
        batch, now = batch_of(ratings, s), before + s + 1
        if s + 1 < losses.size:
            ahead = batch_of(ratings, s + 1)
            for side, ids in ((users, ahead.users), (items, ahead.items)):
                ask_for_marks(side, ids)
                ask_for_factors(side, ids)
        n_users = number_rows(users, batch.users, now)
        n_items = number_rows(items, batch.items, now)
        if mode == DEFERRED:
            for table in user_tables:
                make_up_rows(table, users, n_users, now - 1)
            for table in item_tables:
                make_up_rows(table, items, n_items, now - 1)
        losses[s] = add_gradients(users, items, batch, head)
        if not np.isfinite(losses[s]):
            mark_rows(users, n_users, now - 1)
            mark_rows(items, n_items, now - 1)
            counts.run[DIVERGED] = 1
            break
        for table in user_tables:
            move_rows(table, users, n_users, s, now, mode)
        for table in item_tables:
            move_rows(table, items, n_items, s, now, mode)
        taken += 1
    return count(counts, taken, mode == DEFERRED)

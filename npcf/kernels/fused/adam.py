"""Fused steps of `npcf.optim.Adam`: gradient and update of many mini-batches in one call.

A step has eight numbers for each parameter (`ADAM_NUMBERS`), and does, in the order in which the
reference multiplies and adds,

    g <- g + coupled * w          w <- keep * w
    m <- beta1 * m + take1 * g    v <- beta2 * v + take2 * g * g
    w <- w - step_size * m / (sqrt(v_scale * v) + eps)

with keep = 1 - lr weight_decay and coupled = 0 for decoupled decay, keep = 1 and
coupled = weight_decay for L2; step_size = lr / (1 - beta1**t), v_scale = 1 / (1 - beta2**t).

Every row moves at every step, for its m is not zero when its gradient is: DENSE does so, at a cost
that grows with the table.  DEFERRED updates m and v of the rows of the batch; w of a row makes up
for all steps that it owes when it is next needed (`npcf.kernels.fused.moment_tables`).
"""

from typing import Any, NamedTuple

import numpy as np

from npcf.kernels._jit import jit_both, stage
from npcf.kernels.fused.arrears import make_up_rows
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
from npcf.kernels.fused.prefetch import ask_for_marks
from npcf.kernels.fused.sgd import DEFERRED

ADAM_NUMBERS = (
    "keep", "coupled", "step_size", "beta1", "take1", "beta2", "take2", "v_scale"
)  # fmt: skip


class AdamTable(NamedTuple):
    """One parameter as (N, K), its averages, and its numbers for each step."""

    w: Any  # (N, K)
    m: Any  # (N, K)
    v: Any  # (N, K)
    gradient: Any  # (B + 1, K), of the distinct rows of the batch
    numbers: Any  # (n_steps, 8) in the order of ADAM_NUMBERS
    eps: Any
    per_eps: float  # 1 / eps
    shrink: Any  # (history + 1,) float64: what decay has left of a row since the history began
    regrow: Any  # (history + 1,) float64: 1 / shrink
    moments: Any  # (history + 1, TERMS) float64: `moment_tables`
    alike: bool  # whether these three are those of the factors of the same side


@rowwise
def step_row(w, m, v, g, keep, coupled, step_size, beta1, take1, beta2, take2, v_scale, eps):
    """Return what one step makes of a row, with the gradient g."""
    g = where_set(coupled, g + coupled * w, g)
    m, v = beta1 * m + take1 * g, beta2 * v + take2 * g * g
    return keep * w - step_size * m / (np.sqrt(v_scale * v) + eps), m, v


@rowwise
def average_row(m, v, g, beta1, take1, beta2, take2):
    """Return the averages of a row after one step with the gradient g."""
    return beta1 * m + take1 * g, beta2 * v + take2 * g * g


@stage
def move_rows(table, side, n_rows, s, now, mode):
    """Take step `s`: DENSE with all rows; DEFERRED with the averages of the batch's rows only."""
    x = table.numbers[s]
    if mode == DEFERRED:
        for n in range(n_rows):
            row = side.rows[n]
            average_row((table.m[row], table.v[row], table.gradient[n]), (x[3], x[4], x[5], x[6]))
        return
    numbers = x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7], table.eps
    for row in range(table.w.shape[0]):
        g = table.gradient[slot_of(side, row, now)]
        step_row((table.w[row], table.m[row], table.v[row], g), numbers)


@stage
def copy_tables(tables, originals):
    """Copy both tables of a side, with their averages."""
    for k in range(2):
        copy_table(tables[k].w, originals[k].w)
        copy_table(tables[k].m, originals[k].m)
        copy_table(tables[k].v, originals[k].v)


@stage
def make_up_late(tables, spans, side, late, now, copies):
    """Bring the rows first .. last - 1 of a side up to step `now`; copies leave the marks alone."""
    for first in range(late[0], late[1], side.rows.size):
        n_rows = list_rows(side, first, min(first + side.rows.size, late[1]))
        make_up_rows(tables, spans, side, n_rows, now)
        if not copies:
            mark_rows(side, n_rows, -now)


@jit_both
def adam_steps(
    losses, ratings, head, sides, user_tables, item_tables, originals, spans, mode, counts,
    version, late,
):  # fmt: skip
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
        make_up_late(user_tables, spans, users, late.users, pending, late.copies)
        make_up_late(item_tables, spans, items, late.items, pending, late.copies)
    if losses.size == 0:
        return True
    for s in range(losses.size):
        batch, now = batch_of(ratings, s), before + s + 1
        if s + 1 < losses.size:
            ahead = batch_of(ratings, s + 1)
            ask_for_marks(users, ahead.users)
            ask_for_marks(items, ahead.items)
        n_users = number_rows(users, batch.users, now)
        n_items = number_rows(items, batch.items, now)
        if mode == DEFERRED:
            make_up_rows(user_tables, spans, users, n_users, now - 1)
            make_up_rows(item_tables, spans, items, n_items, now - 1)
        losses[s] = add_gradients(users, items, batch, head)
        if not np.isfinite(losses[s]):
            mark_rows(users, n_users, 1 - now)
            mark_rows(items, n_items, 1 - now)
            counts.run[DIVERGED] = 1
            break
        for table in user_tables:
            move_rows(table, users, n_users, s, now, mode)
        for table in item_tables:
            move_rows(table, items, n_items, s, now, mode)
        taken += 1
    return count(counts, taken, mode == DEFERRED)

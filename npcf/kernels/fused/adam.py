"""Fused steps of `npcf.optim.Adam`: gradient and update of many mini-batches in one call.

A step has eight numbers for each parameter (`ADAM_NUMBERS`), and does, in the order in which the
reference multiplies and adds,

    g <- g + coupled * w          w <- keep * w
    m <- beta1 * m + take1 * g    v <- beta2 * v + take2 * g * g
    w <- w - step_size * m / (sqrt(v_scale * v) + eps)

with keep = 1 - lr weight_decay and coupled = 0 for decoupled decay, keep = 1 and
coupled = weight_decay for L2; step_size = lr / (1 - beta1**t), v_scale = 1 / (1 - beta2**t).

Every row moves at every step, for its m is not zero when its gradient is: DENSE does so, at a cost
that grows with the table.  DEFERRED moves the rows of the batch, after each has made up for the
steps that it has missed (`npcf.kernels.fused.moment_tables`).
"""

from typing import Any, NamedTuple

import numpy as np

from npcf.kernels._jit import jit_both, part
from npcf.kernels.fused.batch import (
    SLOT,
    STEP,
    add_gradients,
    batch_of,
    forget_step,
    number_rows,
)
from npcf.kernels.fused.moment_tables import make_up
from npcf.kernels.fused.prefetch import ask_for_batch
from npcf.kernels.fused.sgd import DEFERRED, DENSE

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
    shrink: Any  # (history + 1,) float64: what decay has left of a row since the history began
    regrow: Any  # (history + 1,) float64: 1 / shrink
    moments: Any  # (history + 1, TERMS) float64: `moment_tables`


@part
def move(table, row, slot, numbers):
    """Update one row with the gradient in `slot`."""
    keep, coupled, step_size, v_scale = numbers[0], numbers[1], numbers[2], numbers[7]
    beta1, take1, beta2, take2 = numbers[3], numbers[4], numbers[5], numbers[6]
    w, m, v, g = table.w[row], table.m[row], table.v[row], table.gradient[slot]
    for k in range(w.size):
        grad = g[k] + coupled * w[k] if coupled else g[k]
        m_k = beta1 * m[k] + take1 * grad
        v_k = beta2 * v[k] + take2 * grad * grad
        m[k], v[k] = m_k, v_k
        w[k] = keep * w[k] - step_size * m_k / (np.sqrt(v_scale * v_k) + table.eps)


@part
def move_rows(table, side, n_rows, s, now, mode):
    """Take step `s` with those rows of one table that it moves."""
    numbers = table.numbers[s]
    if mode == DENSE:
        for row in range(table.w.shape[0]):
            touched = side.marks[row, STEP] == now
            move(table, row, side.marks[row, SLOT] if touched else side.rows.size, numbers)
    else:
        for n in range(n_rows):
            move(table, side.rows[n], n, numbers)


@part
def make_up_rows(table, spans, side, n_rows, now):
    """Bring the rows of the batch up to step `now`."""
    for n in range(n_rows):
        if side.since[n] < now:
            make_up(table, spans, side.rows[n], side.since[n], now)


@jit_both
def adam_steps(losses, ratings, head, sides, user_tables, item_tables, spans, mode, before):
    """Take a step for each batch; return how many were taken: a loss not finite ends it.

    `before` is the number of steps since all rows were last up to date, or marks were cleared.
    """
    users, items = sides
    for s in range(losses.size):
        batch, now = batch_of(ratings, s), before + s + 1
        if s + 1 < losses.size:
            ask_for_batch(users, items, batch_of(ratings, s + 1))
        n_users = number_rows(users, batch.users, now)
        n_items = number_rows(items, batch.items, now)
        if mode == DEFERRED:
            for table in user_tables:
                make_up_rows(table, spans, users, n_users, now - 1)
            for table in item_tables:
                make_up_rows(table, spans, items, n_items, now - 1)
        losses[s] = add_gradients(users, items, batch, head)
        if not np.isfinite(losses[s]):
            forget_step(users, n_users, now)
            forget_step(items, n_items, now)
            return s
        for table in user_tables:
            move_rows(table, users, n_users, s, now, mode)
        for table in item_tables:
            move_rows(table, items, n_items, s, now, mode)
    return losses.size


@jit_both
def adam_flush(tables, spans, marks, now, first, last):
    """Bring rows first .. last - 1 up to step `now`, and begin to count anew."""
    for row in range(first, last):
        if marks[row, STEP] < now:
            for table in tables:
                make_up(table, spans, row, marks[row, STEP], now)
        marks[row, STEP] = 0

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

from npcf.kernels._jit import jit_both, part
from npcf.kernels.fused.batch import (
    SLOT,
    STEP,
    add_gradients,
    batch_of,
    forget_step,
    number_rows,
)
from npcf.kernels.fused.prefetch import ask_for_batch
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


@part
def step_row(w, g, numbers):
    """Update one row without momentum."""
    keep, coupled, lr = numbers[0], numbers[1], numbers[2]
    for k in range(w.size):
        grad = g[k] + coupled * w[k] if coupled else g[k]
        w[k] = keep * w[k] - lr * grad


@part
def step_row_with_momentum(w, buf, g, numbers):
    """Update one row and its buffer."""
    keep, coupled, lr = numbers[0], numbers[1], numbers[2]
    buffer_keep, buffer_take, use_g, use_buffer = numbers[3], numbers[4], numbers[5], numbers[6]
    for k in range(w.size):
        grad = g[k] + coupled * w[k] if coupled else g[k]
        moved = buffer_keep * buf[k] + buffer_take * grad
        buf[k] = moved
        w[k] = keep * w[k] - lr * (use_g * grad + use_buffer * moved)


@part
def move(table, row, slot, numbers):
    """Update one row with the gradient in `slot`."""
    if table.buffer.shape[0]:
        step_row_with_momentum(table.w[row], table.buffer[row], table.gradient[slot], numbers)
    else:
        step_row(table.w[row], table.gradient[slot], numbers)


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
def make_up(table, row, since, now):
    """Apply to one row the steps since + 1 .. now, in which it was absent."""
    w, number = table.w[row], table.w.dtype.type
    if table.buffer.shape[0]:
        buf = table.buffer[row]
        matrix = product(table.tree, since, now)
        a, b, c, d = number(matrix[0]), number(matrix[1]), number(matrix[2]), number(matrix[3])
        for k in range(w.size):
            w_k, buf_k = w[k], buf[k]
            w[k] = a * w_k + b * buf_k
            buf[k] = c * w_k + d * buf_k
    else:
        left = number(table.shrink[now] * table.regrow[since])
        for k in range(w.size):
            w[k] *= left


@part
def make_up_rows(table, side, n_rows, now):
    """Bring the rows of the batch up to step `now`."""
    for n in range(n_rows):
        if side.since[n] < now:
            make_up(table, side.rows[n], side.since[n], now)


@jit_both
def sgd_steps(losses, ratings, head, sides, user_tables, item_tables, mode, before):
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
                make_up_rows(table, users, n_users, now - 1)
            for table in item_tables:
                make_up_rows(table, items, n_items, now - 1)
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
def sgd_flush(tables, marks, now, first, last):
    """Bring rows first .. last - 1 up to step `now`, and begin to count anew."""
    for row in range(first, last):
        if marks[row, STEP] < now:
            for table in tables:
                make_up(table, row, marks[row, STEP], now)
        marks[row, STEP] = 0

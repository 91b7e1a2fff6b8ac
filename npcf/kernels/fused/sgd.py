"""Fused steps of `npcf.optim.SGD`: gradient and update of many mini-batches in one call.

The rule's branches become factors, one record of `SGD_STEP` for each step and parameter.  In the
order in which the reference multiplies and adds:

    g   <- g + coupled * w
    buf <- buffer_keep * buf + buffer_take * g
    w   <- keep * w - lr * (use_g * g + use_buffer * buf)

so that, for example, decoupled decay is keep = 1 - lr weight_decay with coupled = 0, and momentum
without nesterov is use_g = 0, use_buffer = 1.  Multiplying by 1 and adding 0 do not round.
Updates that a row has skipped: `npcf.kernels.fused.sgd_lag`.
"""

from typing import Any, NamedTuple

from npcf.kernels._jit import part, stage
from npcf.kernels.fused.batch import ask_for_factors, ask_for_marks, copy_table, slot_of
from npcf.kernels.fused.sgd_lag import product
from npcf.kernels.fused.steps import DENSE, steps_of
from npcf.kernels.rowwise import rowwise, where_set

SGD_STEP = ("keep", "coupled", "lr", "buffer_keep", "buffer_take", "use_g", "use_buffer")


class SGDTable(NamedTuple):
    """One parameter as (N, K), its buffer, and what each step does with it."""

    w: Any  # (N, K)
    buffer: Any  # (N, K), or (0, K) if there is no momentum
    gradient: Any  # (B + 1, K), of the distinct rows of the batch
    steps: Any  # (n_steps,) records of SGD_STEP
    shrink: Any  # (history + 1,) float64: what decay has left of a row that was never touched
    regrow: Any  # (history + 1,) float64: 1 / shrink
    tree: Any  # (levels, history, 4) float64: `sgd_lag`


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
    x = table.steps[s]
    factors = x["coupled"], x["keep"], x["lr"]
    momentum = x["buffer_keep"], x["buffer_take"], x["use_g"], x["use_buffer"]
    for n in range(table.w.shape[0] if mode == DENSE else n_rows):
        row, slot = (n, slot_of(side, n, now)) if mode == DENSE else (side.rows[n], n)
        w, g = table.w[row], table.gradient[slot]
        if table.buffer.shape[0]:
            step_row_with_momentum((w, table.buffer[row], g), (*factors, *momentum))
        else:
            step_row((w, g), factors)


@rowwise
def times_matrix(w, buf, a, b, c, d):
    """Return a row and its buffer after steps without a gradient."""
    return a * w + b * buf, c * w + d * buf


@rowwise
def times(w, left):
    """Return what decay leaves of a row."""
    return (w * left,)


@stage
def catch_up(tables, shared, side, n_rows, now):
    """Apply the updates up to step `now` that the rows which `side` lists have skipped."""
    for table in tables:
        for n in range(n_rows):
            row, since = side.rows[n], side.since[n]
            if since < now and table.buffer.shape[0]:
                times_matrix((table.w[row], table.buffer[row]), product(table.tree, since, now))
            elif since < now:
                times((table.w[row],), (table.shrink[now] * table.regrow[since],))


@part
def caught_up(step):
    """Return the mark of a row whose updates up to `step` are applied."""
    return step


@stage
def copy_tables(new, old):
    """Copy both tables of a side, with their buffers."""
    for k in range(2):
        copy_table(new[k].w, old[k].w)
        copy_table(new[k].buffer, old[k].buffer)


@part
def ask_ahead(side, ids):
    """Ask for the memory of the next batch."""
    ask_for_marks(side, ids)
    ask_for_factors(side, ids)


sgd_steps = steps_of(
    "sgd", move_rows=move_rows, catch_up=catch_up, caught_up=caught_up, copy_tables=copy_tables,
    ask_ahead=ask_ahead,
)  # fmt: skip

"""Fused steps of `npcf.optim.Adam`: gradient and update of many mini-batches in one call.

A step has one record of `ADAM_STEP` for each parameter, and does, in the order in which the
reference multiplies and adds,

    g <- g + coupled * w          w <- keep * w
    m <- beta1 * m + take1 * g    v <- beta2 * v + take2 * g * g
    w <- w - step_size * m / (sqrt(v_scale * v) + eps)

with keep = 1 - lr weight_decay and coupled = 0 for decoupled decay, keep = 1 and
coupled = weight_decay for L2; step_size = lr / (1 - beta1**t), v_scale = 1 / (1 - beta2**t).

Every row moves at every step, for its m is not zero when its gradient is: DENSE does so, at a cost
that grows with the table.  LAGGED updates m and v of the rows of the batch; w of a row gets all
updates that it has skipped when it is next needed (`npcf.kernels.fused.lagged_updates`).
"""

from typing import Any, NamedTuple

import numpy as np

from npcf.kernels._jit import part, stage
from npcf.kernels.fused.batch import ask_for_marks, copy_table, slot_of
from npcf.kernels.fused.lagged_updates import catch_up
from npcf.kernels.fused.steps import LAGGED, steps_of
from npcf.kernels.rowwise import rowwise, where_set

ADAM_STEP = ("keep", "coupled", "step_size", "beta1", "take1", "beta2", "take2", "v_scale")


class AdamTable(NamedTuple):
    """One parameter as (N, K), its averages, and what each step does with it."""

    w: Any  # (N, K)
    m: Any  # (N, K)
    v: Any  # (N, K)
    gradient: Any  # (B + 1, K), of the distinct rows of the batch
    steps: Any  # (n_steps,) records of ADAM_STEP
    eps: Any
    per_eps: float  # 1 / eps
    shrink: Any  # (history + 1,) float64: what decay has left of a row since the history began
    regrow: Any  # (history + 1,) float64: 1 / shrink
    moments: Any  # (history + 1, TERMS) float64: `adam_lag`
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
    """Take step `s`: DENSE with all rows; LAGGED with the averages of the batch's rows only."""
    x = table.steps[s]
    averages = x["beta1"], x["take1"], x["beta2"], x["take2"]
    if mode == LAGGED:
        for n in range(n_rows):
            row = side.rows[n]
            average_row((table.m[row], table.v[row], table.gradient[n]), averages)
        return
    numbers = x["keep"], x["coupled"], x["step_size"], *averages, x["v_scale"], table.eps
    for row in range(table.w.shape[0]):
        g = table.gradient[slot_of(side, row, now)]
        step_row((table.w[row], table.m[row], table.v[row], g), numbers)


@part
def caught_up(step):
    """Return the mark of a row whose updates up to `step` are applied: `adam_lag`."""
    return -step


@stage
def copy_tables(new, old):
    """Copy both tables of a side, with their averages."""
    for k in range(2):
        copy_table(new[k].w, old[k].w)
        copy_table(new[k].m, old[k].m)
        copy_table(new[k].v, old[k].v)


adam_steps = steps_of(
    "adam", move_rows=move_rows, catch_up=catch_up, caught_up=caught_up, copy_tables=copy_tables,
    ask_ahead=ask_for_marks,
)  # fmt: skip

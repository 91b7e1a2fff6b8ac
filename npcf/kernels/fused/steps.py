"""The loop over mini-batches, the same for every update rule.

`steps_of` makes of it one loop for each rule, out of what the rule's own module defines:

    move_rows(table, side, n_rows, s, now, mode)    take step s with those rows that it moves
    catch_up(tables, shared, side, n_rows, now)     apply what the rows that `side` lists skipped
    caught_up(step)               the mark of a row whose updates up to `step` are applied
    copy_tables(new, old)         copy both tables of a side, with their states
    ask_ahead(side, ids)          prefetch the memory that the next batch needs

Which rows a step moves is `mode`: DENSE, every row, those outside the batch with g = 0; TOUCHED,
the rows of the batch; LAGGED, the rows of the batch, after the updates that they have skipped.
"""

from typing import Any

import numpy as np

from npcf.kernels._jit import CompiledLoop, jit_both, specialised, stage
from npcf.kernels.fused.batch import add_gradients, batch_of, list_rows, mark_rows, number_rows
from npcf.kernels.fused.counts import DIVERGED, MADE, MARKED, PENDING, VERSION, count

DENSE, TOUCHED, LAGGED = 0, 1, 2

move_rows: Any = None  # of a rule: `steps_of` puts them in the place of these
catch_up: Any = None
caught_up: Any = None
copy_tables: Any = None
ask_ahead: Any = None
flush_rows: Any = None


def _flush_rows(tables, shared, side, rows, now, copies):
    """Bring the rows first .. last - 1 of a side up to step `now`; copies leave the marks alone."""
    for first in range(rows[0], rows[1], side.rows.size):
        n_rows = list_rows(side, first, min(first + side.rows.size, rows[1]))
        catch_up(tables, shared, side, n_rows, now)
        if not copies:
            mark_rows(side, n_rows, caught_up(now))


def _steps(
    losses, ratings, transform, sides, user_tables, item_tables, originals, shared, mode, counts,
    version, flush,
):  # fmt: skip
    """Take a step for each batch and count it; return whether none was taken.

    A loss that is not finite ends it before its step; another version of the history, before all.
    First of all the rows in `flush` are brought up to the last step, in the tables, or in copies
    of the originals.
    """
    if counts.history[VERSION] != version:
        return True
    counts.run[MADE] = 1
    users, items = sides
    pending = counts.history[PENDING]
    before, taken = pending + counts.history[MARKED], 0
    if flush.copies:
        copy_tables(user_tables, originals[0])
        copy_tables(item_tables, originals[1])
    if pending:
        flush_rows(user_tables, shared, users, flush.users, pending, flush.copies)
        flush_rows(item_tables, shared, items, flush.items, pending, flush.copies)
    if losses.size == 0:
        return True
    for s in range(losses.size):
        batch, now = batch_of(ratings, s), before + s + 1
        if s + 1 < losses.size:
            ahead = batch_of(ratings, s + 1)
            ask_ahead(users, ahead.users)
            ask_ahead(items, ahead.items)
        n_users = number_rows(users, batch.users, now)
        n_items = number_rows(items, batch.items, now)
        if mode == LAGGED:
            catch_up(user_tables, shared, users, n_users, now - 1)
            catch_up(item_tables, shared, items, n_items, now - 1)
        losses[s] = add_gradients(users, items, batch, transform)
        if not np.isfinite(losses[s]):
            mark_rows(users, n_users, caught_up(now - 1))
            mark_rows(items, n_items, caught_up(now - 1))
            counts.run[DIVERGED] = 1
            break
        for table in user_tables:
            move_rows(table, users, n_users, s, now, mode)
        for table in item_tables:
            move_rows(table, items, n_items, s, now, mode)
        taken += 1
    return count(counts, taken, mode == LAGGED)


def steps_of(rule: str, **functions: Any) -> CompiledLoop:
    """Return the loop of the rule of that name, compiled strictly and fast."""
    functions["flush_rows"] = stage(specialised(_flush_rows, f"{rule}_flush_rows", functions))
    return jit_both(specialised(_steps, f"{rule}_steps", functions))

"""Fused training steps, compiled: model, loss and optimiser in one pass over a mini-batch.

    batch            one mini-batch, forward and backward: gradients of the rows that it names
    sgd, adam        the update of one row, and the loop over steps
    sgd_lag          what many steps without a gradient do to a row under SGD
    adam_lag         the same for Adam with decoupled decay, as tables;
    lagged_updates   and the loop that applies it to rows that have skipped updates
    counts           what the loops count while they run

`npcf.fused` calls them and says which rows move when.

*All rows* and *touched rows* (`npcf.optim.optimizer`) are two meanings of one step.  Lagged
(just-in-time) updates are another way to compute the first: a row outside the batch is left alone
until it is needed, and the updates that it has skipped are then applied at once.  A step costs what
its batch costs, and not what the tables cost.

Strictly compiled, with every row moved at once, a run has the bits of `npcf.kernels`' operations
followed by the optimiser's own step.  With lagged rows it agrees with that within rounding.
"""

from typing import TYPE_CHECKING

from npcf.suggestions import suggesting

MOVED = {name: f"npcf.fused.{name}" for name in ("Fused", "LiveTables", "trainer_for")}

if not TYPE_CHECKING:
    __getattr__ = suggesting(__name__, (), MOVED)

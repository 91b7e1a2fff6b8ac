"""Fused training steps: model, loss and optimiser in one pass over a mini-batch, many in one call.

Read in this order; each module says what it does before how.

    lanes            a formula for one number, compiled for a row, several numbers at a time
    batch            one mini-batch, forward and backward: gradients of the rows that it names
    sgd, adam        what a step does to one row, and the loop over steps
    step_products    what many steps without a gradient do to a row: SGD
    moment_tables    the same for Adam with decoupled decay, as tables;
    arrears          and as a loop over the rows that have waited
    prefetch         the next batch's rows on their way while this one is computed
    form             what an optimiser must be able to say about itself to be run like this:
    sgd_form, adam_form   the numbers of each step, from rates, momenta and settings
    judge            everything that comes in, judged once
    room             the memory that batches need beside the tables; which rows wait
    call             slices of a run, each one call of a loop; flushes
    live             mappings that bring rows up to date before they are read
    trainer          `trainer_for`, and `Fused`: which rows move when, where a history ends

*All rows* and *touched rows* (`npcf.optim.optimizer`) stay two meanings of one step.  Deferring
is another way to compute the first: a row outside the batch is left alone until it is needed, and
then makes up in one go for the steps that it has missed.  A step then costs what its batch costs,
and not what the tables cost.

Strictly compiled, with every row moved at once, a run has the bits of `npcf.kernels`' operations
followed by the optimiser's own step.  Deferred, it agrees with that within rounding.
"""

from npcf.kernels.fused.live import LiveTables
from npcf.kernels.fused.trainer import Fused, trainer_for

__all__ = ["Fused", "LiveTables", "trainer_for"]

"""Fused training steps, the host side: many mini-batch steps of SGD or Adam in one compiled call.

`trainer_for(optimizer, y_range)` returns the trainer; the loops that it calls are
`npcf.kernels.fused`.  Read in this order:

    trainer      `trainer_for` and `Fused`: which rows move when, and slices of a run
    rule         what an optimiser must say about itself to be run like this:
    sgd_rule, adam_rule   the numbers of each step, from rates, momenta and settings
    validate     every argument of a run, checked once
    arrays       the optimiser's arrays, checked and held while they are in use
    workspace    memory that batches need beside the tables
    call         one call of a loop; flushes
    live         mappings that apply skipped updates before they are read
"""

from npcf.fused.live import LiveTables
from npcf.fused.trainer import Fused, trainer_for

__all__ = ["Fused", "LiveTables", "trainer_for"]

"""Fused training steps, the host side: many mini-batch steps of SGD or Adam in one compiled call.

`trainer_for(optimizer, y_range)` returns the trainer; the loops that it calls are
`npcf.kernels.fused`.  Read in this order:

    trainer      `trainer_for` and `Fused`: a run, slice by slice
    rule         what an optimiser must say about itself to be run like this:
    sgd_rule, adam_rule   the records of each step, from rates, momenta and settings
    run          the schedule of a run, how far it is, how long a step takes
    validate     every argument of a run, checked once
    workspace    the optimiser's arrays while they are in use, and memory that batches need
    loops        calls of the compiled loops; flushes
    live         mappings that apply skipped updates before they are read
"""

from npcf.fused.live import LiveTables
from npcf.fused.trainer import Fused, trainer_for

__all__ = ["Fused", "LiveTables", "trainer_for"]

"""The catalogue of wrong implementations: one entry for each realistic mistake, with its cure.

One source for the mutants that the conformance suite must kill (`python -m npcf.verify.mistakes`),
for diagnosis (which mistake explains what is seen?), and for teaching (what does it break?).
To add a mistake, write one entry in the file it belongs to; `catalogue` says how.
"""

from npcf.verify.mistakes import (  # noqa: F401  (each enters its mistakes)
    batches,
    contract,
    layers,
    live_loss,
    live_model,
    live_training,
    model,
    operations,
    other_steps,
    output,
    schedules,
    sizes,
    steps,
    training,
)
from npcf.verify.mistakes.catalogue import MISTAKES, Mistake, Wrong
from npcf.verify.mistakes.implementation import implementation
from npcf.verify.mistakes.pieces import STAGES

__all__ = ["MISTAKES", "STAGES", "Mistake", "Wrong", "implementation"]

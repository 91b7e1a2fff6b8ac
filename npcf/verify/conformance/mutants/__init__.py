"""Wrong implementations: what the suite must catch.  Each is the plain one with one mistake.

`python -m npcf.verify.conformance.mutants` prints which law kills which mutant, after how many
inputs, and exits with 1 if one survives.
"""

from npcf.verify.conformance.mutants import (
    batches,
    contract,
    loss,
    model,
    operations,
    schedules,
    sizes,
    steps,
    training,
)
from npcf.verify.conformance.mutants.killing import Kill, kill
from npcf.verify.conformance.mutants.patching import Mutant, build

MUTANTS: dict[str, Mutant] = {
    mutant.name: mutant
    for room in (operations, loss, contract, model, steps, training, batches, schedules, sizes)
    for mutant in room.MUTANTS
}

__all__ = ["MUTANTS", "Kill", "Mutant", "build", "kill"]

"""Which law notices a mistake: laws near it first, few inputs before many."""

import time
from collections.abc import Iterator
from typing import NamedTuple

from npcf.verify.conformance import LAWS, Implementation, Law
from npcf.verify.conformance.protocol import FUNCTIONS
from npcf.verify.conformance.runner import BROKEN, Outcome, check
from npcf.verify.mistakes.catalogue import MISTAKES, Wrong
from npcf.verify.mistakes.implementation import implementation

ROUNDS = (5, 25)  # inputs a law, before all that are allowed: most mutants fall at once


class Kill(NamedTuple):
    """What became of a mutant."""

    wrong: Wrong
    law: str  # the name, "" if it survived
    family: str
    examples: int  # inputs of that law up to the one that broke it
    message: str
    seconds: float


def kill(wrong: Wrong, max_examples: int = 200) -> Kill:
    """Return the first law found that the mutant breaks within `max_examples` inputs."""
    start = time.perf_counter()
    for outcome in _outcomes(wrong, max_examples):
        if outcome.status == BROKEN:
            seconds = time.perf_counter() - start
            law = outcome.law
            return Kill(wrong, law.name, law.family, outcome.examples, outcome.message, seconds)
    return Kill(wrong, "", "", 0, "", time.perf_counter() - start)


def _outcomes(wrong: Wrong, max_examples: int) -> Iterator[Outcome]:
    """Try each law on a few inputs, then each on more, then on all that are allowed."""
    mutant = Implementation(implementation(wrong), wrong.name)
    for examples in (*(few for few in ROUNDS if few < max_examples), max_examples):
        for law in laws_for(wrong):
            yield check(law, mutant, max_examples=examples, shrink=False)


def laws_for(wrong: Wrong) -> list[Law]:
    """Return the laws that a mutant may break, the likeliest first.

    Those that need the changed function itself, then those of the model, of training and of
    checkpoints, which need all; within each, the ones that hold a result against exact arithmetic,
    which notice most, before the others.
    """
    mistake, later = wrong.mistake, ("model", "training", "checkpoints")
    alone = mistake.stage in ("data", "schedule", "files")

    def likelihood(law: Law) -> tuple[int, bool]:
        near = bool(mistake.functions & set(law.needs))
        far = 1 + later.index(law.family) if law.family in later and not alone else len(later) + 1
        return 0 if near else far, "exact" not in law.name + law.statement

    ordered = sorted(LAWS.values(), key=likelihood)
    return [law for law in ordered if likelihood(law)[0] <= len(later)]


def _in_protocol(wrong: Wrong) -> bool:
    """Whether a function of the protocol is wrong: it has no mean, no RMSProp, no SparseAdam."""
    elsewhere = wrong.sites and set(wrong.sites) <= {"rmsprop", "sparse_adam"}
    reached = wrong.mistake.functions & FUNCTIONS.keys()
    return bool(reached) and not elsewhere and not wrong.mistake.name.startswith("mean_")


ALL = [wrong for mistake in MISTAKES.values() if not mistake.live for wrong in mistake.variants()]
MUTANTS = {wrong.name: wrong for wrong in ALL if _in_protocol(wrong)}
BEYOND = {wrong.name: wrong for wrong in ALL if not _in_protocol(wrong)}

"""Which law notices a mutant: laws near the mistake first, few inputs before many."""

import time
from collections.abc import Iterator
from typing import NamedTuple

from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import LAWS, Law
from npcf.verify.conformance.mutants.patching import Mutant, build, changed
from npcf.verify.conformance.runner import BROKEN, Outcome, check

ROUNDS = (5, 25)  # inputs a law, before all that are allowed: most mutants fall at once


class Kill(NamedTuple):
    """What became of a mutant."""

    mutant: Mutant
    law: str  # the name, "" if it survived
    family: str
    examples: int  # inputs of that law up to the one that broke it
    message: str
    seconds: float


def kill(mutant: Mutant, max_examples: int = 200) -> Kill:
    """Return the first law found that the mutant breaks within `max_examples` inputs."""
    start = time.perf_counter()
    for outcome in _outcomes(mutant, max_examples):
        if outcome.status == BROKEN:
            seconds = time.perf_counter() - start
            law = outcome.law
            return Kill(mutant, law.name, law.family, outcome.examples, outcome.message, seconds)
    return Kill(mutant, "", "", 0, "", time.perf_counter() - start)


def _outcomes(mutant: Mutant, max_examples: int) -> Iterator[Outcome]:
    """Try each law on a few inputs, then each on more, then on all that are allowed."""
    implementation = Implementation(build(mutant))
    for examples in (*(few for few in ROUNDS if few < max_examples), max_examples):
        for law in laws_for(mutant):
            yield check(law, implementation, max_examples=examples, shrink=False)


def laws_for(mutant: Mutant) -> list[Law]:
    """Return the laws that a mutant may break, the likeliest first.

    Those that need the changed function itself, then those that need its callers; within each, the
    ones that hold a result against exact arithmetic, which notice most, before the others.
    """
    distance = changed(mutant)

    def likelihood(law: Law) -> tuple[int, bool]:
        near = min(distance[name] for name in law.needs if name in distance)
        return near, "exact" not in law.name + law.statement

    concerned = [law for law in LAWS.values() if distance.keys() & set(law.needs)]
    return sorted(concerned, key=likelihood)

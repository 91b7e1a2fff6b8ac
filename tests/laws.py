"""Run laws in tests: how many inputs, and which, the profile and the environment decide."""

import os
import secrets

from hypothesis import settings

from npcf.verify.conformance.counterexample import as_script
from npcf.verify.conformance.protocol import LAYERS
from npcf.verify.conformance.runner import check_together
from tests.conftest import PROFILE

NPCF = ("compare.implementations.npcf_numpy", "compare.implementations.npcf_numba")
PLAIN = "npcf.verify.examples.plain"
LONG = PROFILE == "long"
# Inputs of a law in a long run: more where they are cheap, for operations and optimiser steps.
OFTEN, OTHERS = 10_000, 2_000
CHEAP = ("lookup", "row_dot", "bias", "sigmoid_range", "mse", "sgd", "adam")
FEW = 8  # a law of a layer is tried on so many times fewer inputs: there are many layers


def examples(law):
    """Return the number of inputs: the profile's, or in a long run by the part of the protocol.

    `make test` tries as many as `npcf conformance` does; its other tests draw half of that.
    """
    few = 1 + (FEW - 1) * (law.needs[0] in LAYERS)
    if not LONG:
        return (200 if PROFILE == "ci" else settings.default.max_examples) // few
    return OFTEN if law.family in CHEAP else OTHERS


def random_seed():
    """Return $NPCF_SEED; without it 0, so that a run can be repeated, or anything in a long run."""
    return int(os.environ.get("NPCF_SEED", secrets.randbelow(2**31) if LONG else 0))


def named(laws):
    """Return the name of a test of several laws that draw alike."""
    return laws[0].name if len(laws) == 1 else f"{laws[0].family}-{laws[0].name}-and-{len(laws)}"


def obeyed(laws, implementations, share=1.0):
    """Assert that the implementations that can obey the laws, which draw alike, do.

    Return how many laws were tried.  Each on `share` of the inputs that the profile says.
    """
    tried, seed = 0, random_seed()
    able = [one for one in implementations if any(not one.lacks(law.needs) for law in laws)]
    for chosen in _by_ability(laws, able):
        who, which = chosen
        inputs = max(1, int(examples(which[0]) * share))
        for outcome in check_together(which, *who, max_examples=inputs, random_seed=seed):
            law, script = outcome.law, ""
            if outcome.status == "broken":
                script = as_script(law.name, who[0].name, outcome.counterexample)
            found = f"{law.name}: {law.statement}\n{outcome.message}\nseed {seed}\n{script}"
            assert outcome.status == "held", found
            assert outcome.examples > 0 or inputs < 25, f"{law.name} drew nothing"
            tried += 1
    return tried


def _by_ability(laws, implementations):
    """Yield (implementations, laws) such that each of them has what the laws need."""
    found = {}
    for law in laws:
        able = tuple(one for one in implementations if not one.lacks(law.needs))
        if able:
            found.setdefault(able, []).append(law)
    return found.items()

"""A mistake in the formulas, which exact values and bounds share, would be seen.

Each mistake of the catalogue is put into the formulas themselves.  npcf and PyTorch, which are
written without them, must leave the bounds of such formulas.
"""

import warnings
from operator import attrgetter

import numpy as np
import pytest

from compare import torch_models
from compare.proof.draws import KINDS, Draw
from compare.proof.executions import CLAIMS, EXECUTIONS, LIBRARY
from compare.proof.subjects import SUBJECTS
from npcf.verify import LIBRARIES, Formulas, RunningError
from npcf.verify.assertions import shares
from npcf.verify.exact import Exact
from npcf.verify.mistakes import MISTAKES
from npcf.verify.operations import Operations
from npcf.verify.rationals import Rationals

# Bounds grow with a rounding: only the share of them that is used shows it (`test_proof`).
ROUNDINGS = ("rounded", "float32", "float16")
SIZES = ("past", "modulo", "rest_of")  # problems here are small
WRONG = {
    wrong.name: wrong
    for mistake in MISTAKES.values()
    if not (mistake.live or mistake.patch)
    for wrong in mistake.variants()
    if wrong.formulas() is not Formulas
    and not any(word in wrong.name for word in (*ROUNDINGS, *SIZES))
}
ROUNDS = 24  # enough to draw each setting of each rule with each other


@pytest.fixture(scope="module")
def problems():
    """Return (subject, arguments, what each execution computes) of a few problems of each kind."""
    torch_models.single_thread_and_warm()
    found = []
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for number in range(ROUNDS):
            for i, subject in enumerate(SUBJECTS):
                rng = np.random.default_rng([14, number, i])
                a = subject.draw(Draw(rng, "float64", KINDS[number % len(KINDS)]))
                compute = {name: getattr(EXECUTIONS[name], subject.name, None)
                           for name in ("npcf numpy", "torch")}  # fmt: skip
                found.append((subject, a, {name: f(a) for name, f in compute.items() if f}))
    return found


@pytest.mark.slow("two dozen problems of every operation and step for each of 150 mistakes")
@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_in_the_formulas_themselves_is_seen(name, problems):
    formulas = WRONG[name].formulas()
    exact = Operations(lambda dtype, library: Exact(), Rationals.fractions, formulas)
    bounds = Operations(RunningError, attrgetter("bound"), formulas)
    missing = {"npcf numpy", "torch"}
    for subject, a, computed in problems:
        with np.errstate(all="ignore"):
            missing -= {who for who in missing & computed.keys()
                        if outside(exact, bounds, subject, a, who, computed[who])}  # fmt: skip
        if not missing:
            return
    raise AssertionError(f"{' and '.join(missing)} lie within the bounds of {name}")


def outside(exact, bounds, subject, a, who, got):
    """Whether something lies outside the bound of the exact value, or there is none."""
    claims = CLAIMS.get((who, subject.name), {})
    try:
        right = subject.values(exact, a)
        allowed = subject.values(bounds, a, library=LIBRARIES[LIBRARY[who]], **claims)
    except Exception:  # what cannot even be evaluated is noticed at once
        return True
    if [x is None for x in got] != [x is None for x in right]:
        return True
    triples = zip(got, right, allowed, strict=True)
    return any((shares(*triple) > 1).any() for triple in triples if triple[1] is not None)

"""Which law notices a mistake: laws near it first, few inputs before many."""

import ast
import inspect
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

from npcf.verify.conformance import LAWS, Implementation, Law
from npcf.verify.conformance.protocol import FUNCTIONS
from npcf.verify.conformance.runner import BROKEN, Outcome, check
from npcf.verify.formulas import Formulas
from npcf.verify.loop import Loop
from npcf.verify.mistakes.catalogue import MISTAKES, Wrong
from npcf.verify.mistakes.implementation import implementation
from npcf.verify.mistakes.patching import FILES, source

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

    Those that need the changed function itself, then those that need its callers; within each, the
    ones that hold a result against exact arithmetic, which notice most, before the others.
    """
    distance = changed(wrong)

    def likelihood(law: Law) -> tuple[int, bool]:
        near = min(distance[name] for name in law.needs if name in distance)
        return near, "exact" not in law.name + law.statement

    concerned = [law for law in LAWS.values() if distance.keys() & set(law.needs)]
    return sorted(concerned, key=likelihood)


def changed(wrong: Wrong) -> dict[str, int]:
    """Return the functions that compute something else, with their distance from the mistake."""
    distance = dict.fromkeys(wrong.mistake.pieces or _patched(wrong), 0)
    calls = _calls_of_plain() if wrong.mistake.patch else _calls()
    while True:
        callers = {
            name: 1 + min(distance[callee] for callee in used & distance.keys())
            for name, used in calls.items()
            if name not in distance and used & distance.keys()
        }
        if not callers:
            return distance
        distance |= callers


def _patched(wrong: Wrong) -> list[str]:
    """Return the functions whose text a patch changes."""
    patch = wrong.mistake.patch
    if patch is None:
        return []
    line = source(patch.file).partition(patch.old)[0].count("\n") + 1
    last = line + patch.old.count("\n")
    return [
        node.name
        for node in ast.parse(source(patch.file)).body
        if isinstance(node, ast.FunctionDef)
        and node.lineno <= last
        and line <= (node.end_lineno or node.lineno)
    ]


@cache
def _calls() -> dict[str, set[str]]:
    """Return, for each piece and each function of the protocol, the pieces that it uses."""
    parts: tuple[Any, ...] = (*Formulas.__mro__[:-1], Loop, sys.modules[implementation.__module__])
    texts = [inspect.getsource(part) for part in parts]
    used = _used(texts, lambda node: node.attr if isinstance(node, ast.Attribute) else None)
    return _calls_of_plain() | used


@cache
def _calls_of_plain() -> dict[str, set[str]]:
    """Return, for each function of the plain example, those that it uses."""
    texts = [source(file) for file in FILES]
    used = _used(texts, lambda node: node.id if isinstance(node, ast.Name) else None)
    return {name: names & used.keys() for name, names in used.items()}


def _used(texts: list[str], name: Callable[[ast.AST], str | None]) -> dict[str, set[str]]:
    used = defaultdict[str, set[str]](set)  # `train` stands in two classes
    for node in (node for text in texts for node in ast.walk(ast.parse(text))):
        if isinstance(node, ast.FunctionDef):
            used[node.name] |= {found for n in ast.walk(node) if (found := name(n))} - {node.name}
    return dict(used)


def _in_protocol(wrong: Wrong) -> bool:
    """Whether a function of the protocol is wrong: it has no mean, no RMSProp, no SparseAdam."""
    elsewhere = wrong.sites and set(wrong.sites) <= {"rmsprop", "sparse_adam"}
    reached = changed(wrong).keys() & FUNCTIONS.keys()
    return bool(reached) and not elsewhere and not wrong.mistake.name.startswith("mean_")


ALL = [wrong for mistake in MISTAKES.values() for wrong in mistake.variants()]
MUTANTS = {wrong.name: wrong for wrong in ALL if _in_protocol(wrong)}
BEYOND = {wrong.name: wrong for wrong in ALL if not _in_protocol(wrong)}

"""Broken laws grouped by cause: one wrong line of code breaks many laws, and is reported once.

Laws share a cause where the same exception was raised, or where the same function's numbers, shape
or dtype are wrong.  A breach that names no result counts with the others of its part.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.protocol import FUNCTIONS
from npcf.verify.conformance.runner import BROKEN, Outcome
from npcf.verify.conformance.sizes import PLAIN, USUAL, make
from npcf.verify.conformance.subjects import SUBJECTS, Subject
from npcf.verify.hints import Setting, hint

RESULT = re.compile(r"^([A-Za-z_]\w*)(\[[^\]]*\])?: (got|shape|dtype) ")
RAISED = re.compile(r"^(\w+(?:Error|Exception|Warning|Interrupt)): (.*)", re.DOTALL)
BREACHES = ("raises", "dtype", "shape", "got", "other")  # what to look at first
FORWARD = ("out", "pred", "loss")  # results of a forward
PARTS = {function: {s.name for s in SUBJECTS if function in s.needs} for function in FUNCTIONS}


class Key(NamedTuple):
    """What breaches with one cause share."""

    rank: int  # in BREACHES
    function: str  # of the protocol, or ""
    title: str


class Cause(NamedTuple):
    """What several broken laws have in common."""

    title: str
    outcomes: list[Outcome]  # the one with the smallest counterexample first
    hint: str  # how the wrong result differs from the right one, or ""

    def __str__(self) -> str:
        n = len(self.outcomes)
        return f"{self.title} ({n} law{'s' * (n != 1)})"


def causes(implementation: Implementation, outcomes: Iterable[Outcome]) -> list[Cause]:
    """Return the causes of all breaches, the most basic first."""
    broken = [outcome for outcome in outcomes if outcome.status == BROKEN]
    keys = [_key(outcome) for outcome in broken]
    groups: dict[Key, list[Outcome]] = {}
    for outcome, key in zip(broken, keys, strict=True):
        key = _inherited(outcome, keys, broken) or key or Key(4, "", outcome.law.name)
        groups.setdefault(key, []).append(outcome)
    found = []
    for key in sorted(groups):
        group = sorted(groups[key], key=_size)
        found.append(Cause(key.title, group, _hint(implementation, group)))
    return found


def _inherited(
    outcome: Outcome, keys: Sequence["Key | None"], broken: Sequence[Outcome]
) -> "Key | None":
    """Return the cause that a law of this part, or of a part it is built on, has already.

    A model whose gradient is wrong because the loss's is wrong is not wrong itself.
    """
    order = [*FUNCTIONS]
    candidates = [
        key for key, other in zip(keys, broken, strict=True)
        if key is not None and key.function and key.function in outcome.law.needs
        and other.law.family in PARTS[key.function]
    ]  # fmt: skip
    return min(candidates, key=lambda key: (order.index(key.function), key), default=None)


def _key(outcome: Outcome) -> "Key | None":
    """Return the breach's own cause, or None where the message names none."""
    raised, result = RAISED.match(outcome.message), RESULT.match(outcome.message)
    if raised:
        text = re.sub(r"\d+", "n", raised[2].strip().splitlines()[0] if raised[2].strip() else "")
        return Key(0, "", f"{raised[1]}: {text}")
    if result:
        kind = result[3]
        words = {"got": "computes wrong numbers", "shape": "returns a wrong shape"}
        function = outcome.law.needs[0 if result[1] in FORWARD else -1]
        title = f"{function} {words.get(kind, 'returns a wrong dtype')}"
        return Key(BREACHES.index(kind), function, title)
    return None


def _size(outcome: Outcome) -> int:
    """Return how many characters show the counterexample."""
    return len(repr(outcome.counterexample)) if outcome.counterexample is not None else 10**9


def _hint(implementation: Implementation, group: Sequence[Outcome]) -> str:
    families = {outcome.law.family for outcome in group}
    for s in SUBJECTS:
        if s.name in families:
            found = suspicion(s, implementation)
            if found:
                return found
    return ""


def suspicion(s: Subject, impl: Implementation) -> str:
    """Return a line on how the first wrong result of `s` differs from the right one, or ""."""
    sized = USUAL._replace(batch=7, mentions=2, seed=1, dtype=impl.dtypes[-1])
    p = make(s.name, sized)
    try:
        got, want = s.all(impl, p), s.all(PLAIN, p)
        allowed = s.allowed(impl, p)
    except Exception:  # then its message says what there is to say
        return ""
    ids: dict[str, Any] = {
        name: getattr(p, next(f for f, table in s.ids.items() if table == s.table_of(kind)))
        for name, kind in s.results.items()
        if s.table_of(kind) in s.ids.values()
    }
    setting = Setting(sized.batch, sized.factors, ids)
    results, right = (dict(zip(s.results, side, strict=True)) for side in (got, want))
    for name, room in zip(s.results, allowed, strict=True):
        a, b = results[name], right[name]
        if a is None or b is None:
            continue
        if np.shape(a) != np.shape(b) or not (np.abs(a - b) <= 2 * room).all():
            return hint(name, results, right, setting)
    return ""

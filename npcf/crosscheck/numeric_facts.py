"""Numeric facts about what is wrong: a factor, a shift, an exchange, a kind of rows."""

import re
from collections import Counter
from typing import Any

import numpy as np

from npcf.crosscheck.evidence import TABLES, Evidence, Raised
from npcf.crosscheck.predict import Pair
from npcf.crosscheck.shares import shaped, shares
from npcf.verify.hints import CLOSE, Setting, hint
from npcf.verify.precision import quiet

FEW = 3  # facts of a stage
NO_BATCH = Setting(-1, -1, {})  # sizes that no factor is


@quiet
def facts_of(pairs: list[Pair], evidence: Evidence) -> tuple[str, ...]:
    """Return what the wrong results of a stage have in common with the right ones.

    A fact about a result holds in at least half of the places where that result is wrong.
    """
    wrong = [pair for pair in pairs if (shares(pair) > 1).any()]
    facts: dict[tuple[str, str], list[str]] = {}  # of a result and a kind of fact
    for pair in wrong:
        fact = _of_pair(pair, evidence)
        kind = re.sub(r"= [\d/]+", "", fact)  # without the size of the batch
        facts.setdefault((pair.what, kind), []).append(fact)
    places = Counter(pair.what for pair in wrong)
    common = [
        found[0] for (what, kind), found in facts.items()
        if kind and 2 * len(found) >= places[what]
    ]  # fmt: skip
    return tuple(common[:FEW])


def _of_pair(pair: Pair, evidence: Evidence) -> str:
    if isinstance(pair.seen, Raised | tuple) or isinstance(pair.predicted, Raised):
        return ""
    if pair.predicted is None:
        return ""
    if pair.seen is None:
        return f"{pair.what} has no gradient (None)"
    want = pair.predicted.value
    got = shaped(pair.seen, want.shape)
    if got is None:
        return f"{pair.what} has shape {np.shape(pair.seen)}, not {want.shape}"
    if pair.before is not None:
        return _of_move(pair, got, want)
    shift = _shift(pair, got, want)
    return shift or hint(pair.what, {pair.what: got}, {pair.what: want}, _setting(pair, evidence))


def _of_move(pair: Pair, got: Any, want: Any) -> str:
    """Say what a step has in common with the right one."""
    before = np.asarray(pair.before, np.float64)
    moved, right = got - before, want - before
    if not moved.any() and right.any():
        return f"{pair.what} does not move"
    words = hint(pair.what, {pair.what: moved}, {pair.what: right}, NO_BATCH)
    return words.replace(pair.what, f"the step of {pair.what}", 1) if "times" in words else ""


def _shift(pair: Pair, got: Any, want: Any) -> str:
    difference = got - want
    middle = float(np.median(difference)) if difference.size > 1 else 0.0
    if middle and (np.abs(difference - middle) <= CLOSE * abs(middle)).all():
        return f"{pair.what} is {abs(middle):.6g} too {'high' if middle > 0 else 'low'} everywhere"
    return ""


def _setting(pair: Pair, evidence: Evidence) -> Setting:
    """Return batch size, factors and ids of the batch that a pair is of."""
    probe = pair.probe
    if probe is None:
        return NO_BATCH
    ids = {k: probe.users if k.startswith("user") else probe.items for k in TABLES}
    # a pair of cut tables has its probe cut to the same rows
    return Setting(len(probe.users), evidence.n_factors, ids)

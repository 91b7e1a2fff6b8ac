"""The right program's predictions, with bounds for those rows only that need one.

A step ends in a subtraction that rounds, so its tolerance is at least 2 u |w|; decoupled decay
rounds once more.  What lies within half of that from a float evaluation is right at a glance.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from npcf.crosscheck.compact import cut_seen, cut_stepped, cut_trained, first_tables
from npcf.crosscheck.evidence import Evidence, Raised
from npcf.crosscheck.predict import Pair, gradients, steps, trained
from npcf.crosscheck.program import RIGHT
from npcf.verify.floats import Floats
from npcf.verify.precision import quiet

DECAYS = 0.9  # at least so much of a weight is left by decoupled decay, or it does not count


def right_gradients(evidence: Evidence, n: Any) -> Iterator[Pair]:
    """Predict the gradients of the rows that a batch names; all others are seen to be zero."""
    for seen in evidence.seen:
        cut, rows = cut_seen(seen)
        yield from _named(gradients(RIGHT, replace(evidence, seen=[cut]), n), evidence, rows)


def right_steps(evidence: Evidence, n: Any) -> Iterator[Pair]:
    """Predict the optimiser's steps."""
    for stepped in evidence.stepped:
        alone = replace(evidence, stepped=[stepped])
        rows = doubtful(steps(RIGHT, alone, Floats(np.float64)), evidence, n.precision.u)
        rows = {name: np.union1d(rows.get(name, []), [0]).astype(int) for name in
                first_tables(stepped)}  # fmt: skip
        cut = replace(evidence, stepped=[cut_stepped(stepped, rows)])
        for pair in steps(RIGHT, cut, n):
            yield pair._replace(rows=rows.get(pair.what))


def right_training(evidence: Evidence, n: Any) -> list[Pair]:
    """Predict the training steps of the subject's own."""
    if evidence.trained is None:
        return []
    rows = doubtful(trained(RIGHT, evidence, Floats(np.float64)), evidence, n.precision.u)
    cut, kept = cut_trained(evidence.trained, np.concatenate([[], *rows.values()]))
    return list(_named(trained(RIGHT, replace(evidence, trained=cut), n), evidence, kept))


def _named(pairs: Iterable[Pair], evidence: Evidence, rows: Any) -> Iterator[Pair]:
    """Say which rows of the tables are compared."""
    for pair in pairs:
        n = rows_of(pair.what, evidence)
        yield pair._replace(rows=rows[rows < n]) if n else pair


def rows_of(what: str, evidence: Evidence) -> int:
    """Return how many rows a table has; 0 for what is no table."""
    if what.startswith("user_"):
        return evidence.n_users
    return evidence.n_items if what.startswith("item_") else 0


@quiet
def doubtful(pairs: Iterable[Pair], evidence: Evidence, u: float) -> dict[str, Any]:
    """Return the rows of each table that are not right at a glance."""
    found: dict[str, Any] = {}
    for pair in pairs:
        if pair.before is None or isinstance(pair.seen, Raised):
            continue
        near = u * (np.abs(pair.predicted) + _decayed(pair, evidence))
        off = ~(np.abs(pair.seen - pair.predicted) <= near)
        rows = off.reshape(len(off), -1).any(axis=1)
        found[pair.what] = found.get(pair.what, False) | rows
    return {name: np.flatnonzero(rows) for name, rows in found.items()}


def _decayed(pair: Pair, evidence: Evidence) -> Any:
    """Return the least size of a weight after decoupled decay: 0 if there is none."""
    settings: Any = evidence.intended and evidence.intended.settings_of(pair.what)
    rate = settings.get("lr", 0.0) * settings.get("weight_decay", 0.0)
    small = settings.get("decoupled") and 0 < rate <= 1 - DECAYS
    return DECAYS * np.abs(np.asarray(pair.before, np.float64)) if small else 0.0

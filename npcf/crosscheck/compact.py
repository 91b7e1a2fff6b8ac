"""The same evidence with only the rows that matter: what every candidate is held against.

Both sides share one set of rows R: all ids of a batch, their neighbours, the first and the last
row.  An id becomes its place in R, on either side, so that shifted, swapped or wrapped ids, and
those beyond a table, stay what they are.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from npcf.crosscheck.evidence import Evidence, Probe, Raised, Seen, Stepped, Trained

FEW = 16  # rows of a table along planted gradients: steps are made entry by entry
ABSENT = 8  # rows in no batch, to see what becomes of those


def compact(evidence: Evidence) -> Evidence:
    """Return the evidence with the rows that its batches name, and few others."""
    return replace(
        evidence,
        seen=[_seen(seen) for seen in evidence.seen],
        stepped=[_stepped(stepped) for stepped in evidence.stepped],
        trained=evidence.trained and _trained(evidence.trained),
    )


def _rows(probes: Any, tables: Mapping[str, Any], more: Any = ()) -> Any:
    """Return the rows that matter, sorted: one set for both sides."""
    sizes = {len(table) for table in tables.values()}
    ids = np.concatenate([np.concatenate([p.users, p.items]) for p in probes]).astype(int)
    ends = [row for n in sizes for row in (0, n - 1)]
    around = [(ids + by) % n for n in sizes for by in (-1, 0, 1)]
    inside = [ids[ids >= 0], ids[ids > 0] - 1, ids[ids >= 0] + 1]
    rows = np.unique(np.concatenate([ends, *around, *inside, np.asarray(more, int)]))
    return rows[rows < max(sizes)]


def _cut(tables: Mapping[str, Any], rows: Any) -> dict[str, Any]:
    return {
        name: None if table is None else table[rows[rows < len(table)]]
        for name, table in tables.items()
    }


def _probe(probe: Probe, rows: Any) -> Probe:
    users, items = (np.searchsorted(rows, ids) for ids in (probe.users, probe.items))
    return replace(probe, tables=_cut(probe.tables, rows), users=users, items=items)


def _seen(seen: Seen) -> Seen:
    gradients = seen.gradients if isinstance(seen.gradients, Mapping) else {}
    touched = [
        np.flatnonzero(np.any(np.reshape(g, (len(g), -1)), axis=1))
        for g in gradients.values() if g is not None
    ]  # fmt: skip
    rows = _rows([seen.probe], seen.probe.tables, np.concatenate([[], *touched]))
    found: Any = _cut(gradients, rows) if gradients else seen.gradients
    return replace(seen, probe=_probe(seen.probe, rows), gradients=found)


def _trained(trained: Trained) -> Trained:
    first: Any = trained.tables[0]
    n = max(len(table) for table in first.values())
    more = np.linspace(0, n - 1, ABSENT).astype(int)
    rows = _rows(trained.batches, first, more)
    return replace(
        trained,
        batches=[_probe(batch, rows) for batch in trained.batches],
        tables=[t if isinstance(t, Raised) else _cut(t, rows) for t in trained.tables],
        left=[_cut(left, rows) for left in trained.left],
        state=_state(trained.state, {name: rows[rows < len(t)] for name, t in first.items()}),
    )


def _stepped(stepped: Stepped) -> Stepped:
    """Keep few rows of each table: the ends, and some between."""
    first: Any = stepped.tables[0]
    rows = {name: _few(len(table)) for name, table in first.items()}

    def cut(tables: Mapping[str, Any]) -> dict[str, Any]:
        return {name: None if t is None else t[rows[name]] for name, t in tables.items()}

    return replace(
        stepped,
        gradients=[cut(gradients) for gradients in stepped.gradients],
        tables=[t if isinstance(t, Raised) else cut(t) for t in stepped.tables],
        state=_state(stepped.state, rows),
    )


def _few(n: int) -> Any:
    if n <= FEW:
        return np.arange(n)
    spread = np.linspace(0, n - 1, FEW - 6).astype(int)
    return np.unique(np.concatenate([np.arange(4), spread, [n - 2, n - 1]]))


def _state(state: Mapping[str, Any] | None, rows: Mapping[str, Any]) -> dict[str, Any] | None:
    if state is None:
        return None
    return {
        key: array[rows[key.partition("/")[2]]] if "/" in key else array
        for key, array in state.items()
    }

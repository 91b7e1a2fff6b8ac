"""The same evidence with only the rows that matter: what every candidate is held against.

Both sides share one set of rows R: all ids of a batch, their neighbours, the first and the last
row.  An id becomes its place in R, on either side, so that shifted, swapped or wrapped ids, and
those beyond a table, stay what they are.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import numpy as np

from npcf.crosscheck.evidence import Evidence, Probe, Raised, Seen, Stepped, Trained

FEW = 16  # rows of a table along planted gradients: steps are made entry by entry
ABSENT = 8  # rows in no batch, to see what becomes of those


def compact(evidence: Evidence) -> Evidence:
    """Return the evidence with the rows that its batches name, and few others."""
    return replace(
        evidence,
        seen=[cut_seen(seen)[0] for seen in evidence.seen],
        stepped=[
            cut_stepped(one, {name: _few(len(t)) for name, t in first_tables(one).items()})
            for one in evidence.stepped
        ],
        trained=evidence.trained and cut_trained(evidence.trained)[0],
    )


def first_tables(run: Stepped | Trained) -> dict[str, Any]:
    """Return the tables before the first step."""
    return cast(dict[str, Any], run.tables[0])


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


def cut_seen(seen: Seen) -> tuple[Seen, Any]:
    """Return what was seen with the rows that matter, and these."""
    gradients = seen.gradients if isinstance(seen.gradients, Mapping) else {}
    touched = [
        np.flatnonzero(np.any(np.reshape(g, (len(g), -1)), axis=1))
        for g in gradients.values() if g is not None
    ]  # fmt: skip
    rows = _rows([seen.probe], seen.probe.tables, np.concatenate([[], *touched]))
    found: Any = _cut(gradients, rows) if gradients else seen.gradients
    return replace(seen, probe=_probe(seen.probe, rows), gradients=found), rows


def cut_trained(trained: Trained, more: Any = None) -> tuple[Trained, Any]:
    """Return training steps with the rows that matter and some more, and these rows."""
    first = first_tables(trained)
    n = max(len(table) for table in first.values())
    more = np.linspace(0, n - 1, ABSENT).astype(int) if more is None else more
    rows = _rows(trained.batches, first, more)
    cut = replace(
        trained,
        batches=[_probe(batch, rows) for batch in trained.batches],
        tables=[t if isinstance(t, Raised) else _cut(t, rows) for t in trained.tables],
        left=[_cut(left, rows) for left in trained.left],
        given=trained.given and _cut(trained.given, rows),
        state=_state(trained.state, {name: rows[rows < len(t)] for name, t in first.items()}),
    )
    return cut, rows


def cut_stepped(stepped: Stepped, rows: Mapping[str, Any]) -> Stepped:
    """Return steps with some rows of each table."""

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

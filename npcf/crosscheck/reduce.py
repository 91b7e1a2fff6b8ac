"""The smallest batch that still fails: ratings are left out as long as the stage stays wrong.

Zeller's delta debugging (ddmin) over the ratings of a failing probe; then the tables are emptied
and rounded as far as the failure stays.  Every try is one run of the subject and one judgement.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from npcf.crosscheck.evidence import Array, Evidence, Probe, Seen
from npcf.crosscheck.predict import STAGES, Pair
from npcf.crosscheck.program import RIGHT, arithmetic
from npcf.crosscheck.replay_code import code_of_batch, code_of_step
from npcf.crosscheck.shares import shares
from npcf.crosscheck.verdict import WRONG, Reduced, Stage

TRIES = 120  # runs of the subject, a millisecond or two each
OF_BATCHES = ("output", "loss", "gradient")
Again = Callable[[Probe], Seen]


def reduce_failure(
    evidence: Evidence, stages: list[Stage], again: Again | None, call: str = "x",
    fastai: bool = False,
) -> Reduced | None:  # fmt: skip
    """Return the smallest example of the first wrong stage, None where there is none.

    Parameters
    ----------
    evidence, stages
        What was seen and how it was judged.
    again : function of a Probe, or None
        Runs the subject on a smaller one.  Without it a batch stays as it is.
    call, fastai
        How the model takes ids, and whether the optimizer is fastai's: for the code.
    """
    stage = next((stage.name for stage in stages if stage.verdict == WRONG), None)
    if stage == "step" and evidence.stepped:
        return _of_step(evidence, fastai)
    if stage not in OF_BATCHES:
        return None
    failing = [seen for seen in evidence.seen if _worst(evidence, stage, seen)]
    if again is None:  # without a run there must be numbers to print
        failing = [seen for seen in failing if seen.output is not None]
    failing.sort(key=lambda seen: len(seen.probe.rating))
    if not failing:
        return None
    small = _Shrinking(evidence, stage, again, failing[0]).run() if again else failing[0]
    worst = _worst(evidence, stage, small)
    return code_of_batch(evidence, stage, small, worst, call) if worst is not None else None


def worst_pair(pairs: Iterable[Pair]) -> tuple[Pair, tuple[int, ...]] | None:
    """Return the pair farthest beyond its tolerance and the place in it; None if none is."""
    worst, top = None, 1.0
    for pair in pairs:
        share = shares(pair)
        if share.size and float(share.max()) > top:
            top = float(share.max())
            place = np.unravel_index(int(share.argmax()), share.shape)
            worst = pair, tuple(map(int, place))
    return worst


def _worst(evidence: Evidence, stage: str, seen: Seen) -> tuple[Pair, tuple[int, ...]] | None:
    """Judge one probe alone; of the loss its value counts first, then its gradient."""
    alone = replace(evidence, seen=[seen], stepped=[], trained=None, facts=[])
    pairs = list(STAGES[stage](RIGHT, alone, arithmetic(evidence)))
    value = worst_pair(pair for pair in pairs if pair.what == "loss")
    return value or worst_pair(pairs)


class _Shrinking:
    """The probe that fails, made smaller while it does."""

    def __init__(self, evidence: Evidence, stage: str, again: Again, seen: Seen):
        self.evidence, self.stage, self.again = evidence, stage, again
        self.best, self.tries = seen, 0

    def run(self) -> Seen:
        """Return the smallest that was found; it was run itself, and fails."""
        self._fewer_ratings()
        if len(self.best.probe.rating) > 1:
            self._fewer_ratings()  # what was needed before may not be now
        for change in (_only_named_rows, _two_factors, _rounded, _round_ratings):
            self._try(change(self.best.probe))
        return self.best

    def _try(self, probe: Probe) -> bool:
        """Keep a probe if the stage fails on it, too."""
        if self.tries == TRIES:
            return False
        self.tries += 1
        seen = self.again(probe)
        if _worst(self.evidence, self.stage, seen) is None:
            return False
        self.best = seen
        return True

    def _fewer_ratings(self) -> None:
        """Leave parts out, halves first, then ever smaller ones: ddmin."""
        parts = 2
        while (n := len(self.best.probe.rating)) > 1:
            parts = min(parts, n)
            pieces = np.array_split(np.arange(n), parts)
            complements = [np.setdiff1d(np.arange(n), piece) for piece in pieces]
            smaller = [*pieces, *complements] if parts > 2 else pieces
            whole = self.best.probe
            if any(self._try(part_of(whole, keep)) for keep in smaller):
                parts = 2
            elif parts == n or self.tries == TRIES:
                return
            else:
                parts *= 2


def part_of(probe: Probe, keep: Array) -> Probe:
    """Return the probe with some of its ratings."""
    upstream = None if probe.upstream is None else probe.upstream[keep]
    return replace(
        probe, users=probe.users[keep], items=probe.items[keep], rating=probe.rating[keep],
        upstream=upstream,
    )  # fmt: skip


def _rows_of(name: str, probe: Probe) -> Array:
    return np.unique(probe.users if name.startswith("user") else probe.items)


def _only_named_rows(probe: Probe) -> Probe:
    """Empty the rows that no rating names."""
    tables = {name: np.zeros_like(table) for name, table in probe.tables.items()}
    for name, table in probe.tables.items():
        rows = [row for row in _rows_of(name, probe) if 0 <= row < len(table)]
        tables[name][rows] = table[rows]
    return replace(probe, tables=tables)


def _two_factors(probe: Probe) -> Probe:
    """Empty all factors but two."""
    tables = {name: table.copy() for name, table in probe.tables.items()}
    for table in tables.values():
        if table.ndim == 2:
            table[:, 2:] = 0
    return replace(probe, tables=tables)


def _rounded(probe: Probe) -> Probe:
    """Round the tables to eighths, which every format holds."""
    tables = {name: (np.round(table * 8) / 8).astype(table.dtype)
              for name, table in probe.tables.items()}  # fmt: skip
    upstream = probe.upstream
    if upstream is not None:
        upstream = (np.ceil(upstream * 8) / 8).astype(upstream.dtype)
    return replace(probe, tables=tables, upstream=upstream)


def _round_ratings(probe: Probe) -> Probe:
    """Round ratings to halves."""
    rating = np.asarray(probe.rating)
    return replace(probe, rating=(np.round(rating * 2) / 2).astype(rating.dtype))


def _of_step(evidence: Evidence, fastai: bool) -> Reduced | None:
    """Return the shortest run of steps, and the one number in it, that fails."""
    n = arithmetic(evidence)
    for stepped in evidence.stepped:
        alone = replace(evidence, seen=[], stepped=[stepped], trained=None, facts=[])
        for pair in STAGES["step"](RIGHT, alone, n):
            worst = worst_pair([pair])
            if worst is not None:
                return code_of_step(evidence, stepped, *worst, fastai)
    return None

"""From evidence that files hold to the report; and two recordings held against each other."""

import json
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from npcf.crosscheck.conclude import conclude
from npcf.crosscheck.diagnose import Diagnoses
from npcf.crosscheck.evidence import Evidence, Raised
from npcf.crosscheck.predict import STAGES as PREDICTED
from npcf.crosscheck.program import RIGHT as RIGHT_PROGRAM
from npcf.crosscheck.program import arithmetic
from npcf.crosscheck.reduce import reduce_failure
from npcf.crosscheck.report import Report
from npcf.crosscheck.stand_in import predicted_by
from npcf.crosscheck.verdict import Reduced, Stage
from npcf.errors import DataError

COMPARED = ("output", "loss", "gradient", "step")


def report_of(evidence: Evidence, begin: float | None = None) -> Report:
    """Return the report on evidence that was read; `begin` is when that began."""
    begin = time.perf_counter() if begin is None else begin

    def smaller(stages: list[Stage], found: Diagnoses) -> Reduced | None:
        again = predicted_by(found.program, evidence) if found.program else None
        return reduce_failure(evidence, stages, again)

    return conclude(evidence, begin, smaller)


@dataclass
class Difference:
    """One stage of two runs: the largest share of the joint tolerance, and the verdict on each."""

    stage: str
    share: float
    where: str
    right: tuple[str, str]

    def __str__(self) -> str:
        agree = "agree" if self.share <= 1 else f"differ, {self.share:.3g} times the tolerance"
        place = f" at {self.where}" if self.share > 1 else ""
        return f"{self.stage:<9} {agree}{place}; A is {self.right[0]}, B is {self.right[1]}"


class RunComparison:
    """Two recordings of the same batches from the same tables, stage by stage.

    A number of A and one of B may differ by the tolerances of both: each is derived from its own
    run's dtype.  Where they differ by more, `right` says which of the two is what the mathematics
    says.

    Raises DataError if the runs do not start from the same tables with the same batch.
    """

    def __init__(self, a: Evidence, b: Evidence):
        self.reports = report_of(a), report_of(b)
        _require_same_start(a, b)
        self.differences = [self._difference(name) for name in COMPARED]

    def _difference(self, name: str) -> Difference:
        a, b = self.reports
        share, where = _largest(a.evidence, b.evidence, name)
        verdicts = [report.stage(name).verdict for report in self.reports]
        return Difference(name, share, where, (verdicts[0], verdicts[1]))

    @property
    def agree(self) -> bool:
        """Whether all stages agree."""
        return all(difference.share <= 1 for difference in self.differences)

    @property
    def exit_code(self) -> int:
        """0: they agree and are right; 1: they differ, or are wrong; 2: nothing could be judged."""
        codes = [report.exit_code for report in self.reports]
        return 1 if not self.agree or 1 in codes else max(codes)

    @property
    def right(self) -> str:
        """Which of the two is right: "A", "B", "both" or "neither", as far as was judged."""
        fine = [report.failed_stage is None for report in self.reports]
        return {(True, True): "both", (True, False): "A", (False, True): "B"}.get(
            (fine[0], fine[1]), "neither"
        )

    def __str__(self) -> str:
        head = "A and B agree" if self.agree else "A and B differ"
        which = {"both": "both are right", "neither": "neither is right"}
        lines = [f"{head}: {which.get(self.right, f'{self.right} is right')}"]
        lines += map(str, self.differences)
        for name, report in zip("AB", self.reports, strict=True):
            if report.failed_stage is not None:
                lines += ["", f"{name}:", str(report)]
        return "\n".join(lines)

    def to_json(self) -> str:
        """Return the verdicts, the differences and both reports as JSON."""
        stages = [
            {"stage": d.stage, "share": d.share if np.isfinite(d.share) else str(d.share),
             "where": d.where, "a": d.right[0], "b": d.right[1]}
            for d in self.differences
        ]  # fmt: skip
        a, b = (json.loads(report.to_json()) for report in self.reports)
        content = {"agree": self.agree, "right": self.right, "exit_code": self.exit_code}
        return json.dumps({**content, "stages": stages, "a": a, "b": b}, allow_nan=False)


def _require_same_start(a: Evidence, b: Evidence) -> None:
    p, q = (evidence.seen[0].probe for evidence in (a, b))
    if p.tables.keys() != q.tables.keys() or any(
        p.tables[name].shape != q.tables[name].shape for name in p.tables
    ):
        raise DataError("runs", "have tables of different sizes", "Record both from one model.")
    for what in ("users", "items", "rating"):
        if not np.array_equal(getattr(p, what), getattr(q, what)):
            raise DataError("runs", f"have different {what}", "Record both on the same batch.")
    for name in p.tables:
        if not np.array_equal(p.tables[name], q.tables[name]):
            raise DataError("runs", f"start with different {name}", "Record both from one state.")


def _largest(a: Evidence, b: Evidence, stage: str) -> tuple[float, str]:
    """Return the largest difference of a stage, in shares of both tolerances, and where it is.

    Steps are compared along the same gradients only, and later batches from the same tables:
    otherwise the difference is that of an earlier stage.
    """
    found, top = "", 0.0
    sides = [list(PREDICTED[stage](RIGHT_PROGRAM, e, arithmetic(e))) for e in (a, b)]
    if stage == "step" and not (sides[0] and sides[1]):
        return 0.0, ""
    for p, q in zip(*sides, strict=False):
        if p.where != q.where or isinstance(p.seen, Raised) or isinstance(q.seen, Raised):
            continue
        if p.seen is None or q.seen is None:
            if p.seen is not q.seen:
                return np.inf, f"{p.where}, {p.what}: one has no gradient (None)"
            continue
        x, y = (np.asarray(side.seen, np.float64).reshape(-1) for side in (p, q))
        if x.shape != y.shape:
            return np.inf, f"{p.where}, {p.what}: shapes differ"
        if _apart(p, q):
            continue
        room = sum(np.ravel(side.predicted.tolerance) for side in (p, q))
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.where((x == y) | (np.isnan(x) & np.isnan(y)), 0.0, np.abs(x - y) / room)
        share = np.where(np.isnan(share), np.inf, share)
        if share.size and share.max() > top:
            top = float(share.max())
            place = np.unravel_index(int(share.argmax()), np.shape(p.seen))
            found = f"{p.where}, {p.what}{list(map(int, place)) if place else ''}"
    return top, found


def _apart(p: Any, q: Any) -> bool:
    """Whether two predictions differ already: the runs were given different input by then."""
    x, y = (getattr(side.predicted, "value", None) for side in (p, q))
    if x is None or y is None or np.shape(x) != np.shape(y):
        return True
    room = p.predicted.tolerance + q.predicted.tolerance
    return bool((np.abs(x - y) > room).any())

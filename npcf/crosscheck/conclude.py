"""From evidence to the report: judge, and where something is wrong, diagnose and reduce."""

import time
from collections.abc import Callable

from npcf.crosscheck.diagnose import Diagnoses, diagnose
from npcf.crosscheck.evidence import Evidence
from npcf.crosscheck.judge import judge
from npcf.crosscheck.report import Report
from npcf.crosscheck.verdict import Reduced, Stage

Smaller = Callable[[list[Stage], Diagnoses], Reduced | None]


def conclude(evidence: Evidence, begin: float, smaller: Smaller | None) -> Report:
    """Return the report on evidence whose observation began at `begin`.

    `smaller` finds the smallest example of what is wrong; None: there is none to be found.
    """
    stages = judge(evidence)
    report = Report(evidence, stages, [])
    if report.failed_stage is not None:
        found = diagnose(evidence, stages)
        report.diagnosis, report.ruled_out = list(found), found.ruled_out
        report.reduced = smaller(stages, found) if smaller else None
    report.seconds = time.perf_counter() - begin
    return report

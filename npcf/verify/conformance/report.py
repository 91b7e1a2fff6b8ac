"""What a run of the suite found, as Markdown for people and as a dict for JSON."""

import platform
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from npcf.verify.conformance.counterexample import as_script
from npcf.verify.conformance.runner import BROKEN, HELD, SKIPPED, Outcome


def as_markdown(name: str, outcomes: Sequence[Outcome]) -> str:
    """Return the report: a verdict, a table of the parts, every broken law, what was skipped."""
    broken = [outcome for outcome in outcomes if outcome.status == BROKEN]
    lines = [f"# Conformance of `{name}`", "", _verdict(outcomes), "", *_table(outcomes)]
    for outcome in broken:
        lines += ["", *_breach(name, outcome)]
    skipped = Counter(outcome.message for outcome in outcomes if outcome.status == SKIPPED)
    if skipped:
        lines += ["", "## Skipped", ""]
        lines += [f"- {_laws(count)}: {why}" for why, count in sorted(skipped.items())]
    versions = f"npcf {version('npcf')}, NumPy {np.__version__}, Python {platform.python_version()}"
    return "\n".join([*lines, "", f"{versions}, {platform.machine()}", ""])


def as_dict(name: str, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return the report as JSON can hold it."""
    return {
        "implementation": name,
        "ok": all(outcome.status != BROKEN for outcome in outcomes),
        "laws": [
            {
                "name": outcome.law.name,
                "part": outcome.law.family,
                "statement": outcome.law.statement,
                "status": outcome.status,
                "inputs": outcome.examples,
                "exact_comparisons": outcome.comparisons,
                "largest_share_of_a_bound": outcome.used,
                "seconds": round(outcome.seconds, 3),
                "message": outcome.message,
                "counterexample": _script(name, outcome),
            }
            for outcome in outcomes
        ],
    }


def _verdict(outcomes: Sequence[Outcome]) -> str:
    by_status = Counter(outcome.status for outcome in outcomes)
    inputs = sum(outcome.examples for outcome in outcomes)
    comparisons = sum(outcome.comparisons for outcome in outcomes)
    seconds = sum(outcome.seconds for outcome in outcomes)
    verdict = "**Broken.**" if by_status[BROKEN] else "**Conforms.**"
    return (
        f"{verdict} Of {_laws(len(outcomes))} {by_status[HELD]} held, {by_status[BROKEN]} broken, "
        f"{by_status[SKIPPED]} skipped; {inputs:,} inputs, {comparisons:,} numbers held "
        f"against exact arithmetic, {seconds:.0f} s."
    )


def _laws(count: int) -> str:
    return f"{count} law" if count == 1 else f"{count} laws"


def _table(outcomes: Sequence[Outcome]) -> list[str]:
    """Return a row for each part of the protocol."""
    rows = ["| part | held | broken | skipped | inputs | exact comparisons | share of bound |",
            "|---|--:|--:|--:|--:|--:|--:|"]  # fmt: skip
    for family in dict.fromkeys(outcome.law.family for outcome in outcomes):
        part = [outcome for outcome in outcomes if outcome.law.family == family]
        by_status = Counter(outcome.status for outcome in part)
        comparisons = sum(outcome.comparisons for outcome in part)
        used = f"{max(outcome.used for outcome in part):.2f}" if comparisons else ""
        rows.append(
            f"| {family} | {by_status[HELD]} | {by_status[BROKEN]} | {by_status[SKIPPED]} | "
            f"{sum(outcome.examples for outcome in part):,} | {comparisons:,} | {used} |"
        )
    return rows


def _breach(name: str, outcome: Outcome) -> list[str]:
    law = outcome.law
    lines = [
        f"## Broken: {law.name}",
        "",
        f"{law.statement}",
        "",
        f"Input {outcome.examples} of part {law.family} broke it:",
        "",
        *(f"    {line}" for line in outcome.message.splitlines()),
    ]
    script = _script(name, outcome)
    return lines if script is None else [*lines, "", "```python", script.rstrip(), "```"]


def _script(name: str, outcome: Outcome) -> str | None:
    if outcome.status != BROKEN or outcome.counterexample is None:
        return None
    return as_script(outcome.law.name, name, outcome.counterexample)

"""What a run of the suite found, as Markdown for people and as a dict for JSON."""

import platform
import textwrap
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from npcf.verify.conformance.causes import Cause, causes
from npcf.verify.conformance.counterexample import as_script
from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.preflight import Finding
from npcf.verify.conformance.runner import BROKEN, HELD, SKIPPED, Outcome

WIDTH = 80


def as_markdown(
    implementation: Implementation, outcomes: Sequence[Outcome], findings: Sequence[Finding] = ()
) -> str:
    """Return the report: a verdict, a table of the parts, each cause once, what was skipped."""
    name, found = implementation.name, causes(implementation, outcomes)
    verdict = _verdict(outcomes, len(found) + len(findings))
    lines = [f"# Conformance of `{name}`", "", *textwrap.wrap(verdict, WIDTH)]
    if findings:
        lines += ["", "## Before the laws", ""]
        lines += [f"- {finding}" for finding in findings]
    lines += ["", *_table(outcomes)]
    for cause in found:
        lines += ["", *_breach(name, cause)]
    skipped = Counter(outcome.message for outcome in outcomes if outcome.status == SKIPPED)
    if skipped:
        lines += ["", "## Skipped", ""]
        lines += [f"- {_laws(count)}: {why}" for why, count in sorted(skipped.items())]
    versions = f"npcf {version('npcf')}, NumPy {np.__version__}, Python {platform.python_version()}"
    return "\n".join([*lines, "", f"{versions}, {platform.machine()}", ""])


def as_dict(
    implementation: Implementation, outcomes: Sequence[Outcome], findings: Sequence[Finding] = ()
) -> dict[str, Any]:
    """Return the report as JSON can hold it."""
    name = implementation.name
    return {
        "implementation": name,
        "ok": not findings and all(outcome.status != BROKEN for outcome in outcomes),
        "findings": [finding._asdict() for finding in findings],
        "causes": [
            {
                "title": cause.title,
                "hint": cause.hint,
                "laws": [outcome.law.name for outcome in cause.outcomes],
            }
            for cause in causes(implementation, outcomes)
        ],
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


def _verdict(outcomes: Sequence[Outcome], n_causes: int) -> str:
    by_status = Counter(outcome.status for outcome in outcomes)
    inputs = sum(outcome.examples for outcome in outcomes)
    comparisons = sum(outcome.comparisons for outcome in outcomes)
    seconds = sum(outcome.seconds for outcome in outcomes)
    verdict = "**Conforms.**"
    if n_causes:
        verdict = f"**Broken**, by {n_causes} cause{'s' * (n_causes != 1)}."
    return (
        f"{verdict} Of {_laws(len(outcomes))} {by_status[HELD]} held, {by_status[BROKEN]} broken, "
        f"{by_status[SKIPPED]} skipped; {inputs:,} inputs, {comparisons:,} numbers held "
        f"against exact arithmetic, {seconds:.0f} s."
    )


def _laws(count: int) -> str:
    return f"{count} law" if count == 1 else f"{count} laws"


def _table(outcomes: Sequence[Outcome]) -> list[str]:
    """Return a row for each part of the protocol."""
    rows = ["| part | held | broken | skipped | inputs | exact | share of bound |",
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


def _breach(name: str, cause: Cause) -> list[str]:
    """Return one cause: its smallest counterexample, a hint, and the laws it breaks."""
    first, *others = cause.outcomes
    lines = [f"## {cause}", ""]
    lines += textwrap.wrap(f"{first.law.name}: {first.law.statement}", WIDTH)
    lines += ["", f"Input {first.examples} of part {first.law.family} broke it:", ""]
    lines += [f"    {line}" for line in first.message.splitlines()]
    if cause.hint:
        lines += ["", f"Hint: {cause.hint}."]
    script = _script(name, first)
    if script is not None:
        lines += ["", "```python", script.rstrip(), "```"]
    if others:
        names = "Also broken: " + ", ".join(outcome.law.name for outcome in others) + "."
        lines += ["", *textwrap.wrap(names, WIDTH)]
    return lines


def _script(name: str, outcome: Outcome) -> str | None:
    if outcome.status != BROKEN or outcome.counterexample is None:
        return None
    return as_script(outcome.law.name, name, outcome.counterexample)

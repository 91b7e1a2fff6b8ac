"""What a run of the suite found: Markdown for people, a dict for JSON, tables in a notebook."""

import platform
import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from importlib.metadata import version
from typing import Any

import numpy as np

from npcf import _notebook
from npcf.verify.conformance.causes import Cause, causes
from npcf.verify.conformance.counterexample import as_script
from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import LAWS, Law
from npcf.verify.conformance.preflight import Finding, preflight
from npcf.verify.conformance.runner import BROKEN, HELD, SKIPPED, Outcome, run

PARTS = "part", "held", "broken", "skipped", "inputs", "exact", "share of bound"
WIDTH = 80


class Report:
    """What became of every law, and of the first call of every function.

    `ok`, `causes`, `as_dict()`; Markdown when printed, tables in a notebook.
    """

    def __init__(
        self,
        implementation: Implementation,
        outcomes: Iterable[Outcome],
        findings: Sequence[Finding] = (),
    ):
        self.implementation, self.name = implementation, implementation.name
        self.findings, self.outcomes = tuple(findings), tuple(outcomes)

    @classmethod
    def of(
        cls, implementation: Implementation, laws: Iterable[Law] | None = None, **options: Any
    ) -> "Report":
        """Call every function once, then try the laws (all, unless told which) as `run` does.

        Laws that need a function with a finding are not tried.
        """
        findings = preflight(implementation)
        chosen = untouched(LAWS.values() if laws is None else laws, findings)
        return cls(implementation, run(implementation, chosen, **options), findings)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings and all(one.status != BROKEN for one in self.outcomes)

    @cached_property
    def causes(self) -> list[Cause]:
        """The causes of all broken laws, the most basic first."""
        return causes(self.implementation, self.outcomes)

    def __str__(self) -> str:
        lines = [f"# Conformance of `{self.name}`", "", *textwrap.wrap(self._verdict("**"), WIDTH)]
        if self.findings:
            lines += ["", "## Before the laws", ""]
            lines += [f"- {finding}" for finding in self.findings]
        lines += ["", *_markdown([PARTS, *self._parts()])]
        for cause in self.causes:
            lines += ["", *_breach(self.name, cause)]
        if skipped := self._skipped():
            lines += ["", "## Skipped", "", *(f"- {line}" for line in skipped)]
        versions = f"npcf {version('npcf')}, NumPy {np.__version__}"
        python = f"Python {platform.python_version()}, {platform.machine()}"
        return "\n".join([*lines, "", f"{versions}, {python}", ""])

    def __repr__(self) -> str:
        return f"Report({self.name!r}: {self._verdict()})"

    def _repr_html_(self) -> str:
        paragraph = _notebook.paragraph
        html = paragraph(f"Conformance of {self.name}. {self._verdict()}")
        html += "".join(paragraph(str(finding)) for finding in self.findings)
        html += _notebook.table(PARTS, self._parts(), align="lrrrrrr")
        html += "".join(_breach_html(self.name, cause) for cause in self.causes)
        return html + "".join(map(paragraph, self._skipped()))

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON can hold it."""
        return {
            "implementation": self.name,
            "ok": self.ok,
            "findings": [finding._asdict() for finding in self.findings],
            "causes": [
                {
                    "title": cause.title,
                    "hint": cause.hint,
                    "laws": [outcome.law.name for outcome in cause.outcomes],
                }
                for cause in self.causes
            ],
            "laws": [_law_as_dict(self.name, outcome) for outcome in self.outcomes],
        }

    def _verdict(self, mark: str = "") -> str:
        by_status = Counter(outcome.status for outcome in self.outcomes)
        inputs = sum(outcome.examples for outcome in self.outcomes)
        comparisons = sum(outcome.comparisons for outcome in self.outcomes)
        seconds = sum(outcome.seconds for outcome in self.outcomes)
        n = len(self.causes) + len(self.findings)
        broken = f"{mark}Broken{mark}, by {n} cause{'s' * (n != 1)}."
        return (
            f"{f'{mark}Conforms.{mark}' if self.ok else broken} "
            f"Of {_laws(len(self.outcomes))} {by_status[HELD]} held, {by_status[BROKEN]} broken, "
            f"{by_status[SKIPPED]} skipped; {inputs:,} inputs, {comparisons:,} numbers held "
            f"against exact arithmetic, {seconds:.0f} s."
        )

    def _parts(self) -> list[tuple[str, ...]]:
        """Return a row for each part of the protocol."""
        rows = []
        for family in dict.fromkeys(outcome.law.family for outcome in self.outcomes):
            part = [outcome for outcome in self.outcomes if outcome.law.family == family]
            by_status = Counter(outcome.status for outcome in part)
            statuses = [f"{by_status[status]}" for status in (HELD, BROKEN, SKIPPED)]
            comparisons = sum(outcome.comparisons for outcome in part)
            used = _share(max(outcome.used for outcome in part)) if comparisons else ""
            inputs = sum(outcome.examples for outcome in part)
            rows.append((family, *statuses, f"{inputs:,}", f"{comparisons:,}", used))
        return rows

    def _skipped(self) -> list[str]:
        """Return how many laws were skipped for each reason."""
        reasons = Counter(one.message for one in self.outcomes if one.status == SKIPPED)
        return [f"{_laws(count)}: {why}" for why, count in sorted(reasons.items())]


def untouched(laws: Iterable[Law], findings: Sequence[Finding]) -> list[Law]:
    """Return the laws that need no function with a finding."""
    spoilt = {finding.function for finding in findings}
    return [law for law in laws if not spoilt & set(law.needs)]


def _laws(count: int) -> str:
    return f"{count} law" if count == 1 else f"{count} laws"


def _share(used: float) -> str:
    return f"{used:.2f}" if used < 100 else f"{used:.1e}"


def _markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    header, *body = rows
    lines = [header, ("---", *["--:"] * (len(header) - 1)), *body]
    return ["| " + " | ".join(row) + " |" for row in lines]


def _breach(name: str, cause: Cause) -> list[str]:
    """Return one cause: its smallest counterexample, a hint, and the laws it breaks."""
    first = cause.outcomes[0]
    lines = [f"## {cause}", ""]
    lines += textwrap.wrap(f"{first.law.name}: {first.law.statement}", WIDTH)
    lines += ["", f"Input {first.examples} of part {first.law.family} broke it:", ""]
    lines += [f"    {line}" for line in first.message.splitlines()]
    if cause.hint:
        lines += ["", f"Hint: {cause.hint}."]
    script = _script(name, first)
    if script is not None:
        lines += ["", "```python", script.rstrip(), "```"]
    if others := _others(cause):
        lines += ["", *textwrap.wrap(others, WIDTH)]
    return lines


def _breach_html(name: str, cause: Cause) -> str:
    first = cause.outcomes[0]
    html = _notebook.paragraph(f"{cause}: {first.law.name}. {first.law.statement}")
    html += _notebook.preformatted(first.message)
    if cause.hint:
        html += _notebook.paragraph(f"Hint: {cause.hint}.")
    script = _script(name, first)
    if script is not None:
        html += _notebook.folded("code that shows it", _notebook.preformatted(script))
    return html + (_notebook.paragraph(_others(cause)) if _others(cause) else "")


def _others(cause: Cause) -> str:
    names = ", ".join(outcome.law.name for outcome in cause.outcomes[1:])
    return f"Also broken: {names}." if names else ""


def _law_as_dict(name: str, outcome: Outcome) -> dict[str, Any]:
    return {
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


def _script(name: str, outcome: Outcome) -> str | None:
    if outcome.status != BROKEN or outcome.counterexample is None:
        return None
    return as_script(outcome.law.name, name, outcome.counterexample)

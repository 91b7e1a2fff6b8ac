"""What a run of the suite found, as Markdown for people and as a dict for JSON."""

import platform
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np

from npcf import _notebook
from npcf.verify.conformance.counterexample import as_script
from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import Law
from npcf.verify.conformance.runner import BROKEN, HELD, SKIPPED, Outcome, run

PARTS = "part", "held", "broken", "skipped", "inputs", "exact comparisons", "share of bound"


class Report(NamedTuple):
    """What became of every law: Markdown when printed, tables in a notebook."""

    name: str
    outcomes: tuple[Outcome, ...]

    @classmethod
    def of(
        cls, implementation: Implementation, laws: Iterable[Law] | None = None, **options: Any
    ) -> "Report":
        """Run the laws (all of them, unless told which) as `run` does, with its options."""
        return cls(implementation.name, tuple(run(implementation, laws, **options)))

    @property
    def ok(self) -> bool:
        """Whether no law is broken."""
        return all(outcome.status != BROKEN for outcome in self.outcomes)

    def __str__(self) -> str:
        return as_markdown(self.name, self.outcomes)

    def __repr__(self) -> str:
        return f"Report({self.name!r}: {_plain(_verdict(self.outcomes))})"

    def _repr_html_(self) -> str:
        verdict = f"Conformance of {self.name}. {_plain(_verdict(self.outcomes))}"
        table = _notebook.table(PARTS, _parts(self.outcomes), align="lrrrrrr")
        broken = [outcome for outcome in self.outcomes if outcome.status == BROKEN]
        breaches = "".join(_breach_html(self.name, outcome) for outcome in broken)
        skipped = "".join(map(_notebook.paragraph, _skipped(self.outcomes)))
        return _notebook.paragraph(verdict) + table + breaches + skipped


def as_markdown(name: str, outcomes: Sequence[Outcome]) -> str:
    """Return the report: a verdict, a table of the parts, every broken law, what was skipped."""
    broken = [outcome for outcome in outcomes if outcome.status == BROKEN]
    lines = [f"# Conformance of `{name}`", "", _verdict(outcomes), "", *_table(outcomes)]
    for outcome in broken:
        lines += ["", *_breach(name, outcome)]
    skipped = _skipped(outcomes)
    if skipped:
        lines += ["", "## Skipped", "", *(f"- {line}" for line in skipped)]
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


def _plain(verdict: str) -> str:
    return verdict.replace("**", "")


def _skipped(outcomes: Sequence[Outcome]) -> list[str]:
    """Return how many laws were skipped for each reason."""
    reasons = Counter(outcome.message for outcome in outcomes if outcome.status == SKIPPED)
    return [f"{_laws(count)}: {why}" for why, count in sorted(reasons.items())]


def _laws(count: int) -> str:
    return f"{count} law" if count == 1 else f"{count} laws"


def _table(outcomes: Sequence[Outcome]) -> list[str]:
    """Return a row for each part of the protocol."""
    rows = [PARTS, ("---", *["--:"] * (len(PARTS) - 1)), *_parts(outcomes)]
    return ["| " + " | ".join(row) + " |" for row in rows]


def _parts(outcomes: Sequence[Outcome]) -> list[tuple[str, ...]]:
    """Return the cells of each part's row."""
    rows = []
    for family in dict.fromkeys(outcome.law.family for outcome in outcomes):
        part = [outcome for outcome in outcomes if outcome.law.family == family]
        by_status = Counter(outcome.status for outcome in part)
        statuses = [f"{by_status[status]}" for status in (HELD, BROKEN, SKIPPED)]
        comparisons = sum(outcome.comparisons for outcome in part)
        used = _share(max(outcome.used for outcome in part)) if comparisons else ""
        inputs = sum(outcome.examples for outcome in part)
        rows.append((family, *statuses, f"{inputs:,}", f"{comparisons:,}", used))
    return rows


def _share(used: float) -> str:
    return f"{used:.2f}" if used < 100 else f"{used:.1e}"


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


def _breach_html(name: str, outcome: Outcome) -> str:
    law, script = outcome.law, _script(name, outcome)
    shown = _notebook.preformatted(outcome.message)
    if script is not None:
        shown += _notebook.folded("code that shows it", _notebook.preformatted(script))
    where = f"Broken by input {outcome.examples} of part {law.family}: {law.name}. {law.statement}"
    return _notebook.paragraph(where) + shown


def _script(name: str, outcome: Outcome) -> str | None:
    if outcome.status != BROKEN or outcome.counterexample is None:
        return None
    return as_script(outcome.law.name, name, outcome.counterexample)

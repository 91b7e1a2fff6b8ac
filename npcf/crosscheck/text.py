"""The report as text, 80 columns wide: the verdict first, then what it rests on."""

import textwrap
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from npcf.crosscheck import wording
from npcf.crosscheck.verdict import NOT_SEEN, RIGHT, Diagnosis, Stage

if TYPE_CHECKING:
    from npcf.crosscheck.report import Report

WIDTH = 80
NAMES_SHOWN = 12


def printed(report: "Report") -> str:
    """Return the whole report, its parts separated by empty lines."""
    parts = (_verdict(report), _stages(report), _worst(report), _diagnosis(report),
             _ruled_out(report), _reduced(report), _notes(report))  # fmt: skip
    return "\n\n".join("\n".join(part) for part in parts if part)


def _wrap(text: str, indent: str = "", first: str | None = None) -> list[str]:
    opening = indent if first is None else first
    return textwrap.wrap(text, WIDTH, initial_indent=opening, subsequent_indent=indent)


def _verdict(report: "Report") -> list[str]:
    text = f"{wording.title(report).upper()}. {wording.summary(report)}"
    return [*_wrap(text), *_wrap(wording.subject(report))]


def _stages(report: "Report") -> list[str]:
    lines = [f"{'stage':<10}{'verdict':<12}{'share':>8}{'compared':>11}  what was seen"]
    for stage in report.stages:
        judged = stage.verdict != NOT_SEEN
        share = wording.share(stage.share) if judged and stage.n_compared else ""
        compared = f"{stage.n_compared:,}" if stage.n_compared else ""
        row = f"{stage.name:<10}{stage.verdict:<12}{share:>8}{compared:>11}"
        message = textwrap.wrap(wording.message(stage), WIDTH - 43) or [""]
        lines += [f"{row}  {message[0]}".rstrip(), *(f"{'':43}{more}" for more in message[1:])]
    return lines


def _worst(report: "Report") -> list[str]:
    shown = [stage for stage in report.stages if stage.verdict not in (RIGHT, NOT_SEEN)]
    lines = [line for stage in shown for line in _entry(stage)]
    return ["Worst entry" + " of each such stage" * (len(shown) > 1), *lines] if lines else []


def _entry(stage: Stage) -> Iterator[str]:
    worst = stage.worst
    if worst is None:
        return
    yield from _wrap(f"{stage.name}: {worst.where}", "    ", "  ")
    seen, expected = wording.number(worst.seen), wording.number(worst.expected)
    yield f"    seen {seen}, expected {expected}, tolerance {worst.tolerance:.1e}"
    for hint in stage.hints:
        yield from _wrap(hint, "    ")


def _diagnosis(report: "Report") -> list[str]:
    if report.failed_stage is None:
        return []
    if not report.diagnosis:
        return ["Diagnosis: unexplained. No known mistake predicts these numbers."]
    lines = ["Diagnosis"]
    for i, found in enumerate(report.diagnosis, 1):
        lines += _found(i, found)
    return lines


def _found(i: int, found: Diagnosis) -> Iterator[str]:
    yield from _wrap(f"{i}. {found.name}: {found.sentence}", "     ", "  ")
    for claim in wording.claims(found):
        yield from _wrap(claim, "     ")
    yield "     What to write:"
    yield from (f"         {line}" for line in found.cure.splitlines())


def _ruled_out(report: "Report") -> list[str]:
    names = list(report.ruled_out)
    if not names:
        return []
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    shown = f"{', '.join(names[:NAMES_SHOWN])}{more}"
    return _wrap(f"Ruled out: {shown}.", "  ", "")


def _reduced(report: "Report") -> list[str]:
    small = report.reduced
    if small is None:
        return []
    return [f"{wording.reduced(small)}", *_indented(small.code.splitlines())]


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"    {line}".rstrip() for line in lines)


def _notes(report: "Report") -> list[str]:
    lines = [line for note in report.notes for line in _wrap(note, "    ", "  - ")]
    return ["Notes", *lines] if lines else []

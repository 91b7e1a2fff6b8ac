"""The report as HTML: a page that needs nothing but itself, and a fragment for notebooks.

No script and no address is in the page, so that it can be mailed, archived and read anywhere.  It
follows the reader's light or dark theme, folds its tables where it is narrow, and prints.
"""

import math
from collections.abc import Iterable
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

from npcf import _notebook
from npcf.crosscheck import wording
from npcf.crosscheck.verdict import NOT_SEEN, RIGHT, SUSPICIOUS, WRONG, Diagnosis, Stage

if TYPE_CHECKING:
    from npcf.crosscheck.report import Report

MARKS = {RIGHT: "✓", SUSPICIOUS: "≈", WRONG: "✗", NOT_SEEN: "–"}
KINDS = {RIGHT: "right", SUSPICIOUS: "suspicious", WRONG: "wrong", NOT_SEEN: "unknown"}
DECADES = 4  # on either side of the tolerance, in the bars


def page(report: "Report") -> str:
    """Return the whole page."""
    style = files("npcf.crosscheck").joinpath("page.css").read_text("utf-8")
    parts = (_verdict(report), _stages(report), _worst(report), _diagnosis(report),
             _ruled_out(report), _reduced(report), _notes(report))  # fmt: skip
    head = (
        '<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, '
        'initial-scale=1">\n'
        f"<title>{escape(wording.title(report))}: crosscheck</title>\n<style>\n{style}</style>"
    )
    body = "\n".join(part for part in parts if part)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n<main>\n'
        f"<h1>npcf crosscheck</h1>\n{body}\n</main>\n</body>\n</html>\n"
    )


def fragment(report: "Report") -> str:
    """Return what a notebook shows, without colours of its own."""
    title = f"<strong>{escape(wording.title(report))}.</strong>"
    html = f"<p>{title} {escape(wording.summary(report))}</p>"
    rows = [
        (stage.name, f"{MARKS[stage.verdict]} {stage.verdict}", _share(stage), _count(stage),
         wording.message(stage))
        for stage in report.stages
    ]  # fmt: skip
    html += _notebook.table(("stage", "verdict", "share", "compared", "what was seen"), rows,
                            align="llrrl")  # fmt: skip
    for found in report.diagnosis:
        inside = "".join(map(_notebook.paragraph, [found.sentence, *wording.claims(found)]))
        html += _notebook.folded(found.name, inside + _notebook.preformatted(found.cure))
    if report.reduced is not None:
        title = wording.reduced(report.reduced)
        html += _notebook.folded(title, _notebook.preformatted(report.reduced.code))
    return html + "".join(map(_notebook.paragraph, report.notes))


def _verdict(report: "Report") -> str:
    title = wording.title(report)
    verdict = next((name for name, words in wording.TITLES.items() if words == title), NOT_SEEN)
    return (
        f'<div class="verdict {KINDS[verdict]}"><strong>{MARKS[verdict]} {escape(title)}</strong>'
        f"{_p(wording.summary(report))}{_p(wording.subject(report), 'quiet')}</div>"
    )


def _stages(report: "Report") -> str:
    rows = "\n".join(map(_stage, report.stages))
    head = (
        '<th scope="col">stage</th><th scope="col">verdict</th>'
        '<th scope="col" class="number">share</th><th scope="col">of the tolerance</th>'
        '<th scope="col" class="number">compared</th><th scope="col">what was seen</th>'
    )
    caption = (
        "Share: the largest difference in tolerances, at most 1 where it is right. The bars have "
        "one tolerance at their middle, and a ten-thousandth and ten thousand at their ends."
    )
    return (
        '<h2>Stages</h2>\n<div class="scroll"><table class="stacked">'
        f"<caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n"
        f"<tbody>\n{rows}\n</tbody></table></div>"
    )


def _stage(stage: Stage) -> str:
    kind, share = KINDS[stage.verdict], _share(stage)
    hints = "".join(_p(hint, "quiet") for hint in stage.hints)
    bar = f'<span class="bar {kind}"><i style="width: {_width(stage.share):.0f}%"></i></span>'
    return (
        f'<tr><th scope="row">{stage.name}</th>'
        f'<td class="word {kind}">{MARKS[stage.verdict]} {stage.verdict}</td>'
        f"{_td(share, 'share', 'number')}<td>{bar if share else ''}</td>"
        f"{_td(_count(stage), 'compared', 'number')}"
        f"<td>{escape(wording.message(stage))}{hints}</td></tr>"
    )


def _width(share: float) -> float:
    """Return how much of a bar is full, in per cent: its middle is a share of 1."""
    if not math.isfinite(share):
        return 100.0
    decades = math.log10(max(share, 10.0**-DECADES))
    return 50 * (1 + min(decades, DECADES) / DECADES)


def _worst(report: "Report") -> str:
    rows = "\n".join(
        f'<tr><th scope="row">{stage.name}</th><td>{escape(worst.where)}</td>'
        f"{_td(wording.number(worst.seen), 'seen', 'number')}"
        f"{_td(wording.number(worst.expected), 'expected', 'number')}"
        f"{_td(f'{worst.tolerance:.1e}', 'tolerance', 'number')}</tr>"
        for stage in report.stages
        if (worst := stage.worst) is not None and stage.verdict != NOT_SEEN
    )
    if not rows:
        return ""
    head = (
        '<th scope="col">stage</th><th scope="col">entry</th><th scope="col" class="number">seen'
        '</th><th scope="col" class="number">expected</th>'
        '<th scope="col" class="number">tolerance</th>'
    )
    return (
        '<h2>Worst entry of each stage</h2>\n<div class="scroll"><table class="stacked">\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>"
    )


def _diagnosis(report: "Report") -> str:
    if report.failed_stage is None:
        return ""
    found = "\n".join(map(_found, report.diagnosis)) or _p(
        "Unexplained: no known mistake predicts these numbers."
    )
    return f"<h2>Diagnosis</h2>\n{found}"


def _found(found: Diagnosis) -> str:
    said = "".join(f"<li>{escape(claim)}</li>" for claim in wording.claims(found))
    claims = f"<ul>{said}</ul>" if said else ""
    return (
        f'<section class="found"><h3>{escape(found.name)}</h3>{_p(found.sentence)}{claims}'
        f"{_p('What to write:', 'quiet')}{_code(found.cure, 'What to write')}</section>"
    )


def _reduced(report: "Report") -> str:
    small = report.reduced
    if small is None:
        return ""
    code = _code(small.code, "Reduced example")
    return f"<h2>Reduced example</h2>\n{_p(wording.reduced(small))}\n{code}"


def _ruled_out(report: "Report") -> str:
    names = report.ruled_out
    title = f"Ruled out: {wording.plural(len(names), 'other mistake')}"
    return _folded(title, names) if names else ""


def _notes(report: "Report") -> str:
    return f"<h2>Notes</h2>\n{_list(report.notes)}" if report.notes else ""


def _folded(title: str, items: Iterable[str]) -> str:
    return f"<details><summary>{escape(title)}</summary>{_list(items)}</details>"


def _list(items: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>"


def _code(code: str, label: str) -> str:
    """Return code that scrolls by itself, and so must be reached by the keyboard too."""
    return f'<pre tabindex="0" role="region" aria-label="{label}"><code>{escape(code)}</code></pre>'


def _p(text: str, kind: str = "") -> str:
    return f"<p{f' class={chr(34)}{kind}{chr(34)}' if kind else ''}>{escape(text)}</p>"


def _td(text: str, name: str, kind: str) -> str:
    return f'<td class="{kind}" data-name="{name}">{escape(text)}</td>'


def _share(stage: Stage) -> str:
    compared = stage.verdict != NOT_SEEN and stage.n_compared
    return wording.share(stage.share) if compared else ""


def _count(stage: Stage) -> str:
    return f"{stage.n_compared:,}" if stage.n_compared else ""

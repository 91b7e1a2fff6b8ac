"""The step as a page that needs nothing but itself: numbers in its HTML, a script that recomputes.

Without a script it is read; with one it is gone through, changed and broken.
"""

from collections.abc import Sequence
from functools import cache
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from npcf._tables import NAMES, TABLE
from npcf.teach.controls import bar, breaking, inputs, number, tour
from npcf.teach.graph import graph
from npcf.teach.script import has_decay, page_lines, script_of

if TYPE_CHECKING:
    from npcf.teach.explanation import Entry, Explanation

MOST_LINES = 24  # formulas of one table of numbers that stand in the page; of more, the chosen one
FILES = "page.css", "arithmetic.js", "page.js"
INTRODUCTION = (
    "One step of training, every number of it. The forward pass goes from the parameters to the "
    "loss, the backward pass from the loss to a gradient for every parameter, and the update "
    "moves the parameters."
)


def page(e: "Explanation") -> str:
    """Return the whole page."""
    css, *scripts = (files("npcf.teach").joinpath(name).read_text("utf-8") for name in FILES)
    n, k = e.values["p"].shape
    size = f"{n} rating{'s' * (n != 1)}, {k} factor{'s' * (k != 1)}, {e.rule}."
    body = (
        f"<header><h1>One step, every number</h1><p>{INTRODUCTION}</p>"
        f'<p class="quiet">Here: {escape(size)}</p>'
        "<noscript><p>Without JavaScript the page is for reading: the numbers below are npcf's. "
        "With it, they can be changed, and the step be gone through.</p></noscript></header>\n"
        f'{bar()}\n<div class="columns"><nav aria-label="graph">{graph(e.quantities())}</nav>\n'
        f"<main>{tour()}\n{inputs(e)}\n{breaking(e)}\n{_passes(e)}</main></div>"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>One step, every number</title>\n<style>\n{css}</style>\n</head>\n<body>\n{body}\n"
        f"<script>\n{script_of(e)}{''.join(scripts)}</script>\n</body>\n</html>\n"
    )


def _passes(e: "Explanation") -> str:
    entries: dict[str, list[Entry]] = {}
    for entry in e.entries():
        entries.setdefault(entry.name if entry.stage != "update" else entry.parts[0][2:],
                           []).append(entry)  # fmt: skip
    parts, stage = [], ""
    for quantity in e.quantities():
        found = entries[quantity.name]
        if found[0].stage != stage:
            stage = found[0].stage
            parts.append(f"<h2>{stage.capitalize()} pass</h2>")
        block = _block(quantity.name, found, np.shape(e.values[quantity.name]))
        parts.append(_section(quantity.name, f"{quantity.name}: {quantity.title}", block))
    parts.append("<h2>Update</h2>")
    for table in NAMES:
        blocks = _update(e, table, entries[table])
        parts.append(_section(f"update-{table}", f"{table}, the rows of the batch", blocks))
    return "\n".join(parts)


def _section(name: str, title: str, content: str) -> str:
    return (
        f'<section class="step" id="q-{name}" data-node="{name}" tabindex="-1">'
        f"<h3>{escape(title)}</h3>{content}</section>"
    )


def _update(e: "Explanation", table: str, entries: list["Entry"]) -> str:
    lines, shown = page_lines(e), len(e.updates[table].lines)
    shape = e.updates[table].lines[-1][2].shape
    skipped = len(lines) - shown  # the decay, where it is 0
    side = TABLE[table].side
    parts = []
    for i, line in enumerate(lines):
        found = entries[i - skipped :: shown] if i >= skipped else []
        if not found:  # to be filled by the script when decay is typed in
            zero = entries[0]._replace(numbers="", value=0.0, latex=line.latex)
            found = [zero._replace(of=f"{side} {e.rows[side][p[0]]}", place=p)
                     for p in np.ndindex(shape)]  # fmt: skip
        hidden = " hidden" if i < skipped else ""
        head = f"<h4>{escape(line.name)}: {escape(line.title)}</h4>"
        block = _block(f"{table}.{i}", found, shape)
        decay = " data-decay" if i == 0 and has_decay(e) else ""
        parts.append(f'<div class="line-of-update"{decay}{hidden}>{head}{block}</div>')
    return "".join(parts)


def _block(name: str, entries: Sequence["Entry"], shape: tuple[int, ...]) -> str:
    """Return formula and values of one quantity, or of one line of an update."""
    formula = f'<div class="formula">{mathml(entries[0].latex)}</div>'
    if len(shape) < 2:
        lines = "".join(_line(i, entry) for i, entry in enumerate(entries))
        return f'<div class="block" data-name="{name}">{formula}{lines}</div>'
    k = shape[1]
    rows = "".join(_row(entries[i : i + k]) for i in range(0, len(entries), k))
    lines = _line(0, entries[0], " chosen")
    if len(entries) <= MOST_LINES:
        every = "".join(_line(i, entry) for i, entry in enumerate(entries))
        lines += f"<details><summary>Each with its numbers</summary>{every}</details>"
    return f'<div class="block" data-name="{name}">{formula}{rows}{lines}</div>'


def _row(entries: Sequence["Entry"]) -> str:
    """Return one row of numbers, one for each factor."""
    cells = "".join(f"<li>{number(entry.value)}</li>" for entry in entries)
    label = entries[0].of.partition(",")[0]
    return f'<div class="row"><span>{escape(label)}</span><ol start="0">{cells}</ol></div>'


def _line(i: int, entry: "Entry", kind: str = "") -> str:
    """Return a formula with its numbers, and its value."""
    numeric = ""
    if np.isfinite(entry.numeric):
        numeric = f' <span class="numeric">[{number(entry.numeric)}]</span>'
    return (
        f'<p class="line{kind}" data-i="{i}"><span class="of">{escape(entry.of)}</span> '
        f'<code>{escape(entry.numbers)}</code> <span class="equals">=</span> '
        f"<output>{number(entry.value)}</output>{numeric}</p>"
    )


@cache
def mathml(latex: str) -> str:
    """Return a formula as MathML, made by latex2mathml; as LaTeX where that is not installed."""
    try:
        from latex2mathml.converter import convert
    except ImportError:  # the extra `teach`
        return f"<code>{escape(latex)}</code>"
    made: str = convert(latex)
    return made.replace(' xmlns="http://www.w3.org/1998/Math/MathML"', "")  # not needed in HTML

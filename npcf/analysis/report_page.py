"""The report as HTML: no script and no address in it; light or dark, narrow or wide, printed.

Each picture has its numbers below it, to be opened: for whoever does not see it, or wants them.
"""

from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from npcf.analysis.report import Report, Section

TITLE = "What the model has learned"
MOST_ROWS = 60  # of a table below a picture


def page(report: "Report") -> str:
    """Return the whole page."""
    css = files("npcf.analysis").joinpath("report.css").read_text("utf-8")
    facts = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
                    for name, value in report.facts.items())  # fmt: skip
    body = "\n".join(map(_section, report.sections))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{TITLE}</title>\n<style>\n{css}</style>\n</head>\n<body>\n"
        f"<header><h1>{TITLE}</h1><dl>{facts}</dl></header>\n<main>\n{body}\n</main>\n"
        "</body>\n</html>\n"
    )


def _section(section: "Section") -> str:
    table = _table(section.table, section.title)
    if section.svg:
        shape = "wide" if section.wide else "small"
        label = escape(f"{section.title}, picture")
        table = (
            f'<div class="picture" tabindex="0" role="region" aria-label="{label}">{section.svg}'
            f"</div><details><summary>Numbers: {escape(section.title)}</summary>{table}</details>"
        )
    else:
        shape = "small"
    return (
        f'<section class="{shape}" id="{section.name}"><h2>{escape(section.title)}</h2>'
        f"<p>{escape(section.text)}</p>{table}</section>"
    )


def _table(frame: pd.DataFrame, label: str) -> str:
    """Return a table that scrolls by itself, and so must be reached by the keyboard too."""
    shown = frame.head(MOST_ROWS)
    kinds = ["" if dtype.kind == "O" else ' class="number"' for dtype in map(_dtype, frame.dtypes)]
    head = "".join(f'<th scope="col"{kind}>{escape(str(name))}</th>'
                   for name, kind in zip(frame, kinds, strict=True))  # fmt: skip
    rows = "".join(
        "<tr>" + "".join(f"<td{kind}>{escape(_cell(value))}</td>"
                         for value, kind in zip(row, kinds, strict=True)) + "</tr>"
        for row in shown.itertuples(index=False, name=None)
    )  # fmt: skip
    left = len(frame) - len(shown)
    more = f"<p>{left:,} more are not shown.</p>" if left else ""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(label)}, numbers">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>{more}"
    )


def _dtype(dtype: Any) -> np.dtype[Any]:
    """Return NumPy's dtype; that of pandas' text is object."""
    return dtype if isinstance(dtype, np.dtype) else np.dtype(object)


def _cell(value: Any) -> str:
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else f"{value:.5g}"
    return str(value)

"""Output in notebooks: HTML, escaped, without scripts or colours, so that every theme fits."""

import sys
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any

SIDES = {"l": "left", "r": "right"}


def table(header: Sequence[str], rows: Iterable[Sequence[Any]], *, align: str) -> str:
    """Return a table of texts; `align` has a letter for each column, l or r."""
    styles = [f"text-align: {SIDES[side]}; padding: 0 0.5em" for side in align]

    def line(tag: str, cells: Sequence[Any]) -> str:
        return "".join(
            f'<{tag} style="{style}">{escape(str(cell))}</{tag}>'
            for style, cell in zip(styles, cells, strict=True)
        )

    head = f"<thead><tr>{line('th', header)}</tr></thead>"
    body = "\n".join(f"<tr>{line('td', row)}</tr>" for row in rows)
    return f"<table>{head}<tbody>\n{body}\n</tbody></table>"


def frame(table_of: Any) -> str:
    """Return a DataFrame as a table, numbers to the right."""
    align = "".join("r" if dtype.kind in "iufb" else "l" for dtype in table_of.dtypes)
    return table([*map(str, table_of)], table_of.to_numpy(object).tolist(), align=align)


def paragraph(text: str) -> str:
    """Return `text` as a paragraph."""
    return f"<p>{escape(text)}</p>"


def preformatted(text: str) -> str:
    """Return `text` with its line ends and spaces, in a fixed-width face; long lines wrap."""
    return f'<pre style="text-align: left; white-space: pre-wrap">{escape(text)}</pre>'


def folded(title: str, content: str) -> str:
    """Return HTML `content` that opens by a click on `title`."""
    return f"<details><summary>{escape(title)}</summary>{content}</details>"


def curve(x: Any, y: Any, mark: float) -> str:
    """Return a line through the points (x, y), and an upright one at x = `mark`, in text colour."""
    width, height = 360, 160
    low, span = float(min(x)), float(max(x) - min(x)) or 1.0
    least, rise = float(min(y)), float(max(y) - min(y)) or 1.0
    points = " ".join(
        f"{width * (a - low) / span:.1f},{height * (1 - (b - least) / rise):.1f}"
        for a, b in zip(x, y, strict=True)
    )
    at = f"{width * (mark - low) / span:.1f}"
    return (
        f'<svg viewBox="-4 -4 {width + 8} {height + 8}" width="{width}" role="img" '
        f'fill="none" stroke="currentColor"><polyline points="{points}"/>'
        f'<line x1="{at}" x2="{at}" y1="0" y2="{height}" stroke-dasharray="4"/></svg>'
    )


def display() -> Callable[..., Any] | None:
    """Return IPython's `display` in the kernel of a notebook; None elsewhere.

    IPython is never imported: where a kernel runs, it has been.
    """
    shell = sys.modules.get("IPython.core.getipython")
    session = None if shell is None else shell.get_ipython()
    if getattr(session, "kernel", None) is None:  # IPython in a terminal has none
        return None
    show: Callable[..., Any] = sys.modules["IPython.core.display_functions"].display
    return show

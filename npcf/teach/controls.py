"""What the reader of the page handles: the bar of buttons, inputs, switches, and the tour."""

import math
from html import escape
from typing import TYPE_CHECKING, Any

from npcf._tables import NAMES, TABLE
from npcf.teach.script import switches

if TYPE_CHECKING:
    from npcf.teach.explanation import Explanation

MANY = 60  # inputs of a table; more are folded away
BUTTONS = (("back", "◀ Back"), ("next", "Next ▶"), ("all", "Whole step"), ("tour", "Tour"),
           ("reset", "Reset"), ("export", "JSON"))  # fmt: skip
TOUR = (
    ("p", "A lookup: the batch names a user, and row p of the table is read. Nothing is computed, "
          "but it must be remembered which row it was."),
    ("dot", "Products of factors, then their sum: one number a rating. It is no matrix product; "
            "row meets row."),
    ("x", "The biases are added. Addition will hand the gradient on unchanged, to all terms."),
    ("loss", "Forward ends in one number. Backward asks how it changes with each number above it."),
    ("d_y", "The loss is a mean of squares, so a prediction's gradient is twice its error, divided "
            "by the batch size."),
    ("d_x", "Through the sigmoid: times its height, times s (1 - s). Where s is near 0 or 1, "
            "little comes through."),
    ("d_p", "A product hands each side the other: the gradient of p is made of q."),
    ("d_user_factors", "The lookup in reverse: each rating's gradient is added to the row it came "
                       "from. A row named twice receives a sum."),
    ("update-user_factors", "The optimiser moves the row against its gradient. Now break a piece "
                            "above, and see which numbers give it away."),
)  # fmt: skip


def number(x: float) -> str:
    """Return a number as the page shows it."""
    return f"{x:.5g}" if math.isfinite(x) else str(x)


def bar() -> str:
    """Return the buttons; they are shown where scripts run."""
    buttons = "".join(
        f'<button type="button" id="{name}">{label}</button>' for name, label in BUTTONS
    )
    return (
        f'<div class="bar script" role="toolbar" aria-label="steps">{buttons}'
        '<p id="status" role="status">Arrow keys go through the step.</p></div>'
    )


def tour() -> str:
    """Return the guided tour as a list of links, which the script goes through."""
    stops = "".join(
        f'<li data-node="{name}"><a href="#q-{name}">{name.replace("update-", "")}</a>: '
        f"{escape(text)}</li>"
        for name, text in TOUR
    )
    return f'<details id="stops"><summary>A guided tour</summary><ol>{stops}</ol></details>'


def inputs(e: "Explanation") -> str:
    """Return ratings, rate, decay and the tables' rows; they can be typed over."""
    ratings = "".join(
        f"<li>{_input('rating', i, rating, f'rating {i}')} "
        f'<span class="quiet">user {user}, item {item}</span></li>'
        for i, (user, item, rating) in enumerate(
            zip(e.batch.users, e.batch.items, e.batch.rating, strict=True)
        )
    )
    tables = "".join(_table(e, table) for table in NAMES)
    return (
        '<section id="inputs" tabindex="-1"><h2>Inputs</h2>'
        '<p class="quiet script">Type another number: all that follows from it is recomputed, in '
        "double precision.</p>"
        f'<div class="row"><span>settings</span><div class="settings">{_settings(e)}</div></div>'
        f'<div class="row"><span>ratings</span><ol start="0" class="ratings">{ratings}</ol></div>'
        f"{tables}</section>"
    )


def _settings(e: "Explanation") -> str:
    """Return an input for each value of the rate and of the decay, with the tables it is for."""
    found = []
    for name in ("lr", "weight_decay"):
        tables: dict[float, list[str]] = {}
        for table in NAMES:
            tables.setdefault(e.updates[table].settings[name], []).append(table)
        if name == "weight_decay" and e.updates[NAMES[0]].decay is None:
            continue
        for value, of in tables.items():
            label = name if len(of) == len(NAMES) else f"{name} of {', '.join(of)}"
            found.append(
                f'<label>{label} <input type="number" step="any" min="0" value="{value!r}" '
                f'data-setting="{name}" data-of="{" ".join(of)}"></label>'
            )
    return "".join(found)


def _table(e: "Explanation", table: str) -> str:
    side, rows = TABLE[table].side, e.updates[table].lines[0][1]["w"]
    k = rows.shape[1] if rows.ndim == 2 else 1
    parts = []
    for n, (row, values) in enumerate(zip(e.rows[side], rows.reshape(-1, k), strict=True)):
        cells = "".join(
            f"<li>{_input(table, n * k + i, x, f'{table}, {side} {row}, {i}')}</li>"
            for i, x in enumerate(values)
        )
        start = ' start="0"' if rows.ndim == 2 else ' class="one"'
        parts.append(f'<div class="row"><span>{side} {row}</span><ol{start}>{cells}</ol></div>')
    title, content = f"<h3>{table}</h3>", "".join(parts)
    if rows.size <= MANY:
        return title + content
    return f"<details><summary>{title}</summary>{content}</details>"


def _input(table: str, i: int, value: Any, label: str) -> str:
    return (
        f'<input type="number" step="any" value="{float(value):.6g}" data-table="{table}" '
        f'data-i="{i}" aria-label="{escape(label)}">'
    )


def breaking(e: "Explanation") -> str:
    """Return the switches: each a mistake of the catalogue, with its sentence and its cure."""
    from npcf.verify.mistakes import MISTAKES

    rows = "".join(
        f'<li><label><input type="radio" name="broken" value="{name}"> <b>{name}</b></label> '
        f"{escape(MISTAKES[name].sentence)} "
        f'<span class="quiet">Cure: {escape(MISTAKES[name].cure)}</span></li>'
        for name in (broken.name for broken in switches(e))
    )
    return (
        '<section id="break"><h2>Break it</h2><p class="quiet">Mistakes that people make, from '
        "npcf.verify.mistakes. Switched on, one stands in the place of the right formula, and "
        "the numbers that it changes are marked.</p>"
        '<ul><li><label><input type="radio" name="broken" value="" checked> <b>right</b></label>'
        f"</li>{rows}</ul></section>"
    )

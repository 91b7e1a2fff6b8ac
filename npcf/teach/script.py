"""What the page's script computes with: the formulas of the step as JavaScript, and its inputs.

A formula has its numbers' places in braces (`quantities`, `updates`).  The script gets it
twice: as text, to be shown with its numbers, and as a function of them.  So what is
shown is what is computed.
"""

import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from npcf._tables import NAMES, TABLE
from npcf.teach.broken import BROKEN, Broken
from npcf.teach.updates import Line

if TYPE_CHECKING:
    from npcf.teach.explanation import Explanation

PLACE = re.compile(r"\{(\w+)(?::(\w+))?\}")
KEPT = ("m", "v", "buf", "a")  # what rules keep from step to step


def page_lines(e: "Explanation") -> list[Line]:
    """Return the lines of an update, the decay among them also where it is 0."""
    update = e.updates[NAMES[0]]
    lines = [line for line, *_ in update.lines]
    if update.decay is not None and not update.settings["weight_decay"]:
        lines.insert(0, update.decay)
    return lines


def has_decay(e: "Explanation") -> bool:
    """Whether the first line of an update is weight decay."""
    return e.updates[NAMES[0]].decay is not None


def script_of(e: "Explanation") -> str:
    """Return the page's constants: STEP, its inputs; FORMULAS, LINES and BROKEN, what is done."""
    formulas = [f"{json.dumps(q.name)}: {_pair(e.numbers_of(q))}" for q in e.quantities()]
    lines = page_lines(e)
    broken = [f"{json.dumps(b.name)}: {_changes(b, e, lines)}" for b in switches(e)]
    return (
        f"const STEP = {_json(_inputs(e))};\n"
        f"const FORMULAS = {{\n{_joined(formulas)}}};\n"
        f"const LINES = [\n{_joined([_line(line.name, line.numbers) for line in lines])}];\n"
        f"const BROKEN = {{\n{_joined(broken)}}};\n"
    )


def switches(e: "Explanation") -> list[Broken]:
    """Return the mistakes that can be made in this step."""
    return [broken for broken in BROKEN if _possible(broken, e)]


def _possible(broken: Broken, e: "Explanation") -> bool:
    update = e.updates[NAMES[0]]
    coupling = {"g": "coupled", "w": "decoupled"}[update.decay.name] if update.decay else ""
    names = {q.name for q in e.quantities()} | {line.name for line in page_lines(e)} | {"decay"}
    changed = {name.rpartition(".")[2] for name in _of_rule(broken, update.rule)}
    used = {m[1] for numbers in broken.formulas.values() for m in PLACE.finditer(numbers)}
    ranged = e.batch.y_range is not None or not used & {"s", "height"}
    return bool(changed) and changed <= names and ranged and broken.coupling in ("", coupling)


def _of_rule(broken: Broken, rule: str) -> dict[str, str]:
    """Return its formulas of quantities, and those of the lines of one update rule."""
    return {name: numbers for name, numbers in broken.formulas.items()
            if "." not in name or name.startswith(f"{rule}.")}  # fmt: skip


def _changes(broken: Broken, e: "Explanation", lines: list[Line]) -> str:
    """Return the formulas that a mistake replaces: of quantities by name, of lines by number."""
    changed = []
    for name, numbers in _of_rule(broken, e.updates[NAMES[0]].rule).items():
        line = name.rpartition(".")[2] if "." in name else ""
        if not line:
            mean = " + {mean}" if name == "x" and e.batch.mean else ""
            changed.append(f"{name}: {_pair(numbers + mean)}")
        elif line == "decay":
            changed.append(f"0: {_line(broken.target or lines[0].name, numbers)}")
        else:
            start = int(has_decay(e))
            at = next(i for i, x in enumerate(lines) if i >= start and x.name == line)
            changed.append(f"{at}: {_line(line, numbers)}")
    return f"{{{', '.join(changed)}}}"


def _joined(parts: list[str]) -> str:
    return "".join(f"  {part},\n" for part in parts)


def _pair(numbers: str) -> str:
    return f"[{json.dumps(numbers)}, v => {as_script(numbers)}]"


def _line(target: str, numbers: str) -> str:
    return f"[{json.dumps(numbers)}, v => {as_script(numbers)}, {json.dumps(target)}]"


def as_script(numbers: str) -> str:
    """Return a formula with places for numbers as an expression of JavaScript."""
    return PLACE.sub(lambda m: f"{m[2]}(v.{m[1]})" if m[2] else f"v.{m[1]}", numbers)


def _json(value: Any) -> str:
    return json.dumps(value).replace("<", "\\u003c")


def _inputs(e: "Explanation") -> dict[str, Any]:
    """Return ratings, rows and what the optimiser has kept of them; rows by their place here."""
    low, high = e.batch.y_range or (0.0, 0.0)
    ids = {"user": e.batch.users, "item": e.batch.items}
    given = {name: update.lines[0][1] for name, update in e.updates.items()}
    return {
        "rule": e.rule, "low": low, "high": high, "mean": float(e.batch.mean),
        "rows": {side: rows.tolist() for side, rows in e.rows.items()},
        "at": {side: np.searchsorted(e.rows[side], ids[side]).tolist() for side in ids},
        "rating": _doubles(e.batch.rating),
        "tables": {name: _doubles(given[name]["w"]) for name in NAMES},
        "kept": {
            name: {key: _doubles(given[name][key]) for key in KEPT if key in given[name]}
            for name in NAMES
        },
        "settings": {name: update.settings for name, update in e.updates.items()},
        "decay": has_decay(e),
        "sides": {name: TABLE[name].side for name in NAMES},
        "quantities": [[q.name, q.axes, q.parts] for q in e.quantities()],
    }  # fmt: skip


def _doubles(array: Any) -> Any:
    return np.asarray(array, float).tolist()

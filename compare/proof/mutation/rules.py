"""Changes that are not counted, each by a rule with its reason.  Nothing numeric is left out."""

import ast
from functools import cache
from pathlib import Path
from typing import NamedTuple

NO_PROGRAM = "the text is no Python program any more: there is nothing to test"
ANNOTATION = "the | of a type: annotations are mypy's to check, and most are never evaluated"
STAR = "the * before keyword-only arguments: a separator, which cosmic-ray takes for a product"
RULES = (NO_PROGRAM, ANNOTATION, STAR)


class Place(NamedTuple):
    """Where a change is made: rows from 1, columns from 0, the end excluded."""

    start: tuple[int, int]
    end: tuple[int, int]


def no_program(text: str) -> str | None:
    """Return the rule if a changed source is not Python, or None."""
    try:
        ast.parse(text)
    except SyntaxError:
        return NO_PROGRAM
    return None


def left_out(path: Path, place: Place) -> str | None:
    """Return the rule by which a change of `path` at `place` is not counted, or None."""
    line = path.read_text().splitlines()[place.start[0] - 1]
    symbol = line[place.start[1] : place.end[1]]
    if symbol == "|" and any(start <= place.start < end for start, end in _types_in(path)):
        return ANNOTATION
    if symbol == "*" and line[place.end[1] :].startswith(","):
        return STAR
    return None


@cache
def _types_in(path: Path) -> tuple[Place, ...]:
    """Return where `path` writes types: annotations, and unions given a name at module level."""
    tree = ast.parse(path.read_text())
    nodes: list[ast.expr | None] = []
    for node in ast.walk(tree):
        nodes.append(getattr(node, "annotation", None))
        nodes.append(getattr(node, "returns", None))
    nodes += [s.value for s in tree.body if isinstance(s, ast.Assign) and _is_union(s.value)]
    return tuple(
        Place((n.lineno, n.col_offset), (n.end_lineno or 0, n.end_col_offset or 0))
        for n in nodes
        if n is not None
    )


def _is_union(value: ast.expr) -> bool:
    return isinstance(value, ast.BinOp) and isinstance(value.op, ast.BitOr)

"""From a mutant to an implementation: the plain one's source with one passage replaced.

All files of `examples.plain` are executed in one fresh namespace, without their imports of one
another, so that every function that calls the patched one calls the patched one.
"""

import ast
from functools import cache
from importlib.resources import files
from types import CodeType, ModuleType
from typing import NamedTuple

PLAIN = "npcf.verify.conformance.examples.plain"
FILES = ("checks", "operations", "model", "steps", "training", "batches", "schedules")


class Mutant(NamedTuple):
    """A realistic mistake: in `file` of the plain implementation, `old` reads `new`."""

    name: str
    file: str
    old: str  # stands there exactly once
    new: str
    why: str  # what somebody got wrong


def build(mutant: Mutant) -> ModuleType:
    """Return the plain implementation with this mistake, as a module of its own."""
    text = source(mutant.file)
    found = text.count(mutant.old)
    if found != 1:
        raise ValueError(f"{mutant.name}: {mutant.old!r} stands {found} times in {mutant.file}.py")
    module = ModuleType(f"mutant_{mutant.name}")
    for file in FILES:
        patched = text.replace(mutant.old, mutant.new) if file == mutant.file else source(file)
        exec(_compiled(file, patched), module.__dict__)
    module.__dict__["LIBRARY"] = "numpy"
    return module


@cache
def source(file: str) -> str:
    """Return the text of one file of the plain implementation."""
    return (files(PLAIN) / f"{file}.py").read_text("utf-8")


@cache
def calls() -> dict[str, set[str]]:
    """Return, for each function of the plain implementation, the names that it uses."""
    found = {}
    for file in FILES:
        for node in ast.parse(source(file)).body:
            if isinstance(node, ast.FunctionDef):
                names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
                found[node.name] = names
    return found


def changed(mutant: Mutant) -> dict[str, int]:
    """Return the functions that compute something else, with their distance from the mistake."""
    line = source(mutant.file).partition(mutant.old)[0].count("\n") + 1
    last = line + mutant.old.count("\n")
    distance = {
        node.name: 0
        for node in ast.parse(source(mutant.file)).body
        if isinstance(node, ast.FunctionDef) and node.lineno <= last and line <= _end(node)
    }
    while True:
        callers = {
            name: 1 + min(distance[callee] for callee in used & distance.keys())
            for name, used in calls().items()
            if name not in distance and used & distance.keys()
        }
        if not callers:
            return distance
        distance |= callers


@cache
def _compiled(file: str, text: str) -> CodeType:
    tree = ast.parse(text)
    tree.body = [
        node
        for node in tree.body
        if not (isinstance(node, ast.ImportFrom) and str(node.module).startswith(PLAIN))
    ]
    code: CodeType = compile(tree, f"plain/{file}.py", "exec")
    return code


def _end(node: ast.FunctionDef) -> int:
    return node.end_lineno or node.lineno

"""The plain example with a passage of its text, or some of its functions, replaced.

All its files are executed in one fresh namespace, without their imports of one another, so that
every function that calls a replaced one calls what stands in its place.
"""

import ast
import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from types import CodeType, ModuleType
from typing import Any, NamedTuple

PLAIN = "npcf.verify.examples.plain"
FILES = ("checks", "operations", "layers", "model", "steps", "training", "batches", "schedules")


class Patch(NamedTuple):
    """In `file` of the plain example, `old`, which stands there once, reads `new`."""

    file: str
    old: str
    new: str

    def functions(self) -> set[str]:
        """Return the function whose text it changes, and those that call it."""
        name = re.findall(r"^def (\w+)", source(self.file).partition(self.old)[0], re.MULTILINE)[-1]
        return {name} | _callers(name)


def plain_with(patch: Patch | None, functions: Mapping[str, Callable[..., Any]]) -> ModuleType:
    """Return the plain example with a patch, and with some functions in the place of its own."""
    module = ModuleType("wrong")
    for file in FILES:
        text = source(file)
        if patch and patch.file == file:
            if text.count(patch.old) != 1:
                raise ValueError(f"{patch.old!r} stands {text.count(patch.old)} times in {file}.py")
            text = text.replace(patch.old, patch.new)
        exec(_compiled(file, text), module.__dict__)
    module.__dict__.update(functions, LIBRARY="numpy")
    return module


def _callers(name: str) -> set[str]:
    found = set()
    for file in FILES[1:]:
        for part in re.split(r"^def ", source(file), flags=re.MULTILINE)[1:]:
            found |= {part.partition("(")[0]} if f"{name}(" in part else set()
    return found


@cache
def source(file: str) -> str:
    """Return the text of one file of the plain example."""
    return (files(PLAIN) / f"{file}.py").read_text("utf-8")


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

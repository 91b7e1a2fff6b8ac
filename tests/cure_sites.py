"""Every place in npcf that raises an NpcfError of its own, found in the source."""

import ast
import functools
import sys
from pathlib import Path

import npcf
from npcf import errors

ROOT = Path(npcf.__file__).parent
CLASSES = {cls.__name__ for cls in (errors.NpcfError, *errors.NpcfError.__subclasses__())}
ELSEWHERE = ("verify/examples", "verify/mistakes")  # others' implementations


@functools.cache
def sites():
    """Return {(file, first line, last line): the cure as it is written} of every error made."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if name.startswith(ELSEWHERE):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and len(node.args) >= 3:
                called = node.func.id if isinstance(node.func, ast.Name) else ""
                if called in CLASSES:
                    cure = ast.unparse(node.args[2])
                    found[name, node.lineno, node.end_lineno or 0] = f"{called}: {cure}"
    return found


def recorded(monkeypatch):
    """Let every NpcfError that is made from now on be put down with its site; return the list."""
    made, known, init = [], sites(), errors.NpcfError.__init__

    def noting(self, *args, **kwargs):
        frame = sys._getframe(1)
        name, line = _name(Path(frame.f_code.co_filename)), frame.f_lineno
        here = [site for site in known if site[0] == name and site[1] <= line <= site[2]]
        made.append((self, here[-1] if here else None))
        init(self, *args, **kwargs)

    monkeypatch.setattr(errors.NpcfError, "__init__", noting)
    return made


def _name(path):
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else ""

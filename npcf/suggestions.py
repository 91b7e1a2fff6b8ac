"""Did you mean ...?  The known word most similar to an unknown one."""

import difflib
import importlib.util
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from npcf._renamed import by_old_name

ROOMS = ("training", "models", "data", "analysis", "optim", "ops", "interop", "verify", "errors")
MOST = 5_000  # known words compared letter by letter; more would take seconds


def nearest(word: object, known: Iterable[object], n: int = 1) -> list[str]:
    """Return up to `n` known words like `word`, the best first: without case, then by letters."""
    if not isinstance(word, str | int):
        return []
    by_lower: dict[str, str] = {}
    for name in known:
        by_lower.setdefault(str(name).lower(), str(name))
    text = str(word).lower()
    if len(text) > 1:
        inside = [lower for lower in by_lower if lower.startswith(text)]
        if len(text) > 3 and not inside:
            inside = [lower for lower in by_lower if text in lower]
        if inside:
            return [by_lower[lower] for lower in sorted(inside, key=len)[:n]]
    some = list(by_lower)
    if len(some) > MOST:
        some = [lower for lower in some if lower[:1] == text[:1]][:MOST]
    return [by_lower[lower] for lower in difflib.get_close_matches(text, some, n)]


def did_you_mean(word: object, known: Iterable[object]) -> str:
    """Return "Did you mean 'x'? ", or "" where nothing is near."""
    found = nearest(word, known)
    return f"Did you mean {found[0]!r}? " if found else ""


def suggesting(
    module: str, known: Iterable[str], renamed: Mapping[str, str] | None = None
) -> Callable[[str], Any]:
    """Return the `__getattr__` of a module whose public names are `known`.

    `renamed` maps old names to new ones, or to their new places ("npcf.room.name").
    """

    def __getattr__(name: str) -> Any:  # noqa: N807
        if renamed and name in renamed:
            return by_old_name(module, name, renamed)
        raise missing_name(module, name, known)

    return __getattr__


def missing_name(module: str, name: str, here: Iterable[str]) -> AttributeError:
    """Return the error for a name that a module does not have, with the one that was meant.

    A name of another room, then one like it here, then one like it elsewhere.
    """
    problem = f"module {module!r} has no attribute {name!r}"
    # `from npcf import files` asks for the attribute before it imports the module
    if name.startswith("_") or importlib.util.find_spec(f"{module}.{name}"):
        return AttributeError(problem)
    elsewhere = _elsewhere()
    found = elsewhere.get(name) or next(iter(nearest(name, here)), None)
    if found is None:
        found = next((elsewhere[other] for other in nearest(name, elsewhere)), None)
    return AttributeError(f"{problem}. Did you mean {found!r}?" if found else problem)


def _elsewhere() -> dict[str, str]:
    """Return the public names of all rooms, and where each is: importing them takes a second."""
    found: dict[str, str] = {}
    for room in ROOMS:
        module = importlib.import_module(f"npcf.{room}")
        for name in getattr(module, "__all__", None) or _classes(module):
            found.setdefault(name, f"npcf.{room}.{name}")
    return found


def _classes(module: Any) -> list[str]:
    return [name for name, value in vars(module).items() if isinstance(value, type)]

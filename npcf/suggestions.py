"""Did you mean …?  The known word nearest to one that is not known."""

import difflib
from collections.abc import Iterable

MOST = 50_000  # known words looked through; more would take seconds


def nearest(word: object, known: Iterable[object], n: int = 1) -> list[str]:
    """Return up to `n` known words like `word`, the best first: without case, then by letters."""
    by_lower: dict[str, str] = {}
    for i, name in enumerate(known):
        if i == MOST:
            break
        by_lower.setdefault(str(name).lower(), str(name))
    text = str(word).lower()
    if len(text) > 1:
        inside = [lower for lower in by_lower if lower.startswith(text)]
        if len(text) > 3 and not inside:
            inside = [lower for lower in by_lower if text in lower]
        if inside:
            return [by_lower[lower] for lower in sorted(inside, key=len)[:n]]
    return [by_lower[lower] for lower in difflib.get_close_matches(text, by_lower, n)]


def did_you_mean(word: object, known: Iterable[object]) -> str:
    """Return "Did you mean 'x'? ", or "" where nothing is near."""
    found = nearest(word, known)
    return f"Did you mean {found[0]!r}? " if found else ""


def missing_name(module: str, name: str, known: Iterable[str]) -> AttributeError:
    """Return the error for a name that a module does not have."""
    hint = "" if name.startswith("_") else did_you_mean(name, known)
    return AttributeError(f"module {module!r} has no attribute {name!r}. {hint}".rstrip(". "))

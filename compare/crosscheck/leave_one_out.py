"""The catalogue without the entry that would explain: the stage is right, and no name is false."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from compare.crosscheck.program import Program
from compare.crosscheck.scoring import Outcome, run
from npcf.verify import mistakes


@contextmanager
def without(names: frozenset[str]) -> Iterator[None]:
    """Take entries out of the catalogue for a while."""
    catalogue: dict[str, Any] = mistakes.MISTAKES  # type: ignore[assignment]
    kept = dict(catalogue)
    for name in names:
        catalogue.pop(name, None)
    try:
        yield
    finally:
        catalogue.clear()
        catalogue.update(kept)


def left_out(program: Program, size: str = "middle") -> Outcome:
    """Return the outcome where every right answer has been taken out of the catalogue."""
    size = size if size in program.sizes else program.sizes[0]
    setting = next(s for s in program.settings() if s.size == size)
    with without(program.right):
        return run(program, setting)

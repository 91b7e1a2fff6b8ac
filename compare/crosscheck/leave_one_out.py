"""The catalogue without the entry that would explain: the stage is right, and no name is false."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from compare.crosscheck.program import Program, Setting
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
        found = run(program, setting)
        if not found.confident:
            return found
        other = run(program, elsewhere(setting))
    again = other.confident and (other.first, other.parameters) == (found.first, found.parameters)
    return replace(found, again=again)


def elsewhere(setting: Setting) -> Setting:
    """Return other sizes and numbers, and what else is said of the program as it is.

    Whatever describes it there too, with the same parameters, is the same function in other words.
    """
    n_users, n_items, k, batch = (setting.n_users + 3, setting.n_items + 7, setting.n_factors + 2,
                                  setting.batch + 5)  # fmt: skip
    return replace(setting, n_users=n_users, n_items=n_items, n_factors=k, batch=batch,
                   seed=setting.seed + 12)  # fmt: skip

"""Mappings whose tables are up to date whenever they are read.

The Learner cannot see to that alone: signal handlers and other threads read a model's tables at any
moment, and must find those of a whole step.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from npcf._types import FloatArray, Params
from npcf.errors import UsageError
from npcf.fused.loops import Loops


class LiveTables(Params):
    """A dict of arrays that applies skipped updates (`flush`) before anything is read from it.

    An array taken earlier is the same memory: it is up to date again after the next read through
    here, or after `Fused.flush`.  A thread that reads while another one takes steps gets copies of
    the tables instead (`copies`, which returns None elsewhere), all of one step in each read.
    """

    def __init__(
        self,
        tables: Params,
        flush: Callable[[], None],
        copies: Callable[[Params], Params | None],
    ):
        if isinstance(tables, LiveTables):
            tables.flush()
        super().__init__(dict.items(tables))
        self.flush: Callable[[], None] = flush
        self.copies = copies

    def copy(self) -> Params:
        """Return a plain dict of the same arrays, up to date; or of copies."""
        held = dict(dict.items(self))
        copied = self.copies(held)
        if copied is None:
            self.flush()
        return held if copied is None else copied

    def __getitem__(self, name: str) -> FloatArray:
        return self.copy()[name]

    def __iter__(self) -> Iterator[str]:
        """Go through the names; that this is defined makes dict(self) read by `__getitem__`."""
        return super().__iter__()

    def get(self, name: str, default: Any = None) -> Any:
        """Return one table, or `default`."""
        return self.copy().get(name, default)

    def items(self) -> Any:
        """Return names and tables."""
        return self.copy().items()

    def values(self) -> Any:
        """Return the tables."""
        return self.copy().values()

    def pop(self, name: str, *default: Any) -> Any:
        """Take one table out, and return it."""
        self.flush()
        return super().pop(name, *default)

    def __or__(self, other: Any) -> Any:
        return self.copy() | other

    def __ror__(self, other: Any) -> Any:
        return other | self.copy()

    def __repr__(self) -> str:
        return repr(self.copy())

    def __reduce__(self) -> Any:
        """Make copies and pickles plain dicts."""
        return dict, (list(self.items()),)


def attach(
    holders: Iterable[tuple[Any, str]], loops: Loops, wrapped: list[tuple[Params, LiveTables]]
) -> None:
    """Put live mappings in the place of each holder's dict; what was one mapping stays one.

    `wrapped` has the mappings that were replaced before.
    """
    live = {id(tables): made for tables, made in wrapped}
    for holder, name in holders:
        tables = getattr(holder, name, None)
        if not isinstance(tables, dict):
            raise UsageError(name, "is not a dict of arrays", "Attach models of npcf.models.")
        if getattr(tables, "flush", None) != loops.flush:
            if id(tables) not in live:
                live[id(tables)] = LiveTables(tables, loops.flush, loops.copies)
                wrapped.append((tables, live[id(tables)]))
            setattr(holder, name, live[id(tables)])

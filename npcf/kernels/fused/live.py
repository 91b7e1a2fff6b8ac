"""Mappings that bring what they hold up to date before they give it out."""

from collections.abc import Callable, Iterator
from typing import Any

from npcf._types import FloatArray, Params


class LiveTables(Params):
    """A dict of arrays that calls `refresh` before anything is read from it.

    While a row's update is deferred its numbers in memory are those of an older step.  Whoever asks
    for a table through this mapping gets it whole.  An array taken earlier is the same memory: it
    is whole again after the next read through here, or after `Fused.flush`.

    `copies(tables)` may return other arrays to be given out, or None: a thread that reads while
    another one takes steps is given copies of the tables, all of the same step in each read.
    """

    refresh: Callable[[], None]
    copies: Callable[[Params], Params | None] | None

    def __init__(
        self,
        tables: Params,
        refresh: Callable[[], None],
        copies: Callable[[Params], Params | None] | None = None,
    ):
        if isinstance(tables, LiveTables):
            tables.refresh()
        super().__init__(dict.items(tables))
        self.refresh, self.copies = refresh, copies

    def _whole(self) -> Params:
        """Return what may be read."""
        held = dict(dict.items(self))
        copied = self.copies(held) if self.copies else None
        if copied is None:
            self.refresh()
        return held if copied is None else copied

    def __getitem__(self, name: str) -> FloatArray:
        return self._whole()[name]

    def __iter__(self) -> Iterator[str]:
        """Go through the names; that this is defined makes dict(self) read by `__getitem__`."""
        return super().__iter__()

    def get(self, name: str, default: Any = None) -> Any:
        """Return one table, or `default`."""
        return self._whole().get(name, default)

    def items(self) -> Any:
        """Return names and tables."""
        return self._whole().items()

    def values(self) -> Any:
        """Return the tables."""
        return self._whole().values()

    def pop(self, name: str, *default: Any) -> Any:
        """Take one table out, and return it."""
        self.refresh()
        return super().pop(name, *default)

    def copy(self) -> Params:
        """Return a plain dict of the same arrays."""
        return self._whole()

    def __or__(self, other: Any) -> Any:
        return self.copy() | other

    def __ror__(self, other: Any) -> Any:
        return other | self.copy()

    def __repr__(self) -> str:
        return repr(self._whole())

    def __reduce__(self) -> Any:
        """Make copies and pickles plain dicts."""
        return dict, (list(self.items()),)

"""Mappings that bring what they hold up to date before they give it out."""

from collections.abc import Callable, Iterator
from typing import Any

from npcf._types import FloatArray, Params


class LiveTables(Params):
    """A dict of arrays that calls `refresh` before anything is read from it.

    While a row's update is deferred its numbers in memory are those of an older step.  Whoever asks
    for a table through this mapping gets it whole.  An array taken earlier is the same memory: it
    is whole again after the next read through here, or after `Fused.flush`.
    """

    def __init__(self, tables: Params, refresh: Callable[[], None]):
        super().__init__(tables)
        self.refresh = refresh

    def __getitem__(self, name: str) -> FloatArray:
        self.refresh()
        return super().__getitem__(name)

    def __iter__(self) -> Iterator[str]:
        """Go through the names; that this is defined makes dict(self) read by `__getitem__`."""
        return super().__iter__()

    def get(self, name: str, default: Any = None) -> Any:
        """Return one table, or `default`."""
        self.refresh()
        return super().get(name, default)

    def items(self) -> Any:
        """Return names and tables."""
        self.refresh()
        return super().items()

    def values(self) -> Any:
        """Return the tables."""
        self.refresh()
        return super().values()

    def copy(self) -> Params:
        """Return a plain dict of the same arrays."""
        return dict(self.items())

    def __or__(self, other: Any) -> Any:
        return self.copy() | other

    def __reduce__(self) -> Any:
        """Make copies and pickles plain dicts."""
        return dict, (list(self.items()),)

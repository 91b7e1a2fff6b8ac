"""How many numbers were held against exact arithmetic, and how much of the bounds was used."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Count:
    """Comparisons made, and the largest share of a bound among them."""

    comparisons: int = 0
    used: float = 0.0


class Tally:
    """A stack of counts: a comparison enters all that are open."""

    def __init__(self) -> None:
        self._open: list[Count] = []

    @contextmanager
    def counting(self, count: Count | None = None) -> Iterator[Count]:
        """Count what happens inside, from zero or in addition to `count`."""
        count = Count() if count is None else count
        self._open.append(count)
        try:
            yield count
        finally:
            self._open.remove(count)

    def add(self, comparisons: int, used: float) -> None:
        """Enter comparisons of which the worst used the share `used` of its bound."""
        for count in self._open:
            count.comparisons += comparisons
            count.used = max(count.used, used)


TALLY = Tally()

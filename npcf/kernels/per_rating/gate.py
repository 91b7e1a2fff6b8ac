"""Tables read between two stretches of training, never inside one.

Training threads hold a lock each while a compiled loop changes rows, for about a hundredth of a
second; who reads holds all of them.  A thread may read what it trains itself: then no loop of its
own is running.
"""

import time
from collections.abc import Callable
from threading import RLock, get_ident
from typing import Any, TypeVar

NAP, NAPS = 1e-3, 100  # seconds; how often a training thread gives way to readers before it goes on

Read = TypeVar("Read")


class Gate:
    """`with gate.changing(b):` while a loop changes rows of block b; `gate.reading(work)`.

    An exception may arrive anywhere: locks are taken by `with` statements alone, which cannot leave
    one behind.  Nor does anything hang on `readers`, who are only given the way.
    """

    def __init__(self, n: int):
        self.n, self.locks, self.readers = n, [RLock() for _ in range(n)], set[int]()

    def __reduce__(self) -> Any:  # locks cannot be copied, and a copy of the tables has its own
        return Gate, (self.n,)

    def changing(self, b: int) -> Any:
        """Return the lock to hold, after those who want to read have had their chance."""
        for _ in range(NAPS):
            if not self.readers or self.readers == {get_ident()}:
                break
            time.sleep(NAP)
        return self.locks[b % self.n]

    def reading(self, work: Callable[[], Read]) -> Read:
        """Return `work()`, done between two stretches of all threads."""
        me = get_ident()
        inside = me in self.readers
        try:
            self.readers.add(me)
            return self._holding(work, 0)
        finally:
            if not inside:
                self.readers.discard(me)

    def _holding(self, work: Callable[[], Read], first: int) -> Read:
        if first == self.n:
            return work()
        with self.locks[first]:
            return self._holding(work, first + 1)

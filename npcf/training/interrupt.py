"""Ctrl-C between two steps, never inside one: what is left is the model of a whole step."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Interrupt:
    """Whether somebody has pressed Ctrl-C since training began."""

    def __init__(self) -> None:
        self.asked = False

    def _note(self, number: int, frame: Any) -> None:
        if self.asked:  # the second time is meant
            raise KeyboardInterrupt
        self.asked = True


@contextmanager
def deferred_interrupt() -> Iterator[Interrupt]:
    """Collect the first SIGINT instead of raising it; the loop asks `.asked` after each step.

    Signals reach the main thread only, so elsewhere this changes nothing.
    """
    interrupt = Interrupt()
    previous = signal.getsignal(signal.SIGINT)
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or previous is None:  # None: somebody's own, not set from Python
        yield interrupt
        return
    try:
        signal.signal(signal.SIGINT, interrupt._note)
        yield interrupt
    finally:
        _put_back(previous)


def _put_back(handler: Any) -> None:
    """Set the handler of SIGINT, also if another signal's handler raises just now."""
    try:
        signal.signal(signal.SIGINT, handler)
    except BaseException:
        signal.signal(signal.SIGINT, handler)
        raise

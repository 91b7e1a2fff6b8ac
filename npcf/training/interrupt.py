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
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    previous = signal.signal(signal.SIGINT, interrupt._note)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, previous)

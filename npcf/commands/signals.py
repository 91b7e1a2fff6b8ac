"""Handle SIGTERM and SIGHUP as Ctrl-C: keep the model of the last whole step, clean up, exit."""

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

AT_ONCE = 1.0  # seconds
INTERRUPTED = 128 + signal.SIGINT  # the exit code of Ctrl-C, as shells have it


@contextmanager
def as_interrupts() -> Iterator[Callable[[], int]]:
    """Treat the signals that end a process as Ctrl-C; give a function that tells the exit code.

    A signal that is ignored (nohup) or has a handler already is left as it is.  Those within a
    second of the first are one with it: a process gets SIGTERM from its group and from a wrapper.
    """
    caught, times = [int(signal.SIGINT)], [-math.inf]

    def interrupt(number: int, frame: Any) -> None:
        if time.monotonic() < times[-1] + AT_ONCE:
            return
        times.append(time.monotonic())
        caught.append(number)
        handler = signal.getsignal(signal.SIGINT)  # training defers it to the end of a step
        if not callable(handler):
            raise KeyboardInterrupt
        handler(number, frame)

    numbers = [getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP")]
    ours = [n for n in numbers if n is not None and signal.getsignal(n) == signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():
        ours = []
    for number in ours:
        signal.signal(number, interrupt)
    try:
        yield lambda: 128 + caught[-1]
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)

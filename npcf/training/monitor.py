"""Progress bar, elapsed time and Ctrl-C handling of a fit; one fit of a learner at a time."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from npcf.errors import UsageError

FITTING: dict[int, tuple[int]] = {}  # id of a learner: the thread that fits it


def with_progress(things: Iterable[Any], total: int, label: str, show: bool | None) -> Any:
    """Return `things`, wrapped in a tqdm bar on standard error if wanted and possible.

    `show=None` means: only on a terminal.  Without tqdm (extra `progress`) there is no bar.
    """
    bar = _bar(things, total, label, show)
    return things if bar is None else bar


@contextmanager
def progress_bar(total: int, label: str, show: bool | None) -> Iterator[Callable[[int], Any]]:
    """Give a function to call with the number of steps done so far; shown as by `with_progress`."""
    bar = _bar(None, total, label, show)
    if bar is None:
        yield lambda done: None
        return
    with bar:
        yield lambda done: bar.update(done - bar.n)


def _bar(things: Iterable[Any] | None, total: int, label: str, show: bool | None) -> Any:
    if show is None:
        show = sys.stderr.isatty()
    if not show:
        return None
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm(things, total=total, desc=label, leave=False, file=sys.stderr)


class Elapsed(NamedTuple):
    """Wall time, and the part of it in which Numba compiled."""

    seconds: float
    compile_seconds: float


class Stopwatch:
    """Runs from the moment it is made."""

    def __init__(self) -> None:
        self.start, self.compiled = time.perf_counter(), _compile_seconds()

    def read(self) -> Elapsed:
        """Return the time since the start."""
        seconds = time.perf_counter() - self.start
        return Elapsed(seconds, min(_compile_seconds() - self.compiled, seconds))


def duration(seconds: float) -> str:
    """Return a time as one reads it: 0.8 ms, 130 ms, 1.25 s, 75.0 s, 1250 s."""
    if seconds < 0.00995:
        return f"{1000 * seconds:.1f} ms"
    if seconds < 0.9995:
        return f"{1000 * seconds:.0f} ms"
    digits = 2 if seconds < 9.995 else 1 if seconds < 999.95 else 0
    return f"{seconds:.{digits}f} s"


def epoch_time(seconds: float, compile_seconds: float) -> str:
    """Return an epoch's own time in seven columns, and what compiling added to it, if it did."""
    own = f"{duration(seconds - compile_seconds):>7}"
    return f"{own}  + {duration(compile_seconds)} compiling" if compile_seconds else own


def _compile_seconds() -> float:
    """Return the seconds in which Numba has compiled so far in this process.

    The reference does not load the compiled room, and nothing compiles before it is loaded.
    """
    kernels = sys.modules.get("npcf.kernels")
    return kernels.compile_seconds() if kernels is not None else 0.0


class Interrupt:
    """Whether Ctrl-C was pressed since training began."""

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


@contextmanager
def alone(learner: object) -> Iterator[None]:
    """Raise UsageError while another thread fits this learner; callbacks may fit it again."""
    me = (threading.get_ident(),)
    holder = FITTING.setdefault(id(learner), me)
    if holder != me:
        cure = "Wait for it, or give each thread a Learner of its own."
        raise UsageError("fit", "is running in another thread", cure)
    try:
        yield
    finally:
        if holder is me:
            del FITTING[id(learner)]

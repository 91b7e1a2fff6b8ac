"""How long an epoch took, and how much of that went into compiling."""

import sys
import time
from typing import NamedTuple


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

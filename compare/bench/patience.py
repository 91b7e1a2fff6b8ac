"""Work that may wait for ever, in a process of its own: given up after a while, and tried again.

LIBMF needs it.  At the end of a fit its scheduler allows one more epoch and then says that it is
over.  Where an epoch takes but milliseconds, its threads may have gone through that epoch in
between; then nobody wakes them, and `mf_train` never returns.  With millions of ratings an epoch is
too long for that.
"""

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from compare.bench.measuring import Absent

TRIES = 3


def patiently(work: Callable[..., Any], *given: Any, seconds: float = 20) -> Any:
    """Return `work(*given)`, a function of a module; Absent where it fails or never ends."""
    context = multiprocessing.get_context("spawn")
    for _ in range(TRIES):
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_answer, args=(theirs, work, given), daemon=True)
        process.start()
        theirs.close()
        try:
            if ours.poll(seconds):
                return _result(ours)
        finally:
            process.kill()
            process.join()
    raise Absent(f"{work.__name__} did not end in {seconds:g} s, {TRIES} times")


def _result(ours: Connection) -> Any:
    try:
        ok, found = ours.recv()
    except EOFError as error:
        raise Absent("its process died") from error
    if not ok:
        raise Absent(found)
    return found


def _answer(theirs: Connection, work: Callable[..., Any], given: tuple[Any, ...]) -> None:
    try:
        theirs.send((True, work(*given)))
    except Exception as reason:
        theirs.send((False, f"{type(reason).__name__}: {reason}"))

r"""Standard streams in any state: closed, full, left by their reader, or of another encoding.

Characters that the encoding of a stream lacks are escaped, such as \xe9.  A stream that was closed
when the process began is opened on a file that refuses everything: no file of ours gets its
number, and using it fails as a full disk does, with a line and an exit code.  Output to a failed
standard error is dropped.
"""

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from npcf.errors import DataError, WriteError


class Stream:
    """Standard output or standard error; nothing is written after the first failure.

    The failure is raised at once; or, if `patient`, by `finish`, when the work is done.
    """

    def __init__(self, stream: Any, patient: bool = False):
        self.stream, self.patient = stream, patient
        self.failure: OSError | None = None

    def __getattr__(self, name: str) -> Any:  # encoding, isatty, fileno, ...
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Write `text`, or drop it."""
        self._attempt(self.stream.write, text)
        return len(text)

    def flush(self) -> None:
        """Flush what is written, or drop it."""
        self._attempt(self.stream.flush)

    def finish(self) -> None:
        """Flush, and raise the failure that was kept."""
        self.flush()
        if self.patient and self.failure is not None:
            raise self.failure

    def _attempt(self, call: Callable[..., Any], *args: Any) -> None:
        if self.failure is not None:
            return
        try:
            call(*args)
        except OSError as error:
            self.failure = _named(error)
            _lead_nowhere(self.stream)  # or Python tries again at its end
            if not self.patient:
                raise self.failure from None


class ClosedInput(io.RawIOBase):
    """Standard input that was closed when the process began."""

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Refuse."""
        raise DataError("standard input", "is closed", "Send something to it, or name a file.")


@contextmanager
def prepared() -> Iterator[Stream]:
    """Make the standard streams ready for work in any state; give standard output."""
    before = sys.stdin, sys.stdout, sys.stderr
    if sys.stdin is None:
        os.open(os.devnull, os.O_RDONLY)  # keeps the number from being given to another file
        sys.stdin = io.TextIOWrapper(io.BufferedReader(ClosedInput()), encoding="utf-8")
    out = _refusing() if sys.stdout is None else sys.stdout
    err = _refusing() if sys.stderr is None else sys.stderr
    for stream in (out, err):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    output, told = Stream(out), Stream(err, patient=True)
    sys.stdout, sys.stderr = output, told
    try:
        yield output
    finally:
        with suppress(OSError):
            told.flush()
        sys.stdin, sys.stdout, sys.stderr = before


def outlive_reader() -> None:
    """From now on go on working when standard output fails; the exit code will say so."""
    if isinstance(sys.stdout, Stream):
        sys.stdout.patient = True


def write_utf8() -> None:
    """Give standard output the encoding of files, so that a csv comes out as it went in."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")


def _refusing() -> Any:
    """Return a stream on which every write fails."""
    return open(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8", closefd=False)


def _named(error: OSError) -> OSError:
    if isinstance(error, BrokenPipeError):
        return error
    problem = f"cannot be written to ({error.strerror or error})"
    return WriteError("standard output", problem, "Send it elsewhere.")


def _lead_nowhere(stream: Any) -> None:
    with suppress(OSError, ValueError, AttributeError):  # a stream that is no file
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)

"""Abuses counted, and each written down before it is tried: a crash leaves word of what did it."""

import os
from collections import Counter
from typing import Any, NamedTuple

import numpy as np

from npcf.errors import NpcfError

COUNTS: Counter[tuple[str, str]] = Counter()
LOG = None
if "ABUSE_LOG" in os.environ:
    LOG = os.open(os.environ["ABUSE_LOG"], os.O_RDWR | os.O_CREAT)
GO_ON = "ABUSE_GO_ON" in os.environ


class WrongEndError(AssertionError):
    """An abuse that ended neither in a typed error nor in the reference's numbers."""


class Outcome(NamedTuple):
    """What a call came to: a value, or an exception."""

    value: Any
    error: BaseException | None

    @property
    def refused(self):
        return isinstance(self.error, NpcfError)


def start():
    """Begin another run of a machine: the log is of one run."""
    if LOG is not None:
        os.ftruncate(LOG, 0)
        os.lseek(LOG, 0, os.SEEK_SET)


def note(text):
    if LOG is not None:
        os.write(LOG, f"{text}\n".encode())


def outcome(work):
    """Return what `work()` comes to."""
    try:
        with np.errstate(all="ignore"):
            return Outcome(work(), None)
    except Exception as error:
        return Outcome(None, error)


def attempt(entry, what, work, reference=None, same=None):
    """Try an abuse; return its outcome, or raise WrongEndError.

    It has to end in an NpcfError; or as `reference()` does, which ends in no exception, and with
    numbers for which `same(got, want)` does not raise.
    """
    note(f"{entry}: {what}")
    got = outcome(work)
    try:
        if not got.refused:
            _judge(got, reference, same)
        COUNTS[entry, "refused" if got.refused else "right"] += 1
    except Exception as error:
        COUNTS[entry, "wrong"] += 1
        note(f"  WRONG: {error}")
        if not GO_ON:
            raise WrongEndError(f"{entry}, {what}: {error}") from error
    return got


def _judge(got, reference, same):
    if got.error is not None:
        raise WrongEndError(f"{type(got.error).__name__}: {got.error}") from got.error
    if reference is None:
        return
    want = outcome(reference)
    if want.error is not None:
        problem = f"{type(want.error).__name__}: {want.error}"
        raise WrongEndError(f"done, and the reference says {problem}") from want.error
    if same is not None:
        same(got.value, want.value)


def same_bits(got, want):
    """Raise WrongEndError unless two arrays, or mappings or tuples of them, have the same bits."""
    if isinstance(want, dict):
        pairs = [(got[name], want[name]) for name in want]
    elif isinstance(want, tuple | list):
        pairs = list(zip(got, want, strict=True))
    else:
        a, b = np.asarray(got), np.asarray(want)
        if a.dtype != b.dtype or a.shape != b.shape or a.tobytes() != b.tobytes():
            equal = a.shape == b.shape and ((a == b) | ((a != a) & (b != b))).all()
            if not equal or a.dtype != b.dtype:  # NaN has many bits
                off = np.abs(a - b).max() if a.shape == b.shape and a.dtype.kind == "f" else ""
                raise WrongEndError(f"{a.dtype}{a.shape} differs from {b.dtype}{b.shape} by {off}")
        return
    for pair in pairs:
        same_bits(*pair)

"""Contestants that take turns: what one round measures, and what is left out by name.

A contestant prepares itself once (data, compilation, a first run) and then gives the seconds of
its own measured part each time it is called, so that what is not asked about is not timed.
"""

import os
import sys
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any, NamedTuple

ROUNDS = 5
OURS = "npcf"  # how the names of our contestants begin


class Absent(Exception):  # noqa: N818 : not an error; a peer is not here, and the run goes on
    """A peer that cannot run here, and why."""


class Contestant(NamedTuple):
    """`prepare()` returns the function that runs once and returns what it took."""

    name: str
    prepare: Callable[[], Callable[[], float]]


class Times(NamedTuple):
    """What one contestant took, round by round."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return median(self.values)

    @property
    def spread(self) -> tuple[float, float]:
        """The least and the most."""
        return min(self.values), max(self.values)

    def over(self, other: "Times") -> "Times":
        """Return the ratios self / other, round by round."""
        return Times(tuple(a / b for a, b in zip(self.values, other.values, strict=True)))

    def scaled(self, factor: float) -> "Times":
        """Return them in another unit."""
        return Times(tuple(factor * value for value in self.values))


class Measured(NamedTuple):
    """Times by contestant, in their order, and why others did not run."""

    times: dict[str, Times]
    absent: dict[str, str]

    def fastest(self, names: Sequence[str]) -> str | None:
        """Return which of the named contestants has the least median, or None if none ran."""
        there = [name for name in names if name in self.times]
        return min(there, key=lambda name: self.times[name].median, default=None)


def alternate(contestants: Sequence[Contestant], rounds: int = ROUNDS) -> Measured:
    """Prepare everybody; then let them run in turn, `rounds` times, in alternating order.

    A peer that is not installed, or fails, is left out by name; where npcf fails, so does the run.
    """
    runs: dict[str, Callable[[], float]] = {}
    absent: dict[str, str] = {}
    for name, prepare in contestants:
        _tell(f"prepare: {name}")
        _try(name, absent, lambda name=name, prepare=prepare: runs.update({name: prepare()}))  # type: ignore[misc]
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds):
        names = [name for name in runs if name not in absent]
        for name in names if number % 2 == 0 else names[::-1]:
            _try(name, absent, lambda name=name: taken[name].append(runs[name]()))  # type: ignore[misc]
            _tell(f"round {number + 1}: {name} {absent.get(name) or f'{taken[name][-1]:.3g} s'}")
    there = {name: Times(tuple(t)) for name, t in taken.items() if name not in absent}
    return Measured(there, absent)


def _tell(what: str) -> None:
    """Say on the error stream how far a run is, if somebody watches."""
    if sys.stderr.isatty() or os.environ.get("NPCF_BENCH_TELL"):
        print(f"  {time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def _try(name: str, absent: dict[str, str], work: Callable[[], Any]) -> None:
    """Do `work`; if it is a peer's and fails, note why."""
    try:
        work()
    except Exception as reason:
        if name.startswith(OURS):
            raise
        kind = "" if isinstance(reason, Absent) else f"{type(reason).__name__}: "
        absent[name] = f"{kind}{reason}".splitlines()[0]


def seconds(work: Callable[[], Any]) -> float:
    """Return how long `work()` takes by the clock."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start

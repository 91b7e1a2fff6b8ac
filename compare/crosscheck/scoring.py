"""Run a program through npcf.crosscheck and hold the report against what is a right answer."""

import time
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import npcf
from compare.crosscheck.program import Program, Setting
from compare.crosscheck.state import changes, snapshot
from npcf.crosscheck.verdict import SUSPICIOUS


@dataclass(frozen=True)
class Outcome:
    """What was expected of one check, and what came.

    `first` are the names of the best diagnosis, `others` those said to be equivalent to it.
    """

    program: str
    setting: str
    right: tuple[tuple[str, ...], ...]  # one set of names for each mistake
    stages: tuple[str, ...]
    ok: bool = True
    stage: str | None = None
    first: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    confident: bool = False
    ruled: tuple[str, ...] = ()  # further confident names
    changed: tuple[str, ...] = ()
    error: str = ""
    seconds: float = 0.0
    reduced: int = 0  # ratings of the reduced example
    parameters: str = ""  # of the best diagnosis
    again: bool = False  # the same name and parameters come in other sizes, on other numbers
    suspicious: tuple[str, ...] = ()  # stages of which something is said and nothing judged

    @property
    def flagged(self) -> bool:
        """Called wrong, and the first failing stage is the right one; or said to be suspicious."""
        if self.ok:
            return bool({f"suspicious {stage}" for stage in self.suspicious} & {*self.stages})
        return self.stage in self.stages

    @property
    def named(self) -> bool:
        """The best diagnosis names every mistake that was made, and no other."""
        return len(self.first) == len(self.right) and matched(self.first, self.right)

    @property
    def in_class(self) -> bool:
        """Named, or a mistake that is told to be equivalent is the right one."""
        if self.named:
            return True
        said = {*self.first, *self.others, *(n for o in self.others for n in o.split(" + "))}
        return bool(self.first) and all(said.intersection(names) for names in self.right)

    @property
    def false_name(self) -> bool:
        """A confident name that is not what was done."""
        wanted = {name for names in self.right for name in names}
        wrong_first = self.confident and not self.in_class and not wanted >= set(self.first)
        return wrong_first or any(not wanted & set(name.split(" + ")) for name in self.ruled)

    def __str__(self) -> str:
        wanted = " + ".join("|".join(sorted(names)) or "(no name)" for names in self.right)
        got = self.error or f"{self.stage}: {' + '.join(self.first) or 'unexplained'}"
        sure = " (confident)" if self.confident else ""
        same = f" = {', '.join(self.others)}" if self.others else ""
        where = "/".join(self.stages)
        return f"{self.program} [{self.setting}]: wanted {where}: {wanted}; got {got}{sure}{same}"


def matched(first: tuple[str, ...], right: tuple[tuple[str, ...], ...]) -> bool:
    """Whether each name belongs to a mistake of its own."""
    if not first:
        return not right
    return any(
        first[0] in names and matched(first[1:], right[:k] + right[k + 1 :])
        for k, names in enumerate(right)
    )


def checked(case: dict[str, Any]) -> tuple[Any, list[str], float, str]:
    """Return the report, what the check has changed, its seconds, and what it raised."""
    before = snapshot(case)
    began = time.perf_counter()
    report, error = None, ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, about the programs
        try:
            report = npcf.crosscheck(**case)
        except Exception as raised:  # a crash is a result of the trial
            error = f"{type(raised).__name__}: {raised}".splitlines()[0][:300]
    taken = time.perf_counter() - began
    return report, changes(before, snapshot(case)), taken, error


def run(program: Program, setting: Setting, case: dict[str, Any] | None = None) -> Outcome:
    """Return the outcome of one program in one setting."""
    case = program.make(setting) if case is None else case
    return outcome(program.name, describe(setting), (program.right,), program.stages, case)


def outcome(
    name: str, setting: str, right: Iterable[Iterable[str]], stages: Iterable[str], case: Any
) -> Outcome:
    """Return the outcome of one check."""
    wanted = tuple(tuple(sorted(names)) for names in right)
    report, changed, seconds, error = checked(case)
    common = {"changed": tuple(changed), "error": error, "seconds": seconds}
    outcome = Outcome(name, setting, wanted, tuple(sorted(stages)), **common)
    if report is None:
        return outcome
    best = report.diagnosis[0] if report.diagnosis else None
    # A fact, such as "in-no-group", is what was seen beside, and no guess at a cause.
    further = tuple(
        found.name for found in report.diagnosis[1:] if found.confident and "-" not in found.name
    )
    return Outcome(
        name, setting, wanted, tuple(sorted(stages)), bool(report.ok), report.failed_stage,
        tuple(best.names) if best else (), tuple(best.equivalent) if best else (),
        bool(best and best.confident), further, **common,
        reduced=len(report.reduced.rating) if report.reduced else 0,
        parameters=repr(best.parameters) if best else "",
        suspicious=tuple(s.name for s in report.stages if s.verdict == SUSPICIOUS),
    )  # fmt: skip


def describe(setting: Setting) -> str:
    """Return the setting in a few words."""
    return f"{setting.size}, {str(setting.dtype).removeprefix('torch.')}"

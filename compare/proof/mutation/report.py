"""What became of the changes: killed, survived, explained; as Markdown and as JSON."""

import json
from collections import Counter
from typing import Any, NamedTuple

from cosmic_ray.work_item import TestOutcome, WorkerOutcome

from compare.proof.mutation.session import Session
from compare.proof.mutation.stages import ROOMS
from compare.proof.mutation.survivors import explained, pairs


class Survivor(NamedTuple):
    """A change that no test noticed."""

    module: str
    operator: str
    diff: str
    reason: str | None  # from survivors.md


class Room(NamedTuple):
    """The figures of one room."""

    name: str
    killed: int
    survivors: list[Survivor]
    left_out: Counter[str]  # rule -> changes
    pending: int
    by: Counter[str]  # who killed -> changes
    seconds: float

    @property
    def explained(self) -> int:
        """How many of the survivors have their reason in survivors.md."""
        return sum(survivor.reason is not None for survivor in self.survivors)

    @property
    def share(self) -> float:
        """Killed, of all that were tested."""
        return self.killed / max(1, self.killed + len(self.survivors))


def rooms(session: Session) -> list[Room]:
    """Return the figures of each room."""
    reasons = {one.key: one.reason for one in explained()}
    return [_room(session, name, reasons) for name in ROOMS]


def _room(session: Session, name: str, reasons: dict[tuple[str, str, str], str]) -> Room:
    work = session.work(name)
    survivors, left_out, by, seconds = [], Counter[str](), Counter[str](), 0.0
    for item, result in work.completed_work_items:
        (mutation,) = item.mutations
        output = json.loads(result.output)
        if result.worker_outcome == WorkerOutcome.SKIPPED:
            left_out[output] += 1
            continue
        seconds += output["seconds"]
        if result.test_outcome == TestOutcome.KILLED:
            by[output["by"]] += 1
        else:
            module, diff = str(mutation.module_path), _changed_lines(result.diff)
            reason = reasons.get((module, *pairs(diff)[0]))
            survivors.append(Survivor(module, mutation.operator_name, diff, reason))
    pending = work.num_work_items - work.num_results
    work.close()
    return Room(name, by.total(), sorted(survivors), left_out, pending, by, seconds)


def _changed_lines(diff: str) -> str:
    """Return a diff's lines with - and +, without its headers."""
    lines = (line for line in diff.splitlines() if line[:3] not in ("---", "+++"))
    return "\n".join(line for line in lines if line[:1] in ("-", "+"))


def markdown(found: list[Room], every: bool = False) -> str:
    """Return a table of the rooms and the survivors without a reason (`every`: all of them)."""
    lines = ["| room | changes | killed | survived | of them explained | not run yet |"]
    lines.append("|---|---|---|---|---|---|")
    lines += [_row(room) for room in (*found, _sum(found))]
    left_out = _sum(found).left_out.most_common()
    lines += ["", *(f"Left out: {n} changes, {rule}." for rule, n in left_out)]
    for survivor in _sum(found).survivors:
        if every or survivor.reason is None:
            title = f"## `{survivor.module}` {survivor.operator.removeprefix('core/')}"
            lines += ["", title, "", "```diff", survivor.diff, "```", *_reason(survivor)]
    return "\n".join(lines)


def _row(room: Room) -> str:
    tested = room.killed + len(room.survivors)
    return (
        f"| {room.name} | {tested} | {room.killed} ({room.share:.1%}) | "
        f"{len(room.survivors)} | {room.explained} | {room.pending} |"
    )


def _sum(found: list[Room]) -> Room:
    """Return all rooms as one."""
    return Room(
        "all",
        sum(room.killed for room in found),
        [survivor for room in found for survivor in room.survivors],
        sum((room.left_out for room in found), Counter[str]()),
        sum(room.pending for room in found),
        sum((room.by for room in found), Counter[str]()),
        sum(room.seconds for room in found),
    )


def _reason(survivor: Survivor) -> list[str]:
    return ["", survivor.reason] if survivor.reason else []


def as_json(found: list[Room]) -> dict[str, Any]:
    """Return the same as plain data."""
    return {
        room.name: {
            "killed": room.killed,
            "survived": len(room.survivors),
            "explained": room.explained,
            "pending": room.pending,
            "left_out": dict(room.left_out),
            "survivors": [survivor._asdict() for survivor in room.survivors],
            "seconds": round(room.seconds, 1),
        }
        for room in found
    }

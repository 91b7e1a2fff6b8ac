"""The forked processes side by side, and what became of each change."""

import json
import os
import select
import signal
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from cosmic_ray.mutating import _make_diff as diff_lines
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkItem, WorkResult

from compare.proof.mutation.child import Change, forked
from compare.proof.mutation.rules import no_program
from compare.proof.mutation.session import ROOT, Session, killers_before, not_counted, same_change
from compare.proof.mutation.stages import ROOMS, Stage, stages

BASELINE_SECONDS = 600.0  # for a stage without a change, which is measured and not judged
PLANTED_SECONDS = 120.0  # for a stage with a change of one's own
SLOWER, START = 5.0, 10.0  # a change may take 5 times as long as none, and 10 s
WAITING = 20.0  # seconds on the clock for one of the processor, on a busy machine


class StageError(RuntimeError):
    """A stage that did not run: neither killed nor survived."""


class Running(NamedTuple):
    """A forked process."""

    pid: int
    read: int  # the pipe its answer comes from
    log: Path
    ends: float  # when it will have taken too long
    asked: Any  # what the caller wants back with the answer


class Pool:
    """At most `size` processes; `start` needs a free place, `answers` waits for one or more."""

    def __init__(self, folder: Path, size: int):
        self.folder, self.size = folder, size
        self.running: dict[int, Running] = {}

    def start(self, seconds: float, asked: Any, *arguments: Any) -> None:
        """Fork a process that runs the stage described by `arguments` of `child.run_stage`.

        It may take `seconds` of the processor, so that a busy machine kills nothing.
        """
        read, write = os.pipe()
        log = self.folder / f"output-{read}.txt"
        pid = os.fork()
        if not pid:
            os.close(read)
            forked(log, write, seconds, *arguments)
        os.close(write)
        ends = time.monotonic() + WAITING * seconds
        self.running[read] = Running(pid, read, log, ends, asked)

    def answers(self) -> Iterator[tuple[Any, dict[str, Any]]]:
        """Yield (asked, answer) of each process that has ended or taken too long."""
        if not self.running:
            return
        now = time.monotonic()
        wait = max(0.0, min(one.ends for one in self.running.values()) - now)
        ready, _, _ = select.select(list(self.running), [], [], wait)
        late = [one.read for one in self.running.values() if one.ends <= time.monotonic()]
        for read in {*ready, *late}:
            one = self.running.pop(read)
            yield one.asked, _end(one, read in ready)

    def stop(self) -> None:
        """End what is still running."""
        for one in self.running.values():
            _end(one, answered=False)
        self.running.clear()


def _end(one: Running, answered: bool) -> dict[str, Any]:
    """Return the answer of a process, which is gone afterwards."""
    text = b""
    while answered and (part := os.read(one.read, 1 << 20)):
        text += part
    os.close(one.read)
    if not answered:
        os.killpg(one.pid, signal.SIGKILL)
    _, status, usage = os.wait4(one.pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if not answered or code == -signal.SIGXCPU:
        return {"by": "the time limit"}
    if text:
        answer: dict[str, Any] = json.loads(text)
        return answer | {"seconds": usage.ru_utime + usage.ru_stime}
    if code < 0:
        return {"by": f"signal {signal.Signals(-code).name}"}
    raise StageError(one.log.read_text()[-4000:])


class Baseline:
    """The seconds of the processor that each stage takes without a change, where it must pass."""

    def __init__(self, session: Session):
        self.tree, self.pool = session.tree, Pool(session.folder, 1)
        self.file = session.folder / "baseline.json"
        self.known = json.loads(self.file.read_text()) if self.file.exists() else {}

    def limit(self, stage: Stage) -> float:
        """Return the seconds after which a change counts as killed by the time limit."""
        if _key(stage) not in self.known:
            self.known[_key(stage)] = self._measure(stage)
            self.file.write_text(json.dumps(self.known, indent=1))
        return SLOWER * float(self.known[_key(stage)]) + START

    def _measure(self, stage: Stage) -> Any:
        self.pool.start(BASELINE_SECONDS, None, self.tree, None, stage, [])
        ((_, answer),) = self.pool.answers()
        if answer["by"]:
            raise StageError(f"Without any change, {stage.name} fails: {answer['by']}")
        return answer["seconds"]


def plant(module: str, old: str, new: str, n_stages: int | None) -> str | None:
    """Return who notices that `old` became `new` in a file of the present tree, or None."""
    path = ROOT / module
    source = path.read_text()
    assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in {module}"
    change = _change(ROOT, Path(module), source.replace(old, new))
    with tempfile.TemporaryDirectory() as folder:
        pool = Pool(Path(folder), 1)
        for stage in stages(ROOT, module)[:n_stages]:
            pool.start(PLANTED_SECONDS, None, ROOT, change, stage, [])
            ((_, answer),) = pool.answers()
            if answer["by"]:
                return f"{answer['by']} ({stage.name})"
    return None


def _change(tree: Path, module: Path, text: str) -> Change:
    return Change(".".join(module.with_suffix("").parts), tree / module, text)


def _key(stage: Stage) -> str:
    return f"{stage.examples} {' '.join((*stage.tests, *stage.laws))}"


class Trial(NamedTuple):
    """A change on its way through the stages."""

    room: str
    item: WorkItem
    change: Change
    stages: list[Stage]  # still to come; the first one is running
    seconds: float = 0.0  # of the processor, so far


class Run:
    """All pending changes of some rooms, with `workers` processes."""

    def __init__(self, session: Session, rooms: list[str], workers: int):
        self.session, self.pool = session, Pool(session.folder, workers)
        self.baseline = Baseline(session)
        self.work = {room: session.work(room) for room in rooms}
        self.before = {room: killers_before(room) for room in ROOMS}
        self.often: dict[str, Counter[str]] = defaultdict(Counter)  # who killed in this function

    def __call__(self, sample: int | None = None) -> Iterator[tuple[WorkItem, WorkResult]]:
        """Yield each change with what became of it, as it is written into the work list.

        What is not killed by the nearest tests waits until all others have been through them.
        """
        pending = [(room, item) for room in self.work for item in self._pending(room)[:sample]]
        waiting: list[Trial] = []
        try:
            while pending or waiting or self.pool.running:
                while (pending or waiting) and len(self.pool.running) < self.pool.size:
                    trial = self._trial(*pending.pop()) if pending else waiting.pop(0)
                    if trial:
                        self._start(trial)
                for trial, answer in self.pool.answers():
                    trial = trial._replace(seconds=trial.seconds + answer.get("seconds", 0.0))
                    if answer["by"] is None and len(trial.stages) > 1:
                        waiting.append(trial._replace(stages=trial.stages[1:]))
                    else:
                        yield trial.item, self._finish(trial, answer["by"])
        finally:
            self.pool.stop()

    def _pending(self, room: str) -> list[WorkItem]:
        return list(self.work[room].pending_work_items)  # cosmic-ray gives them in random order

    def _trial(self, room: str, item: WorkItem) -> Trial | None:
        """Return the change before its first stage; None if it is no program, which is noted."""
        (mutation,) = item.mutations
        text = self.session.text(mutation)
        if rule := no_program(text):
            self.work[room].set_result(item.job_id, not_counted(rule))
            return None
        change = _change(self.session.tree, mutation.module_path, text)
        return Trial(room, item, change, stages(self.session.tree, str(mutation.module_path)))

    def _start(self, trial: Trial) -> None:
        stage = trial.stages[0]
        often = self.often[_where(trial.item)].most_common()
        first = [self.before[trial.room].get(same_change(trial.item), ""), *dict(often)]
        arguments = (self.session.tree, trial.change, stage, first)
        self.pool.start(self.baseline.limit(stage), trial, *arguments)

    def _finish(self, trial: Trial, by: str | None) -> WorkResult:
        (mutation,) = trial.item.mutations
        if by:
            self.often[_where(trial.item)][by] += 1
        source = (self.session.tree / mutation.module_path).read_text()
        seconds = round(trial.seconds, 2)
        result = WorkResult(
            WorkerOutcome.NORMAL,
            json.dumps({"by": by, "stage": trial.stages[0].name, "seconds": seconds}),
            TestOutcome.KILLED if by else TestOutcome.SURVIVED,
            "\n".join(diff_lines(source, trial.change.text, mutation.module_path)),
        )
        self.work[trial.room].set_result(trial.item.job_id, result)
        return result


def _where(item: WorkItem) -> str:
    (mutation,) = item.mutations
    return f"{mutation.module_path} {mutation.definition_name}"

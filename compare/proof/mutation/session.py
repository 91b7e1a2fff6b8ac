"""What a run keeps in `.mutation/`: a copy of the tree, and for each room a list of changes.

The folder is named by a hash of all that decides the outcome: the sources, the tests, and these
programs.  A second run goes on where the first stopped; after a change to any of them it begins
anew, in a copy of its own, and only asks first the test that killed the same change before.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cosmic_ray.plugins
from cosmic_ray.commands.init import init
from cosmic_ray.modules import find_modules
from cosmic_ray.mutating import mutate_code
from cosmic_ray.work_db import WorkDB
from cosmic_ray.work_item import MutationSpec, WorkerOutcome, WorkItem, WorkResult

from compare.proof.mutation.rules import Place, left_out
from compare.proof.mutation.stages import ROOMS

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
KEPT = ROOT / ".mutation"
DECIDE = ("rules.py", "stages.py", "session.py", "child.py", "pool.py")  # who counts as killed


class Session(NamedTuple):
    """One state of the sources, copied to `tree`, and its folder."""

    folder: Path

    @property
    def tree(self) -> Path:
        """The copy that is tested: edits made during the run do not reach it."""
        return self.folder / "tree"

    def work(self, room: str) -> WorkDB:
        """Return cosmic-ray's work list of a room."""
        return WorkDB(str(self.folder / f"{room}.sqlite"), WorkDB.Mode.create)

    def text(self, mutation: MutationSpec) -> str:
        """Return the source with the change in it."""
        operator = cosmic_ray.plugins.get_operator(mutation.operator_name)()
        source = (self.tree / mutation.module_path).read_text()
        text: str = mutate_code(source, operator, mutation.occurrence)
        return text


def files() -> Iterator[Path]:
    """Yield every file that decides the outcome."""
    for folder in ("npcf", "tests"):
        yield from sorted(p for p in (ROOT / folder).rglob("*") if p.suffix in (".py", ".c"))
    yield from sorted((ROOT / "compare").glob("*.py"))
    yield from sorted((ROOT / "notebooks").glob("*.md"))  # a test reads one of them
    yield from (HERE / name for name in DECIDE)
    yield ROOT / "pyproject.toml"


def fingerprint() -> str:
    """Return a name for the present state of all that decides the outcome."""
    digest = hashlib.sha256()
    for path in files():
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def open_session() -> Session:
    """Return the session of the present sources, listing their changes if it is new."""
    session = Session(KEPT / fingerprint())
    if not (session.folder / "listed").exists():
        shutil.rmtree(session.folder, ignore_errors=True)
        for path in files():
            copy = session.tree / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        for room in ROOMS:
            _list_changes(session, room)
        (session.folder / "listed").touch()
    return session


def latest() -> Session:
    """Return the session that was used last."""
    listed = sorted(KEPT.glob("*/listed"), key=lambda path: path.stat().st_mtime)
    if not listed:
        raise SystemExit("No run yet: make mutate")
    return Session(listed[-1].parent)


def _list_changes(session: Session, room: str) -> None:
    """Write the room's changes into its work list, those left out with the rule."""
    work, folder = session.work(room), session.tree / "npcf" / room
    init((path.relative_to(session.tree) for path in find_modules([folder])), work, {})
    for item in work.pending_work_items:
        (mutation,) = item.mutations
        place = Place(mutation.start_pos, mutation.end_pos)
        if rule := left_out(session.tree / mutation.module_path, place):
            work.set_result(item.job_id, not_counted(rule))
    work.close()


def not_counted(rule: str) -> WorkResult:
    """Return the result of a change that a rule leaves out."""
    return WorkResult(WorkerOutcome.SKIPPED, json.dumps(rule))


def same_change(item: WorkItem) -> tuple[str, str, int]:
    """Return what names a change in every session: file, kind, and which of its kind."""
    (mutation,) = item.mutations
    return str(mutation.module_path), mutation.operator_name, mutation.occurrence


def killers_before(room: str) -> dict[tuple[str, str, int], str]:
    """Return, from all sessions, the test that killed each change last: it is asked first."""
    killers: dict[tuple[str, str, int], str] = {}
    for listed in sorted(KEPT.glob("*/listed"), key=lambda path: path.stat().st_mtime):
        work = Session(listed.parent).work(room)
        for item, result in work.completed_work_items:
            by = json.loads(result.output or "null")
            if isinstance(by, dict) and by["by"]:
                killers[same_change(item)] = by["by"]
        work.close()
    return killers

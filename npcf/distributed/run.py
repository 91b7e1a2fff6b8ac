"""A fit on a cluster: attempts until it is done, its history, and the folder that it is kept in.

    ratings/               blocks of ratings (`blocks`), unless they lie elsewhere
    cut-00000012/          the last cuts (`cuts`)
    history.safetensors    the epochs so far

When workers are lost, new actors are made of those that are there, and begin from the last cut of
which every file is there.  They compute the same numbers again, so nobody can tell from the result.
"""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from npcf._tables import TABLES
from npcf.distributed.blocks import BlockFiles, SpreadTables
from npcf.distributed.crew import Crew, Endings, Lost, new_run, some_workers
from npcf.distributed.cuts import read_cut, remove_cuts, whole_cuts, write_cut
from npcf.distributed.job import Facts, Job, packed
from npcf.distributed.order import owners
from npcf.errors import DataError, UsageError
from npcf.kernels.blocked_sgd import Rule
from npcf.kernels.blocked_sgd.tables import numbers_of
from npcf.training import safetensors_io
from npcf.training.entries import entry, require_keys
from npcf.training.monitor import Interrupt, Stopwatch
from npcf.training.per_rating_fit import Fit, PerRatingEpoch
from npcf.training.per_rating_settings import Settings

FORMAT, VERSION = "npcf history", 1
HISTORY = "history.safetensors"
TRIES = 5  # attempts from one cut


class Options(NamedTuple):
    """How a fit is spread."""

    client: Any
    n_workers: int | None  # None: all that there are
    threads: int | None  # of a worker; None: as many as Dask gave it
    save_every: int
    folder: Path


class Run:
    """One call of `fit`; `fit.trainer` are the client's tables."""

    def __init__(
        self, fit: Fit, files: BlockFiles, settings: Settings, rules: list[Rule], options: Options
    ):
        self.fit, self.files, self.options, self.rules = fit, files, options, rules
        self.tables: SpreadTables = fit.trainer  # type: ignore[assignment]
        self.name = _name(settings, fit.n_epochs, files.digest)
        self.crew: Crew | None = None
        self.workers, self.tries, self.tried = 0, 0, -1
        self.watch, self.train_rmse = Stopwatch(), float("nan")  # the latter of the last epoch

    def begin(self, resume: bool) -> None:
        """Write the first cut, or go on where the folder's fit has ended."""
        folder, parts = self.options.folder, self.files.layout.blocks.parts
        if resume and (folder / HISTORY).exists():
            rows = _read_history(folder, self.name)
            begin = max(n for n in [0, *whole_cuts(folder, parts)] if n <= len(rows))
            self.fit.rows[:] = rows[:begin]
            self.restore()
            return
        with suppress(FileNotFoundError):
            (folder / HISTORY).unlink()
        remove_cuts(folder)
        self.tables.set_decays(self.fit.rule)
        layout = self.files.layout
        for n in range(parts):
            users, items = (self.tables.part(layout, side, n) for side in (0, 1))
            write_cut(folder, self.name, 0, (n, n), users, items)
        self.save()

    def train(
        self, last: int, interrupt: Interrupt, reached: Callable[[int], Any], keep: bool
    ) -> bool:
        """Train up to epoch `last`, and gather the tables; return whether it was not interrupted.

        With `keep`, a row is added to the history whenever an epoch is over; `reached` is told how
        many ratings are done.
        """
        n = int(self.files.layout.starts[-1])

        def on_news(done: int, endings: Endings) -> None:
            reached(n * self._crew.job.begin + done)
            self._note(endings, keep)

        while True:
            try:
                whole = self._crew.train(last, on_news, lambda: interrupt.asked)
                self._crew.gather(self.tables)
                return whole
            except Lost as error:
                self.close()
                self._count(error)
                if interrupt.asked:
                    self.restore()
                    return False

    def restore(self) -> None:
        """Take the tables of the last cut."""
        begin, layout = self._last_cut(), self.files.layout
        for side in (0, 1):
            for n in range(layout.blocks.parts):
                saved = read_cut(self.options.folder, self.name, layout, begin, side, n)
                part = self.tables.part(layout, side, n)
                part.factors[:], part.scalars[:] = saved

    def add(self, train_rmse: float, valid_rmse: float) -> None:
        """Add an epoch to the history."""
        epoch, seconds = len(self.fit.rows), self.watch.read()
        row = PerRatingEpoch(epoch, train_rmse, valid_rmse, self.fit.rule.lr, *seconds)
        self.fit.rows.append(row)
        self.watch = Stopwatch()

    def save(self) -> None:
        """Save the history, and drop cuts that are not needed any more."""
        text = {"format": FORMAT, "version": VERSION, "fit": self.name, "rows": self.fit.rows}
        safetensors_io.write(self.options.folder / HISTORY, text, {}, "folder")
        remove_cuts(self.options.folder, self._last_cut())

    def facts(self) -> list[Facts]:
        """Return what each worker has done since the last attempt began."""
        with suppress(Lost):
            if self.crew is not None:
                return self.crew.facts()
        return []

    def close(self) -> None:
        """Give the actors up."""
        if self.crew is not None:
            self.crew.close()
            self.crew = None

    @property
    def _crew(self) -> Crew:
        """The actors, made anew where there are none."""
        while self.crew is None:
            workers = some_workers(self.options.client, self.options.n_workers, self.workers)
            try:
                self.crew = Crew(self.options.client, self._job(workers), list(workers))
                self.workers = len(workers)
            except Lost as error:
                self._count(error)
        return self.crew

    def _count(self, error: Lost) -> None:
        """Raise if workers were lost TRIES times at the same cut: it would happen again."""
        begin = self._last_cut()
        self.tries = self.tries + 1 if begin == self.tried else 1
        self.tried = begin
        if self.tries == TRIES:
            problem = f"has lost workers {TRIES} times in epoch {begin}: {error}"
            raise UsageError("client", problem, "Look at the workers' logs and their memory.")

    def _job(self, workers: dict[str, int]) -> Job:
        layout, options = self.files.layout, self.options
        owner = owners(layout.blocks.parts, len(workers))
        threads = tuple(options.threads or n for n in workers.values())
        rules, kind = packed([numbers_of(rule) for rule in self.rules])
        return Job(
            new_run(), self.name, str(options.folder), str(self.files.folder), layout, owner,
            self._last_cut(), rules, kind, threads, options.save_every,
        )  # fmt: skip

    def _last_cut(self) -> int:
        """Return the last epoch from whose beginning training can go on, its history known."""
        cuts = whole_cuts(self.options.folder, self.files.layout.blocks.parts)
        return max(number for number in cuts if number <= len(self.fit.rows))

    def _note(self, endings: Endings, keep: bool) -> None:
        """Look at epochs that are over on all workers; raise DivergenceError."""
        parts, fit, known = self.files.layout.blocks.parts, self.fit, len(self.fit.rows)
        while len(here := endings.get(len(fit.rows), ())) == parts:
            errors = {each.b: each.errors for each in here}
            total = sum(errors[b][place] for place in range(parts) for b in range(parts))
            fit.rule = self.rules[len(fit.rows)]
            wrong = min((each.wrong for each in here if each.wrong), default=None)
            found = None
            if wrong is not None:
                table = TABLES[wrong[0]]
                row = int(self.files.groups[table.side].row_at[wrong[1]])
                found = table.name, row, wrong[2]
            self.train_rmse = fit.running_rmse(total, found, int(self.files.layout.starts[-1]))
            if not keep:
                return
            self.add(self.train_rmse, float("nan"))
        if len(fit.rows) > known:
            self.save()


def _name(settings: Settings, n_epochs: int, digest: str) -> str:
    """Return what tells a fit from all others: its settings, its ratings, its length."""
    text = json.dumps([asdict(settings), n_epochs, digest])
    return hashlib.sha256(text.encode()).hexdigest()


def _read_history(folder: Path, name: str) -> list[PerRatingEpoch]:
    """Return the epochs that are over; raise DataError if they are of another fit."""
    text, _ = safetensors_io.read(folder / HISTORY)
    with entry(folder / HISTORY, "history"):
        require_keys(text, ("format", "version", "fit", "rows"))
        if (text["format"], text["version"]) != (FORMAT, VERSION):
            raise ValueError(f"is {text['format']!r} of version {text['version']!r}")
        rows = [PerRatingEpoch(int(row[0]), *map(float, row[1:])) for row in text["rows"]]
        if [row.epoch for row in rows] != [*range(len(rows))]:
            raise ValueError("epochs do not follow each other")
    if text["fit"] != name:
        problem = f"{folder} holds a fit of other settings, ratings or epochs"
        raise DataError("folder", problem, "Name another, or begin anew there: resume=False.")
    return rows

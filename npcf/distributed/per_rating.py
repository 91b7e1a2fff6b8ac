"""Per-rating SGD on a Dask cluster: settings, fit and model are those of one machine."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd

from npcf.data.validate import require_ratings
from npcf.distributed.blocks import (
    INDEX,
    BlockFiles,
    SpreadTables,
    open_blocks,
    require_cut_for,
    write_blocks,
)
from npcf.distributed.cluster import require_client
from npcf.distributed.crew import Lost
from npcf.distributed.job import Facts
from npcf.distributed.run import Options, Run
from npcf.errors import (
    NpcfError,
    SettingError,
    optional_flag,
    require_count,
    require_flag,
    require_path,
)
from npcf.training import PerRatingEpoch
from npcf.training import PerRatingSGD as OneMachine
from npcf.training.monitor import deferred_interrupt, progress_bar


class PerRatingSGD(OneMachine):
    """`npcf.training.PerRatingSGD` on a cluster: the same settings, and the same bits.

    After `fit`: `model`, `history`, `interrupted`, `predict` and `evaluate`, as on one machine, and
    `facts`, what each worker has done.  The numbers depend on ratings, settings and seed alone, not
    on how many workers there were, their threads, or what became of them meanwhile.

    Source: Gemulla et al. 2011 (strata); Yun et al. 2014 (items travel from worker to worker).
    """

    facts: Sequence[Facts] = ()

    def fit(
        self,
        ratings: Any,
        n_epochs: int = 20,
        *,
        valid: Any = None,
        threads: int | None = None,
        progress: bool | None = None,
        on_epoch: Callable[[PerRatingEpoch], None] | None = None,
        outside: str = "raise",
        client: Any = None,
        n_workers: int | None = None,
        folder: Any = None,
        resume: bool = False,
        save_every: int = 1,
    ) -> pd.DataFrame:
        """Train anew for `n_epochs` epochs on the workers of a Dask cluster; return the history.

        Parameters
        ----------
        ratings : npcf.data.Ratings, RatingArrays, or the path of a csv file or of a folder of
            blocks.
        client : distributed.Client of the cluster.
        threads : of each worker; None takes as many as Dask gave it.
        n_workers : how many workers to use; None takes all.
        folder : where blocks of ratings and cuts are kept, which client and workers share.  None
            makes one for this fit, in the client's folder for temporary files.
        resume : go on from the last cut in `folder`, if there is one of this same fit.
        save_every : epochs between two cuts.  What a lost worker costs is the time since the last.
        valid, on_epoch : as on one machine.  With either, workers wait for each other at the end of
            each epoch; without, nobody does.

        A worker that is lost restarts, or the others take its share: training goes on from the last
        cut.  Ctrl-C ends the fit between two blocks: `interrupted` is set, and the model holds
        what was learned.

        Raises
        ------
        UsageError
            If `client` is none, or its scheduler is lost; the last cut is in `folder`.
        DataError
            If workers do not see `folder`, or what lies in it is damaged or of another fit.
        DivergenceError, IdRangeError, SettingError
            As on one machine.
        """
        client, n_epochs = require_client(client), require_count("n_epochs", n_epochs)
        for name, count in (("threads", threads), ("n_workers", n_workers)):
            if count is not None:
                require_count(name, count)
        save_every, resume = require_count("save_every", save_every), require_flag("resume", resume)
        progress = optional_flag("progress", progress)
        with kept_in(folder) as place:
            files = self._files(ratings, place, outside)
            self._check_others(files, valid, on_epoch)
            options = Options(client, n_workers, threads, save_every, place)
            fit = self._fresh(SpreadTables(files), n_epochs)
            rules = [self._rule_at(fit, epoch) for epoch in range(n_epochs)]
            fit.trainer.check(rules[0])
            run = Run(fit, files, self.settings, rules, options)
            run.begin(resume)
            self._fit = fit
            try:
                self._epochs(run, valid, on_epoch, progress)
                self.facts = run.facts()
            except BaseException:
                with suppress(Lost, NpcfError):  # the model is that of the last cut
                    run.restore()
                raise
            finally:
                run.close()
        return self.history

    def _epochs(self, run: Run, valid: Any, on_epoch: Any, progress: bool | None) -> None:
        """Train until the end or an interruption, an epoch at a time where somebody looks on."""
        fit, looked_at = run.fit, valid is not None or on_epoch is not None
        total = int(run.files.layout.starts[-1]) * fit.n_epochs
        with (
            deferred_interrupt() as interrupt,
            progress_bar(total, f"{fit.n_epochs} epochs", progress) as reached,
        ):
            while len(fit.rows) < fit.n_epochs:
                last = len(fit.rows) + 1 if looked_at else fit.n_epochs
                if not run.train(last, interrupt, reached, not looked_at):
                    return
                if looked_at:
                    error = float("nan") if valid is None else fit.validated(valid, 1)
                    run.add(run.train_rmse, error)
                    run.save()
                if on_epoch is not None:
                    on_epoch(fit.rows[-1])
                if interrupt.asked:
                    return

    def _files(self, ratings: Any, place: Path, outside: str) -> BlockFiles:
        """Return the blocks of the ratings, written into `place` unless they are blocks already."""
        s = self.settings
        if isinstance(ratings, str | Path):
            path = Path(require_path("ratings", ratings))
            if (path / INDEX).exists():
                files = open_blocks(path.resolve())
                require_cut_for(files, s.n_factors, s.seed)
                return files
            from npcf.data import read_csv

            ratings = read_csv(path)
        require_ratings("ratings", ratings, arrays=True)
        folder = place / "ratings"
        folder.mkdir(exist_ok=True)
        given = self._given(self._in_range(ratings, outside))
        return write_blocks(folder, given, s.n_factors, s.seed)


@contextmanager
def kept_in(folder: Any) -> Iterator[Path]:
    """Give the folder of a fit: the caller's, made if it is not there, or one for this time."""
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="npcf-", ignore_cleanup_errors=True) as made:
            yield Path(made).resolve()
        return
    name = require_path("folder", folder)
    try:
        path = Path(name).resolve()
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        problem = f"{name[:100]!r} cannot be made ({error})"
        raise SettingError("folder", problem, "Name another.", value=folder) from None
    yield path

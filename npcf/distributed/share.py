"""What one worker holds of a fit: users' tables and ratings; and a block of them, trained.

Nothing here knows of messages or threads.  Two threads may train blocks of different users.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from npcf._tables import TABLES
from npcf.distributed.blocks import mapped_group
from npcf.distributed.cuts import read_cut, write_cut
from npcf.distributed.job import Ending, Job
from npcf.distributed.order import Turn
from npcf.kernels.blocked_sgd.given import give_back
from npcf.kernels.blocked_sgd.sgd_loop import BIAS, Side, sweep
from npcf.kernels.blocked_sgd.tables import first_not_finite_of
from npcf.kernels.blocked_sgd.tiles import segments_of
from npcf.kernels.blocked_sgd.trainer import slices_of


class Share:
    """The groups of users of worker `me`, as of the beginning of epoch `job.begin`."""

    def __init__(self, job: Job, me: int):
        self.job, mine = job, [b for b, worker in enumerate(job.owner) if worker == me]
        self.users = {b: cut_of(job, 0, b) for b in mine}
        self.ratings = {b: mapped_group(Path(job.blocks), job.layout, b) for b in mine}
        self.errors: dict[int, list[float]] = {b: [] for b in mine}

    def train(self, b: int, turn: Turn, c: int, items: Side) -> int:
        """Train block (b, c), in the slices of one machine; return its number of ratings."""
        layout, mapped = self.job.layout, self.ratings[b]
        starts = layout.starts - layout.ratings(b).start
        segments = segments_of(starts, layout.blocks, layout.seed, turn.epoch, b, c)
        columns = tuple(np.asarray(column) for column in mapped)
        done, rule = np.zeros(2), self.job.rule(turn.epoch)
        for here in slices_of(segments, layout.lanes):
            with np.errstate(all="ignore"):  # for the loop as plain Python
                sweep(done, columns, here, self.users[b], items, rule, layout.lanes)
        for column in mapped:  # what is mapped counts as memory of the worker, which Dask watches
            give_back(column)
        self.errors[b].append(float(done[0]))
        return int(done[1])

    def end_epoch(self, b: int, epoch: int, c: int, items: Side) -> Ending:
        """Save users `b` and items `c` where it is due; say how the epoch went for them."""
        job, number = self.job, epoch + 1
        if number % job.save_every == 0 or number == len(job.rules):
            write_cut(Path(job.folder), job.fit, number, (b, c), self.users[b], items)
        errors, self.errors[b] = tuple(self.errors[b]), []
        return Ending(epoch, b, errors, min(self._not_finite(b, c, items), default=None))

    def _not_finite(self, b: int, c: int, items: Side) -> Iterator[tuple[int, int, float]]:
        """Go through (table, place in it, number) of the first in each that is not finite."""
        for n, table in enumerate(TABLES):
            side = int(table.side == "item")
            group, tables = ((b, self.users[b]), (c, items))[side]
            array = tables.scalars[:, BIAS : BIAS + 1] if table.is_bias else tables.factors
            found = first_not_finite_of(array)
            if found is not None:
                yield n, self.job.layout.rows(side, group).start + found[0], found[1]


def cut_of(job: Job, side: int, n: int) -> Side:
    """Return a group's tables where the job begins."""
    return read_cut(Path(job.folder), job.fit, job.layout, job.begin, side, n)

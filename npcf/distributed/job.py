"""What a client and its workers tell each other about a fit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from npcf.distributed.blocks import Layout
from npcf.kernels.blocked_sgd.sgd_loop import Numbers


@dataclass(frozen=True)
class Job:
    """What all workers of a fit are told; a class, because Dask searches tuples for tasks."""

    run: str  # names this attempt's messages
    fit: str  # names the fit in its cuts
    folder: str  # of the cuts
    blocks: str  # folder of the ratings
    layout: Layout
    owner: tuple[int, ...]  # the worker of each group of users
    begin: int  # the epoch whose cut is where training begins
    rules: NDArray[np.float32]  # (epochs, 5): `Numbers` of each, without
    kind: int  # which is the same for all
    threads: tuple[int, ...]  # of each worker
    save_every: int  # epochs

    def rule(self, epoch: int) -> Numbers:
        """Return the rule of an epoch, as compiled loops take it."""
        lr, bias_lr, mean, low, height = self.rules[epoch]
        return Numbers(lr, bias_lr, mean, low, height, self.kind)


class Ending(NamedTuple):
    """A group of users at the end of an epoch."""

    epoch: int
    b: int
    errors: tuple[float, ...]  # sums of squared errors, in the order of the strata
    wrong: tuple[int, int, float] | None  # table, place in it, number: the first not finite


class News(NamedTuple):
    """What a client is told while its workers train."""

    done: int  # ratings
    endings: list[Ending]  # since it last asked
    resting: bool  # nothing is trained or on its way any more
    failed: str | None
    error: Exception | None


class Facts(NamedTuple):
    """What a worker has done."""

    moved: int  # bytes of tables, sent to other workers
    waited: float  # seconds of its threads


def packed(numbers: Sequence[Numbers]) -> tuple[NDArray[np.float32], int]:
    """Return rules of epochs as one array, and their kind."""
    return np.array([each[:-1] for each in numbers], np.float32), numbers[0].kind

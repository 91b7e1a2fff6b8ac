"""An epoch over all tiles, on as many threads as are given, to the same bits.

A thread takes whole blocks of a stratum (`blocks`).  A block's order comes from a generator of its
own, so it does not matter who takes it, or when.  Compiled loops let go of the interpreter's lock,
so plain Python threads are enough; they return well within a tenth of a second, and stop when told.

At any moment at which Python can do anything else (another thread, a signal handler, an exception
from it) the tables are those after a whole number of ratings, and `Trainer.done` is that number:
the compiled loop itself writes it down.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from npcf._types import FloatArray
from npcf.errors import SettingError, UsageError, require_count, require_type
from npcf.kernels.blocked_sgd.given import Given
from npcf.kernels.blocked_sgd.pool import Gate, Poll, pool
from npcf.kernels.blocked_sgd.reference import Rule
from npcf.kernels.blocked_sgd.row_step import LANE
from npcf.kernels.blocked_sgd.sgd_loop import Numbers, Side, sweep
from npcf.kernels.blocked_sgd.stored import Stored, stored
from npcf.kernels.blocked_sgd.tables import Tables, numbers_of
from npcf.kernels.blocked_sgd.tiles import SEGMENT, Blocks, segments_of, strata_of
from npcf.kernels.blocked_sgd.validate import check_ratings

SLICE = 2**24  # factors of ratings that one compiled call moves: a hundredth of a second
MOST_FACTORS = 4096  # a loop is compiled for each number of lanes, without loops over them

Between = Callable[[int], Any]


class Taken(NamedTuple):
    """What was done of an epoch: for each block the sum of the errors**2, and the ratings."""

    number: int
    blocks: FloatArray  # (parts, parts, 2); the compiled loop adds to it


class Work(NamedTuple):
    """What an epoch works on, whatever becomes of the trainer's attributes meanwhile."""

    taken: Taken
    ratings: Stored
    blocks: Blocks
    sides: tuple[Side, ...]
    lanes: tuple[int, ...]
    rule: Numbers
    seed: int
    gate: Gate


class Trainer(Tables):
    """Tables in training: padded, numbered by tile; and the ratings that they are trained on.

    `rule` may be replaced between epochs; `rule.decays` is by original row.  `stopped` says whether
    the last epoch was told to end before all of its ratings were `done`.
    """

    def __init__(self, given: Given, n_factors: int, seed: int = 0):
        if require_count("n_factors", n_factors, 0) > MOST_FACTORS:
            raise SettingError(
                "n_factors", f"{n_factors} is more than {MOST_FACTORS}", "Take fewer."
            )
        require_type("given", given, Given, "Make one: Given(users, items, rating, n, m).")
        self.seed = require_count("seed", seed, 0)
        lanes = (0,) * max(1, -(-n_factors // LANE))
        self.ratings, self.blocks, self.counts = stored(given, 4 * LANE * len(lanes), seed)
        self._checked: Any = (self.ratings, self.blocks, *map(len, self.counts))
        self.mean_rating = float(self.ratings.rating.mean(dtype=np.float64))
        groups = {"user": self.blocks.users, "item": self.blocks.items}
        super().__init__(groups, n_factors, lanes, self.blocks.parts)
        self.stopped, self._busy = False, False
        self._taken = self._none_of(0)

    @property
    def done(self) -> int:
        """How many ratings of the last epoch were trained on."""
        return int(self._taken.blocks[..., 1].sum())

    @property
    def number(self) -> int:
        """Which epoch that was."""
        return self._taken.number

    def epoch(
        self, number: int, rule: Rule, threads: int = 1, between: Between | None = None
    ) -> float:
        """Take one step for each rating; return the sum of their squared errors before it.

        `between(n)` is called every now and then with the number of ratings done; if it returns
        true, the epoch ends there, between two ratings.  An exception, whoever raises it, ends the
        epoch between two ratings too: `done` says which.
        """
        require_count("number", number, 0)
        if self._busy:
            raise UsageError("epoch", "is running", "One epoch at a time: wait for its end.")
        try:
            self._busy = True
            work = self._work(number, rule)
            self._taken, self.stopped = work.taken, False
            strata = list(self.strata(number))
            self._train(work, strata, require_count("threads", threads), between)
        finally:
            self._busy = False
        errors = work.taken.blocks[..., 0]
        return float(sum(errors[at] for stratum in strata for at in stratum))

    def _work(self, number: int, rule: Rule) -> Work:
        """Return what an epoch works on, checked."""
        self.check(rule)
        require_count("seed", self.seed, 0)
        self._check_ratings()
        self.set_decays(rule)
        return Work(
            self._none_of(number), self.ratings, self.blocks, self.sides, self.lanes,
            numbers_of(rule), self.seed, self.gate,
        )  # fmt: skip

    def _train(
        self, work: Work, strata: list[list[tuple[int, int]]], threads: int, between: Between | None
    ) -> None:
        with pool(threads) as run:
            for stratum in strata:
                run(
                    [partial(self._block, work, b, c) for b, c in stratum],
                    lambda: self._cancelled(work, between),
                )
                if self._cancelled(work, between):
                    break

    def strata(self, number: int) -> Iterator[list[tuple[int, int]]]:
        """Go through the strata of an epoch (`order`)."""
        return strata_of(self.blocks.parts, self.seed, number)

    def segments(self, number: int, b: int, c: int) -> NDArray[np.int64]:
        """Return where the segments of a block begin and end (n, 2), in the order of an epoch."""
        return segments_of(self.ratings.starts, self.blocks, self.seed, number, b, c)

    def _block(self, work: Work, b: int, c: int, poll: Poll) -> None:
        """Train one block, in calls of about a hundredth of a second; `poll` after each."""
        number, done = work.taken.number, work.taken.blocks[b, c]
        segments = segments_of(work.ratings.starts, work.blocks, work.seed, number, b, c)
        for here in slices_of(segments, work.lanes):
            if self.stopped:
                break
            with work.gate.changing(b), np.errstate(all="ignore"):  # for the loop as plain Python
                sweep(done, work.ratings[:3], here, *work.sides, work.rule, work.lanes)
            poll()

    def _none_of(self, number: int) -> Taken:
        parts = self.blocks.parts
        return Taken(number, np.zeros((parts, parts, 2)))

    def _check_ratings(self) -> None:
        """Check the ratings, and take them over, unless they are still those that were checked."""
        now = self.ratings, self.blocks, *(len(side.scalars) for side in self.sides)
        same = all(a is b for a, b in zip(now[:2], self._checked, strict=False))
        if not (same and now[2:] == self._checked[2:] and self.ratings.is_fixed):
            self.ratings = check_ratings(self.ratings, self.blocks, self.sides)
            self._checked = (self.ratings, *now[1:])

    def _cancelled(self, work: Work, between: Between | None) -> bool:
        if between is not None and between(int(work.taken.blocks[..., 1].sum())):
            self.stopped = True
        return self.stopped


def slices_of(segments: NDArray[np.int64], lanes: tuple[int, ...]) -> Iterator[NDArray[np.int64]]:
    """Cut a block's segments for compiled calls of a hundredth of a second each.

    Each call adds its own sum of errors, so the bits of the sum of a block depend on the cut.
    """
    step = max(1, SLICE // (SEGMENT * LANE * len(lanes)))
    for n in range(0, len(segments), step):
        yield segments[n : n + step]

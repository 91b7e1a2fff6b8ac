"""An epoch over all tiles, on as many threads as are given, to the same bits.

A thread takes whole blocks of a stratum (`blocks`).  A block's order comes from a generator of its
own, so it does not matter who takes it, or when.  Compiled loops let go of the interpreter's lock,
so plain Python threads are enough; they return well within a tenth of a second, and stop when told.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npcf._types import FloatArray, Params
from npcf.kernels.per_rating.pool import Listen, pool
from npcf.kernels.per_rating.reference import LOSSES, NAMES, Rule
from npcf.kernels.per_rating.row_step import LANE, padded
from npcf.kernels.per_rating.stored import Given, stored
from npcf.kernels.per_rating.sweep import (
    BIAS,
    CROSS_ENTROPY,
    PLAIN,
    SEGMENT,
    SQUARED,
    WD_BIAS,
    WD_FACTORS,
    Numbers,
    Side,
    predict_into,
    sweep,
)

SLICE = 2**24  # factors of ratings that one compiled call moves: a hundredth of a second
PIECE = 2**16  # ratings that one thread predicts at a time

Between = Callable[[int], Any]


class Trainer:
    """Tables in training: padded, numbered by tile; and the ratings that they are trained on.

    `rule` may be replaced between epochs; `rule.decays` is by original row.
    """

    def __init__(self, given: Given, n_factors: int, seed: int = 0):
        self.n_factors, self.seed = n_factors, seed
        self.lanes = (0,) * max(1, -(-n_factors // LANE))
        self.ratings, self.blocks, self.counts = stored(given, 4 * LANE * len(self.lanes), seed)
        self.mean_rating = float(self.ratings.rating.mean(dtype=np.float64))
        self.groups = {"user": self.blocks.users, "item": self.blocks.items}
        self.sides = tuple(
            Side(padded(len(g.row_at), LANE * len(self.lanes)), _scalars(len(g.row_at)))
            for g in self.groups.values()
        )
        self.done, self.stopped = 0, False

    def load(self, name: str, rows: Iterable[FloatArray]) -> None:
        """Set the parameter `name`, given as consecutive stretches of its rows."""
        who, what = name.split("_")
        group, side = self.groups[who], dict(zip(self.groups, self.sides, strict=True))[who]
        first = 0
        for stretch in rows:
            places = group.place_of[first : first + len(stretch)]
            first += len(stretch)
            if what == "bias":
                side.scalars[places, BIAS] = stretch.reshape(-1)
            else:
                side.factors[places, : self.n_factors] = stretch

    @property
    def params(self) -> Params:
        """The tables (N, K) and biases (N, 1) in their original order, copied."""
        tables: Params = {}
        for (name, group), side in zip(self.groups.items(), self.sides, strict=True):
            tables[f"{name}_factors"] = side.factors[group.place_of, : self.n_factors]
            tables[f"{name}_bias"] = side.scalars[group.place_of, BIAS : BIAS + 1]
        return {name: tables[name] for name in NAMES}

    def epoch(
        self, number: int, rule: Rule, threads: int = 1, between: Between | None = None
    ) -> float:
        """Take one step for each rating; return the sum of their squared errors before it.

        `between(n)` is called every now and then with the number of ratings done; if it returns
        true, the epoch ends there, between two ratings.
        """
        self.set_decays(rule)
        total, self.done, self.stopped = 0.0, 0, False
        numbers = numbers_of(rule)
        with pool(threads) as run:
            for stratum in self.strata(number):
                jobs = [partial(self._block, number, numbers, b, c) for b, c in stratum]
                for error, count in run(jobs, lambda: self._heard(between)):
                    total, self.done = total + error, self.done + count
                if self._heard(between):
                    break
        return total

    def predict(self, users: Any, items: Any, rule: Rule, threads: int = 1) -> FloatArray:
        """Return the predictions (n,) float32 of judged pairs."""
        out = np.empty(len(users), np.float32)
        numbers, groups = numbers_of(rule), self.groups.values()

        def part(first: int, listen: Listen) -> None:
            here = slice(first, first + PIECE)
            pair = (g.place_of[ids[here]] for g, ids in zip(groups, (users, items), strict=True))
            predict_into(out[here], *pair, *self.sides, numbers, self.lanes)

        with pool(threads) as run:
            run([partial(part, first) for first in range(0, len(out), PIECE)], lambda: False)
        return out

    def rmse(self, users: Any, items: Any, rating: Any, rule: Rule, threads: int = 1) -> float:
        """Return the root of the mean squared error over ratings, chunk by chunk, in float64."""
        sizes = [len(count) for count in self.counts]
        given, total = Given(users, items, rating, *sizes), 0.0
        given.judge_shapes()
        for chunk_users, chunk_items, chunk in given.chunks():
            pred = self.predict(chunk_users, chunk_items, rule, threads)
            total += float(((pred.astype(np.float64) - chunk) ** 2).sum())
        return float(np.sqrt(total / len(rating)))

    def strata(self, number: int) -> Iterator[list[tuple[int, int]]]:
        """Go through the strata of epoch `number`, each a list of blocks (users' group, items')."""
        parts = self.blocks.parts
        for stratum in np.random.default_rng((self.seed, number)).permutation(parts).tolist():
            yield [(b, (b + stratum) % parts) for b in range(parts)]

    def segments(self, number: int, b: int, c: int) -> NDArray[np.int64]:
        """Return where the segments of a block begin and end (n, 2), in the order of the epoch.

        Everything that is random about a block comes from a generator of its own.
        """
        rng, blocks = np.random.default_rng((self.seed, number, b, c)), self.blocks
        found = [np.empty((0, 2), np.int64)]
        for user_tile in rng.permutation(blocks.user_tiles).tolist():
            for item_tile in rng.permutation(blocks.item_tiles).tolist():
                tile = blocks.tile(
                    b * blocks.user_tiles + user_tile, c * blocks.item_tiles + item_tile
                )
                start, stop = self.ratings.starts[tile : tile + 2].tolist()
                firsts = rng.permutation(np.arange(start, stop, SEGMENT))
                found.append(np.stack([firsts, np.minimum(firsts + SEGMENT, stop)], axis=1))
        return np.concatenate(found)

    def _block(
        self, number: int, rule: Numbers, b: int, c: int, listen: Listen
    ) -> tuple[float, int]:
        """Train one block, in calls of about a hundredth of a second; `listen` after each."""
        total, done, segments = 0.0, 0, self.segments(number, b, c)
        step = max(1, SLICE // (SEGMENT * LANE * len(self.lanes)))
        for n in range(0, len(segments), step):
            if self.stopped:
                break
            here = segments[n : n + step]
            with np.errstate(all="ignore"):  # for the loop as plain Python
                total += sweep(self.ratings[:3], here, *self.sides, rule, self.lanes)
            done += int((here[:, 1] - here[:, 0]).sum())
            listen()
        return total, done

    def set_decays(self, rule: Rule) -> None:
        """Put each row's decays beside its bias."""
        for (name, group), side in zip(self.groups.items(), self.sides, strict=True):
            side.scalars[:, WD_FACTORS] = rule.decays[f"{name}_factors"][group.row_at]
            side.scalars[:, WD_BIAS] = rule.decays[f"{name}_bias"][group.row_at]

    def _heard(self, between: Between | None) -> bool:
        if between is not None and between(self.done):
            self.stopped = True
        return self.stopped


def numbers_of(rule: Rule) -> Numbers:
    """Return what the loops take of a rule."""
    low, high = rule.y_range or (0.0, 1.0)
    kind = PLAIN if rule.y_range is None else (SQUARED, CROSS_ENTROPY)[LOSSES.index(rule.loss)]
    real = np.float32
    return Numbers(
        real(rule.lr), real(rule.bias_lr), real(rule.mean), real(low), real(high - low), kind
    )


def _scalars(n_rows: int) -> FloatArray:
    return np.zeros((n_rows, 4), np.float32)

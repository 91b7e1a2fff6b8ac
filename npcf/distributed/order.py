"""Which block a worker trains next, and who gets its items then: the same answer on every worker.

An epoch is a sequence of strata (`kernels.blocked_sgd.tiles`).  Block (b, c) of a stratum needs the
users of group b, which never leave their worker, and the items of group c, which the block of the
stratum before has changed last.  Nothing else is waited for, neither the end of a stratum nor that
of an epoch: this is the order of one machine as far as any row is concerned, and so are the bits.

Source: Gemulla et al. 2011 (strata); Yun et al. 2014 (items travel, users stay).
"""

from functools import lru_cache
from typing import NamedTuple

from npcf.kernels.blocked_sgd.tiles import strata_of


class Turn(NamedTuple):
    """A stratum: its epoch, and its place in the order of that epoch."""

    epoch: int
    place: int


class Order(NamedTuple):
    """The order of training for `parts` groups a side, and this seed."""

    parts: int
    seed: int

    def items_of(self, turn: Turn, b: int) -> int:
        """Return the group of items that users' group `b` is trained with."""
        return (b + self._shift(turn)) % self.parts

    def users_of(self, turn: Turn, c: int) -> int:
        """Return the group of users that items' group `c` is trained with."""
        return (c - self._shift(turn)) % self.parts

    def after(self, turn: Turn) -> Turn:
        """Return the stratum that follows."""
        last = turn.place + 1 == self.parts
        return Turn(turn.epoch + 1, 0) if last else Turn(turn.epoch, turn.place + 1)

    def ended_with(self, number: int) -> Turn | None:
        """Return the last stratum before epoch `number`, or None before the first."""
        return Turn(number - 1, self.parts - 1) if number else None

    def _shift(self, turn: Turn) -> int:
        return _shifts(self.parts, self.seed, turn.epoch)[turn.place]


@lru_cache(maxsize=64)
def _shifts(parts: int, seed: int, number: int) -> tuple[int, ...]:
    return tuple(stratum[0][1] for stratum in strata_of(parts, seed, number))


def owners(parts: int, n_workers: int) -> tuple[int, ...]:
    """Return the worker of each group of users: neighbours, as many for each as can be."""
    return tuple(b * n_workers // parts for b in range(parts))

"""Two mistakes at once, drawn at random: in different stages, and in the same."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from compare.crosscheck import pieces
from compare.crosscheck.pieces import PIECES, Piece
from compare.crosscheck.program import SIZES, Case, Setting, batch, built, in_range
from compare.crosscheck.programs.configured import ADAMW
from compare.crosscheck.programs.entering import settings
from compare.crosscheck.scoring import Outcome, describe, outcome
from npcf.crosscheck.verdict import STAGES

RANGE = (0.5, 5.5)
MEANT = ADAMW | {"eps": 1e-3}  # large enough for its place to be seen


def pairs(same_stage: bool) -> list[tuple[Piece, Piece]]:
    """Return all pairs of mistakes in different slots."""
    return [
        (a, b)
        for a, b in combinations(PIECES, 2)
        if a.slot != b.slot and (a.stage == b.stage) is same_stage
    ]


def draw(n: int, same_stage: bool, seed: int = 0) -> Iterator[tuple[Piece, Piece]]:
    """Return n of them at random, or all."""
    found = pairs(same_stage)
    order = np.random.default_rng(seed).permutation(len(found))
    return (found[k] for k in order[:n])


def case(both: tuple[Piece, Piece], setting: Setting) -> Case:
    """Return the arguments of npcf.crosscheck; loss and optimiser only where they are wrong."""
    made = list(both)
    model = built(pieces.model_of(made), setting)
    found: Case = {"model": model, **batch(setting), "loss": pieces.loss_of(made)}
    optimizer = pieces.optimizer_of(made)(model.parameters(), **settings(MEANT))
    return found | {"optimizer": optimizer, "intended": dict(MEANT), "steps": 3}


def run_one(both: tuple[Piece, Piece], size: str = "middle") -> Outcome:
    """Return the outcome of a pair."""
    setting = in_range(SIZES[size], RANGE)
    first = min((one.stage for one in both), key=STAGES.index)
    name = " + ".join("|".join(sorted(one.names)) for one in both)
    right = [one.names for one in both]
    return outcome(name, describe(setting), right, [first], case(both, setting))

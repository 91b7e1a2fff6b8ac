"""What the laws of training and of checkpoints share: runs, with bounds or without, and parts."""

from typing import Any, NamedTuple

import numpy as np

from npcf._types import FloatArray, Params
from npcf.verify.assertions import assert_same_bits
from npcf.verify.bounded import Bounded
from npcf.verify.formulas import Formulas
from npcf.verify.loop import Loop
from npcf.verify.running_error import RunningError
from npcf.verify.strategies import Run

TRAIN = ("train",)


class Trained(NamedTuple):
    """What `train` of the protocol returns."""

    params: Params
    losses: FloatArray  # (number of batches,)
    state: Any


def train(impl: Any, p: Run, params: Any = None, state: Any = None) -> Trained:
    """Train on the batches of `p`, from its parameters or from where another run stands."""
    start = p.params if params is None else params
    return Trained(*impl.train(start, p.batches, p.y_range, p.rule, p.settings, p.lrs, state))


def bounded_run(p: Run) -> tuple[dict[str, Bounded], list[Bounded]]:
    """Return (params, losses) of a run with their running error."""
    loop = Loop(Formulas(RunningError(p.dtype)))
    params = {name: loop.n.array(table) for name, table in p.params.items()}
    return loop.train(params, p.batches, p.y_range, p.rule, p.settings, p.lrs, None)[:2]


def part(p: Run, begin: int, end: int) -> Run:
    """Return the steps begin … end - 1 of a run."""
    return p._replace(batches=p.batches[begin:end], lrs=p.lrs[begin:end])


def same_params(got: Params, want: Params) -> None:
    """Raise AssertionError unless the tables have the same names and bits."""
    assert set(got) == set(want), f"tables {sorted(got)}, expected {sorted(want)}"
    for name in want:
        assert_same_bits(got[name], want[name], name)


def same_run(got: Trained, want: Trained) -> None:
    """Raise AssertionError unless parameters and losses have the same bits."""
    assert_same_bits(got.losses, want.losses, "losses")
    same_params(got.params, want.params)


def copied(params: Params) -> Params:
    """Return copies of the tables."""
    return {name: np.array(table) for name, table in params.items()}

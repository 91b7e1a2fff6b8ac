"""Fused runs judged along their own orbit, window by window: `tests.kernels.bounded_run`."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from npcf import models, optim
from npcf.data import planted
from tests.kernels.bounded_run import BoundedRun, arrays_of, settings_of, shares_used
from tests.kernels.fused_runs import FusedRun

RATINGS = planted(60, 40, 500, seed=3).ratings
RULES = {
    "adam": (
        optim.Adam,
        {"betas": (0.9, 0.99), "eps": 1e-5, "weight_decay": 0.01, "decoupled": True},
    ),
    "adam of torch": (optim.Adam, {"weight_decay": 0.1, "decoupled": True}),
    "coupled adam": (optim.Adam, {"weight_decay": 0.1}),
    "sgd": (optim.SGD, {"weight_decay": 0.1}),
    "momentum": (optim.SGD, {"momentum": 0.9, "weight_decay": 0.1, "dampening": 0.2}),
    "decoupled": (optim.SGD, {"momentum": 0.9, "weight_decay": 0.1, "decoupled": True}),
    "touched": (optim.SGD, {"momentum": 0.9, "weight_decay": 0.1, "rows": "touched_rows"}),
}  # fmt: skip


class Judged(NamedTuple):
    """What windows have shown."""

    share: float  # the largest of a tolerance that any entry or loss has used
    claimed: float  # the part of entries of which something was claimed, in the worst window
    lagged: bool  # whether rows were left alone until they were needed


def one_cycle(rule, size, dtype, seed=0, n_epochs=2, lr=1e-2):
    """Return a run over planted ratings under fastai's schedule, from the usual small tables."""
    kind, setting = RULES[rule]
    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(len(RATINGS)) for _ in range(n_epochs)])
    starts = np.append(np.arange(0, order.size, size), order.size)
    lrs, moms = optim.one_cycle_fastai(starts.size - 1, lr)
    has_moms = kind is optim.Adam or "momentum" in setting
    return FusedRun(
        models.init_params(RATINGS.n_users, RATINGS.n_items, 3, rng, dtype),
        RATINGS.users[order], RATINGS.items[order], RATINGS.rating[order].astype(dtype), starts,
        (0.0, 5.5), 0.0, kind, setting, lrs, moms if has_moms else None,
    )  # fmt: skip


def judged(run, every, deferred=None, each=1, first=0):
    """Let the fused trainer take `run` in calls of `every` steps; judge one of `each` of them.

    `every` may be the ends of calls.  The calls before step `first` are not judged.
    Raises AssertionError at the first state or loss outside its bound.
    """
    opt = run.make()
    trainer = run.trainer(opt, deferred=deferred)
    found = Judged(0.0, 1.0, False)
    before = arrays_of(opt)
    ends = range(every, run.n_steps, every) if isinstance(every, int) else every
    for n, here in enumerate(
        pairwise([0, *(end for end in ends if end < run.n_steps), run.n_steps])
    ):
        losses = run.fused_steps(trainer, *here)
        lagged = trainer.deferring
        after = arrays_of(opt)  # reading lets all rows catch up
        if n % each == 0 and here[0] >= first:
            found = both(found, window(run, opt, here, (before, after), losses, lagged))
        before = after
    return found


def window(run, opt, steps, states, losses, lagged):
    """Judge steps first .. last - 1 of `run`, which made of one state the other."""
    walk, share = BoundedRun(type(opt), states[0], run.y_range, run.mean), 0.0
    for s, got in zip(range(*steps), losses, strict=True):
        loss = along(walk, run, opt, s, lagged)
        used = float(shares_used(np.asarray(got), loss))
        assert used <= 1, f"step {s}: loss {got!r}, expected {loss.value!r}: {used:.3g} x its bound"
        share = max(share, used)
    return Judged(max(share, walk.check(states[1])), walk.claimed(), lagged)


def along(walk, run, opt, s, lagged):
    """Take step `s` of `run` in bounded numbers; return the loss before it."""
    here = slice(run.starts[s], run.starts[s + 1])
    scheduled = {} if run.moms is None else {"momentum": float(run.moms[s])}
    setting = settings_of(opt, lr=run.rates(s), **scheduled)
    return walk.step(run.users[here], run.items[here], run.rating[here], setting, lagged)


def both(a, b):
    """Return what two windows have shown."""
    return Judged(max(a.share, b.share), min(a.claimed, b.claimed), a.lagged or b.lagged)

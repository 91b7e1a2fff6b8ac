"""Laws of what a run moves: rows no batch names, rows that were named once, the sums of both."""

from typing import Any

import numpy as np

from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.bounded import PRECISION
from npcf.verify.conformance.law import Drawn, law
from npcf.verify.conformance.laws._runs import (
    TRAIN,
    absent,
    bounded_run,
    part,
    train,
    with_settings,
)
from npcf.verify.strategies import Run, runs

PLAIN = {"momentum": 0.0, "dampening": 0.0, "nesterov": False, "weight_decay": 0.0}
HEAVY = PLAIN | {"momentum": 0.5}
SGD, ADAM = Drawn(runs("sgd")), Drawn(runs("adam"))
EIGHT_ROUNDINGS = {dtype: precision.gamma(8) for dtype, precision in PRECISION.items()}
SMALL_RATE = 2.0**-12


def apart(p: Run) -> Run:
    """Return two steps: one of any rows but 0, where there are others, and one of row 0 alone."""
    users, items, rating = p.batches[0]
    last_user, last_item = len(p.params["user_bias"]) - 1, len(p.params["item_bias"]) - 1
    first = np.clip(users, min(1, last_user), None), np.clip(items, min(1, last_item), None)
    row = np.zeros(1, np.int64)
    return p._replace(batches=[(*first, rating), (row, row, rating[:1])], lrs=[0.1, 0.1])


@law(
    "Without decay, momentum or Adam, rows that no batch names stay, to the bit.",
    given=with_settings(SGD, **PLAIN),
    needs=TRAIN,
)
def absent_rows_stay(impl: Any, p: Run) -> None:
    got, away = train(impl, p).params, absent(p)
    for name, table in p.params.items():
        assert_same_bits(got[name][away[name]], table[away[name]], f"absent rows of {name}")


@law(
    "Momentum alone does not move a row that no batch names.",
    given=with_settings(SGD, weight_decay=0.0),
    needs=TRAIN,
)
def momentum_does_not_move_absent_rows(impl: Any, p: Run) -> None:
    got, away = train(impl, p).params, absent(p)
    for name, table in p.params.items():
        assert_same_bits(got[name][away[name]], table[away[name]], f"absent rows of {name}")


@law(
    "Adam without decay does not move a row that no batch names.",
    given=with_settings(ADAM, weight_decay=0.0),
    needs=TRAIN,
)
def adam_does_not_move_absent_rows(impl: Any, p: Run) -> None:
    got, away = train(impl, p).params, absent(p)
    for name, table in p.params.items():
        assert_same_bits(got[name][away[name]], table[away[name]], f"absent rows of {name}")


@law(
    "Decay reaches rows that no batch names, of all four tables: (1 - lr decay) a step.",
    given=with_settings(SGD, **PLAIN | {"weight_decay": 0.1}),
    needs=TRAIN,
)
def absent_rows_decay(impl: Any, p: Run) -> None:
    got, away = train(impl, p).params, absent(p)
    kept = np.prod([1 - lr * 0.1 for lr in p.lrs])
    precision = PRECISION[p.dtype]
    for name, table in p.params.items():
        want = table[away[name]].astype(np.float64) * kept
        # lr, decay, their product, 1 - lr decay or the two-step form, and float64's own: 4 a step
        allowed = precision.gamma(4 * len(p.lrs)) * np.abs(table[away[name]]) + precision.eta * 16
        assert_within(got[name][away[name]], want, allowed, f"absent rows of {name}")


@law(
    "AdamW decays rows that no batch names, of all four tables: (1 - lr decay) a step.",
    given=with_settings(ADAM, weight_decay=0.1, decoupled=True),
    needs=TRAIN,
)
def absent_rows_decay_under_adamw(impl: Any, p: Run) -> None:
    absent_rows_decay(impl, p)


@law(
    "A row that is absent after its gradient coasts: each step is momentum times the last.",
    given=with_settings(SGD, **HEAVY).map(apart),
    needs=TRAIN,
)
def rows_coast_while_they_are_absent(impl: Any, p: Run) -> None:
    first, second = train(impl, part(p, 0, 1)).params, train(impl, p).params
    for name in p.params:
        w = [table[name][1:].astype(np.float64) for table in (p.params, first, second)]
        size = sum(map(np.abs, w))
        allowed = EIGHT_ROUNDINGS[p.dtype] * size + 16 * PRECISION[p.dtype].eta
        assert_within(w[2] - w[1], 0.5 * (w[1] - w[0]), allowed, f"the coasting of {name}")


@law(
    "Adam moves a row on while it is absent after its gradient.",
    given=with_settings(ADAM, weight_decay=0.0, betas=(0.9, 0.99), eps=1e-8).map(apart),
    needs=TRAIN,
)
def adam_moves_rows_on_while_they_are_absent(impl: Any, p: Run) -> None:
    first, second = train(impl, part(p, 0, 1)).params, train(impl, p).params
    exact = bounded_run(p)[0], bounded_run(part(p, 0, 1))[0]
    for name in p.params:
        step = second[name][1:].astype(np.float64) - first[name][1:]
        want = (exact[0][name].value - exact[1][name].value)[1:]
        allowed = (exact[0][name].tolerance + exact[1][name].tolerance)[1:]
        assert_within(step, want, allowed, f"the second step of {name}")


@law(
    "In one step of plain SGD all user biases together move as all item biases together do.",
    given=with_settings(SGD, **PLAIN),
    needs=TRAIN,
)
def both_biases_move_by_the_same_sum(impl: Any, p: Run) -> None:
    first = part(p, 0, 1)
    got, bounds = train(impl, first).params, bounded_run(first)[0]
    names = ("user_bias", "item_bias")
    users, items = ((got[k].astype(np.float64) - p.params[k]).sum() for k in names)
    allowed = sum(float(bounds[k].tolerance.sum()) for k in names)
    size = sum(np.abs(got[k]).sum() + np.abs(p.params[k]).sum() for k in names)
    rounding = PRECISION[np.dtype(np.float64)].gamma(32) * float(size)
    assert_within(users, items, allowed + rounding, "the sum of the user biases' moves")


@law(
    "Adam's first step without decay is at most lr.",
    given=with_settings(ADAM, weight_decay=0.0),
    needs=TRAIN,
)
def adams_first_step_is_at_most_lr(impl: Any, p: Run) -> None:
    got, lr = train(impl, part(p, 0, 1)).params, p.lrs[0]
    for name, table in p.params.items():
        step = np.abs(got[name].astype(np.float64) - table)
        # |m_hat| / (sqrt(v_hat) + eps) <= 1, to about 16 roundings, and the rounding of w itself
        allowed = PRECISION[p.dtype].gamma(16) * (lr + np.abs(table))
        assert_within(np.maximum(step - lr, 0), np.zeros(table.shape), allowed, name)


def descending(p: Run) -> Run:
    """Return the run with its first batch four times over, in float64, at a small rate."""
    params = {name: table.astype(np.float64) for name, table in p.params.items()}
    users, items, rating = p.batches[0]
    batch = users, items, rating.astype(np.float64)
    return p._replace(params=params, batches=[batch] * 4, lrs=[SMALL_RATE] * 4)


@law(
    "A small step of SGD lowers the loss by half of lr |gradient|**2 at least.",
    given=with_settings(SGD, **PLAIN).map(descending),
    needs=TRAIN,
)
def small_steps_descend(impl: Any, p: Run) -> None:
    # The descent lemma.  The loss has a second derivative of at most 2 (|pred'|**2 + |e| |pred''|);
    # with entries up to 4.1, 3 factors and a range of height 6 at most, below 2400: lr times that
    # is below 1.  |gradient|**2 = |step|**2 / lr**2.
    losses, bounds = train(impl, p).losses, bounded_run(p)[1]
    before = p.params
    for i in range(len(losses) - 1):
        after = train(impl, part(p, 0, i + 1)).params
        moved = sum(float(((after[k] - before[k]) ** 2).sum()) for k in after)
        fall = losses[i] - losses[i + 1]
        allowed = float(bounds[i].tolerance + bounds[i + 1].tolerance)
        assert fall >= moved / SMALL_RATE / 2 - allowed, f"step {i}: the loss falls by {fall}"
        before = after

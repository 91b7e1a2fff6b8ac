"""Laws of training: a run is its steps, one after another, and nothing else."""

from typing import Any

import numpy as np

from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.bounded import PRECISION
from npcf.verify.conformance.law import Drawn, law
from npcf.verify.conformance.laws._common import refuses, unchanged
from npcf.verify.conformance.laws._runs import TRAIN, bounded_run, copied, part, same_params, train
from npcf.verify.strategies import Run, runs

ANY = Drawn(runs())
DECAY = {"momentum": 0.0, "dampening": 0.0, "nesterov": False, "weight_decay": 0.1}


@law("Parameters and losses lie within the running error of the model, the loss and the steps.",
     given=ANY, needs=TRAIN)  # fmt: skip
def training_stays_within_the_running_error(impl: Any, p: Run) -> None:
    got, (params, losses) = train(impl, p), bounded_run(p)
    for name, table in params.items():
        assert_within(got.params[name], table.value, table.tolerance, name)
    for i, loss in enumerate(losses):
        assert_within(got.losses[i], loss.value, loss.tolerance, f"losses[{i}]")


@law("There is one loss a batch, in the dtype of the parameters; no batches change nothing.",
     given=ANY, needs=TRAIN)  # fmt: skip
def losses_are_one_a_batch(impl: Any, p: Run) -> None:
    losses = train(impl, p).losses
    assert losses.shape == (len(p.batches),), f"losses of shape {losses.shape}"
    assert losses.dtype == p.dtype, f"losses of dtype {losses.dtype}"
    none = train(impl, part(p, 0, 0))
    same_params(none.params, p.params)
    assert none.losses.shape == (0,)


@law("The losses of a run's beginning are the beginning of its losses.", given=ANY, needs=TRAIN)
def losses_are_those_before_each_step(impl: Any, p: Run) -> None:
    whole = train(impl, p)
    for end in range(1, len(p.batches)):
        beginning = train(impl, part(p, 0, end)).losses
        assert_same_bits(beginning, whole.losses[:end], f"losses of {end} steps")


@law("A run changes none of its arguments.", given=ANY, needs=TRAIN)
def training_changes_no_argument(impl: Any, p: Run) -> None:
    settings, lrs = dict(p.settings), list(p.lrs)
    params = copied(p.params)
    with unchanged(*(column for batch in p.batches for column in batch)):
        train(impl, p._replace(params=params, settings=settings, lrs=lrs))
    same_params(params, p.params)
    assert (settings, lrs) == (p.settings, list(p.lrs)), "settings or rates have changed"


@law("An id outside its table, or negative, is refused in any batch; so is an empty batch.",
     given=ANY, needs=TRAIN)  # fmt: skip
def training_refuses_wrong_batches(impl: Any, p: Run) -> None:
    none = np.zeros(0, np.int64)
    wrong: list[Any] = [(none, none, np.zeros(0, p.dtype))]
    for user, item in ((len(p.params["user_bias"]), 0), (0, len(p.params["item_bias"])), (-1, 0)):
        wrong.append((np.array([user]), np.array([item]), np.ones(1, p.dtype)))
    for batch in wrong:
        run = p._replace(batches=[*p.batches, batch], lrs=[*p.lrs, 0.1])
        with unchanged(*p.params.values()):
            refuses(f"the batch {batch[:2]}", train, impl, run)


@law("Decay reaches rows that no batch names, of all four tables: (1 - lr decay) a step.",
     given=Drawn(runs("sgd")).map(lambda p: p._replace(settings=p.settings | DECAY)),
     needs=TRAIN)  # fmt: skip
def absent_rows_decay(impl: Any, p: Run) -> None:
    got, precision = train(impl, p).params, PRECISION[p.dtype]
    kept = np.prod([1 - lr * 0.1 for lr in p.lrs])
    for name, table in p.params.items():
        named = np.concatenate([batch[name.startswith("item")] for batch in p.batches])
        absent = np.setdiff1d(np.arange(len(table)), named)
        want = table[absent].astype(np.float64) * kept
        # lr, decay, their product, 1 - lr decay or the two-step form, and float64's own: 4 a step
        allowed = precision.gamma(4 * len(p.lrs)) * np.abs(table[absent]) + precision.eta * 16
        assert_within(got[name][absent], want, allowed, f"absent rows of {name}")

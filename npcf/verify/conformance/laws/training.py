"""Laws of training: a run is its steps, one after another, and nothing else."""

from functools import partial
from typing import Any

import numpy as np

from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.bounded import PRECISION
from npcf.verify.conformance.law import Drawn, law
from npcf.verify.conformance.laws._runs import (
    TRAIN,
    Trained,
    absent,
    assert_agree,
    assert_refused,
    bounded_run,
    copied,
    on_batches,
    part,
    same_params,
    train,
    with_settings,
)
from npcf.verify.strategies import Run, runs

ANY, SGD, ADAM = Drawn(runs()), Drawn(runs("sgd")), Drawn(runs("adam"))
STEPS = (
    "dot_product_bias_forward", "dot_product_bias_backward", "mse_forward", "mse_backward",
    "sgd_step", "adam_step",
)  # fmt: skip


def chained(impl: Any, p: Run) -> Trained:
    """Return the run made of the model, the loss and the steps of the implementation itself."""
    params, losses, states = p.params, [], dict[str, Any]()
    for t, ((users, items, rating), lr) in enumerate(zip(p.batches, p.lrs, strict=True), 1):
        pred, cache = impl.dot_product_bias_forward(params, users, items, p.y_range)
        loss, loss_cache = impl.mse_forward(pred, rating)
        losses.append(loss)
        grads = impl.dot_product_bias_backward(impl.mse_backward(1.0, loss_cache), cache)
        moved = {}
        for name, w in params.items():
            if p.rule == "sgd":
                step = impl.sgd_step(w, grads[name], states.get(name), lr=lr, **p.settings)
                moved[name], states[name] = step
            else:
                moments = states.get(name, (np.zeros_like(w), np.zeros_like(w)))
                step = impl.adam_step(w, grads[name], *moments, t, lr=lr, **p.settings)
                moved[name], *states[name] = step
        params = moved
    return Trained(params, np.array(losses, p.dtype), None)


ANY = Drawn(runs())


def spoiled(p: Run, users: Any, items: Any) -> Run:
    """Return the run with one more batch, of one rating."""
    batch = (np.array([users]), np.array([items]), np.ones(1, p.dtype))
    return p._replace(batches=[*p.batches, batch], lrs=[*p.lrs, 0.1])


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


def descending(p: Run) -> Run:
    """Return the run with its first batch four times over, in float64, at a small rate."""
    params = {name: table.astype(np.float64) for name, table in p.params.items()}
    users, items, rating = p.batches[0]
    batch = users, items, rating.astype(np.float64)
    return p._replace(params=params, batches=[batch] * 4, lrs=[SMALL_RATE] * 4)


OTHER = {
    "user_factors": "item_factors", "item_factors": "user_factors",
    "user_bias": "item_bias", "item_bias": "user_bias",
}  # fmt: skip


@law(
    "The model, the loss and the steps of the same implementation, chained, are its training.",
    given=ANY,
    needs=(*TRAIN, *STEPS),
)
def training_is_its_own_steps_chained(impl: Any, p: Run) -> None:
    got, want = train(impl, p), chained(impl, p)
    params, losses = bounded_run(p)
    for name, table in params.items():
        assert_within(got.params[name], want.params[name], table.tolerance, name)
    allowed = np.array([loss.tolerance for loss in losses])
    assert_within(got.losses, want.losses, allowed, "losses")


@law("There is one loss a batch, in the dtype of the parameters.", given=ANY, needs=TRAIN)
def losses_are_one_a_batch(impl: Any, p: Run) -> None:
    losses = train(impl, p).losses
    assert losses.shape == (len(p.batches),), f"losses of shape {losses.shape}"
    assert losses.dtype == p.dtype, f"losses of dtype {losses.dtype}"
    assert (losses >= 0).all()


@law("The losses of a run's beginning are the beginning of its losses.", given=ANY, needs=TRAIN)
def losses_are_those_before_each_step(impl: Any, p: Run) -> None:
    whole = train(impl, p)
    for end in range(1, len(p.batches)):
        beginning = train(impl, part(p, 0, end)).losses
        assert_same_bits(beginning, whole.losses[:end], f"losses of {end} steps")


@law("No batches leave the parameters as they are.", given=ANY, needs=TRAIN)
def no_batches_no_change(impl: Any, p: Run) -> None:
    got = train(impl, part(p, 0, 0))
    same_params(got.params, p.params)
    assert got.losses.shape == (0,)


@law("A run changes none of its arguments.", given=ANY, needs=TRAIN)
def training_changes_no_argument(impl: Any, p: Run) -> None:
    given = p._replace(params=copied(p.params), settings=dict(p.settings), lrs=list(p.lrs))
    given = on_batches(given, np.array)
    train(impl, given)
    same_params(given.params, p.params)
    assert given.settings == p.settings, "the settings have changed"
    assert given.lrs == p.lrs, "the rates have changed"
    for got, want in zip(given.batches, p.batches, strict=True):
        for name, a, b in zip(("users", "items", "rating"), got, want, strict=True):
            assert_same_bits(a, b, name)


@law("An id outside its table, or negative, is refused in any batch.", given=ANY, needs=TRAIN)
def training_refuses_ids_outside(impl: Any, p: Run) -> None:
    start = copied(p.params)
    n_users, n_items = len(start["user_factors"]), len(start["item_factors"])
    for users, items in ((n_users, 0), (0, n_items), (-1, 0), (0, -1)):
        run = spoiled(p, users, items)
        assert_refused(partial(train, impl, run, start), f"id {(users, items)}")
        same_params(start, p.params)


@law("An empty batch is refused: it has no mean.", given=ANY, needs=TRAIN)
def training_refuses_empty_batches(impl: Any, p: Run) -> None:
    none = np.zeros(0, np.int64)
    run = p._replace(batches=[(none, none, np.zeros(0, p.dtype))], lrs=[0.1])
    assert_refused(lambda: train(impl, run), "an empty batch")


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


@law("Users and items may change sides.", given=ANY, needs=TRAIN)
def sides_may_be_exchanged(impl: Any, p: Run) -> None:
    other = p._replace(
        params={name: p.params[OTHER[name]] for name in p.params},
        batches=[(items, users, rating) for users, items, rating in p.batches],
    )
    got = train(impl, other)
    back = {name: got.params[OTHER[name]] for name in got.params}
    assert_agree(got._replace(params=back), train(impl, p), p, p)


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

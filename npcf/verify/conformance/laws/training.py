"""Laws of training: a run is its steps, one after another, and nothing else."""

from typing import Any

import numpy as np

from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.conformance.law import Drawn, law
from npcf.verify.conformance.laws._runs import (
    TRAIN,
    Trained,
    assert_as_bounded,
    bounded_run,
    part,
    same_params,
    same_run,
    train,
    with_settings,
)
from npcf.verify.strategies import Run, runs

ANY, SGD, ADAM = Drawn(runs()), Drawn(runs("sgd")), Drawn(runs("adam"))
STEPS = (
    "dot_product_bias_forward", "dot_product_bias_backward", "mse_forward", "mse_backward",
    "sgd_step", "adam_step",
)  # fmt: skip


@law(
    "A run of SGD ends, but for rounding, where the formulas of its steps lead.",
    given=SGD,
    needs=TRAIN,
)
def sgd_runs_follow_the_formulas(impl: Any, p: Run) -> None:
    assert_as_bounded(train(impl, p), p)


@law(
    "A run of Adam ends, but for rounding, where the formulas of its steps lead.",
    given=ADAM,
    needs=TRAIN,
)
def adam_runs_follow_the_formulas(impl: Any, p: Run) -> None:
    assert_as_bounded(train(impl, p), p)


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


@law("Trained tables have the names, shapes and dtypes of those given.", given=ANY, needs=TRAIN)
def training_keeps_names_shapes_and_dtypes(impl: Any, p: Run) -> None:
    got = train(impl, p).params
    assert set(got) == set(p.params)
    for name, table in p.params.items():
        assert got[name].shape == table.shape, name
        assert got[name].dtype == table.dtype, name


@law("The losses of a run's beginning are the beginning of its losses.", given=ANY, needs=TRAIN)
def losses_are_those_before_each_step(impl: Any, p: Run) -> None:
    whole = train(impl, p)
    for end in range(1, len(p.batches)):
        beginning = train(impl, part(p, 0, end)).losses
        assert_same_bits(beginning, whole.losses[:end], f"losses of {end} steps")


@law("The first loss knows nothing of the rule.", given=ANY, needs=TRAIN)
def the_first_loss_is_before_any_step(impl: Any, p: Run) -> None:
    still = {"momentum": 0.0, "dampening": 0.0, "nesterov": False}
    other = p._replace(rule="sgd", settings=still | {"weight_decay": 0.0, "decoupled": False})
    (allowed,) = bounded_run(part(p, 0, 1))[1]
    got, want = train(impl, p).losses[0], train(impl, other).losses[0]
    assert_within(got, want, allowed.tolerance, "the first loss")


@law("No batches leave the parameters as they are.", given=ANY, needs=TRAIN)
def no_batches_no_change(impl: Any, p: Run) -> None:
    got = train(impl, part(p, 0, 0))
    same_params(got.params, p.params)
    assert got.losses.shape == (0,)


@law("At rate zero nothing moves, not even by decay.", given=ANY, needs=TRAIN)
def rate_zero_moves_nothing(impl: Any, p: Run) -> None:
    got = train(impl, p._replace(lrs=[0.0] * len(p.lrs)))
    same_params(got.params, p.params)


@law("A last step at rate zero leaves the tables as they were before it.", given=ANY, needs=TRAIN)
def each_step_has_its_own_rate(impl: Any, p: Run) -> None:
    got = train(impl, p._replace(lrs=[*p.lrs[:-1], 0.0]))
    same_params(got.params, train(impl, part(p, 0, len(p.lrs) - 1)).params)


@law("The same run gives the same bits, whatever ran between.", given=ANY, needs=TRAIN)
def runs_are_reproducible(impl: Any, p: Run) -> None:
    first = train(impl, p)
    train(impl, p._replace(batches=p.batches[::-1]), first.params)
    same_run(train(impl, p), first)


@law(
    "Without decay, coupled and decoupled are one, to the bit.",
    given=with_settings(ANY, weight_decay=0.0),
    needs=TRAIN,
)
def couplings_agree_without_decay(impl: Any, p: Run) -> None:
    coupled, decoupled = (
        train(impl, p._replace(settings=p.settings | {"decoupled": value}))
        for value in (False, True)
    )
    same_run(decoupled, coupled)

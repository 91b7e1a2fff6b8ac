"""Laws of the model's gradients: exactness, sums over a batch, symmetries, derivatives."""

from typing import Any

import numpy as np

from npcf.verify import assert_within_exact, bounds, exact
from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.bounded_model import bounded_gradients, exact_params
from npcf.verify.conformance.law import Drawn, law
from npcf.verify.conformance.laws._model import (
    BOTH,
    SIDES,
    Pull,
    assert_agree,
    assert_gradients_agree,
    bounded_pull,
    calm,
    gradients,
    loss_gradients,
    measured,
    of_batch,
    pulls,
    wide,
)
from npcf.verify.strategies import Problem, problems

ANY, PROBLEMS = Drawn(pulls()), Drawn(problems())
LOGITS = ANY.map(lambda p: p._replace(y_range=None))
CALM = ANY.map(calm)


@law(
    "Gradients of the mean squared error lie within the derived bound of exact arithmetic.",
    given=PROBLEMS,
    needs=BOTH,
)
def model_gradients_are_exact_up_to_their_bound(impl: Any, p: Problem) -> None:
    batch = (p.params, p.users, p.items, p.rating, p.y_range)
    want = exact.dot_product_bias_gradients(*batch)
    allowed = bounds.dot_product_bias_gradients(*batch, impl.library)
    got = loss_gradients(impl, p)
    for name in p.params:
        assert_within_exact(got[name], want[name], allowed[name], f"the gradient of {name}")


@law(
    "Gradients of the mean squared error lie within the running error of the formula.",
    given=PROBLEMS,
    needs=BOTH,
)
def model_gradients_stay_within_the_running_error(impl: Any, p: Problem) -> None:
    params = exact_params(p.params)
    want = bounded_gradients(params, p.users, p.items, p.rating, p.y_range, p.dtype)[2]
    values = {name: bound.value for name, bound in want.items()}
    assert_gradients_agree(loss_gradients(impl, p), values, want)


@law("For any upstream gradient, those of the tables follow the formula.", given=ANY, needs=BOTH)
def model_gradients_follow_any_upstream(impl: Any, p: Pull) -> None:
    _, want = bounded_pull(p)
    assert_gradients_agree(
        gradients(impl, p), {name: bound.value for name, bound in want.items()}, want
    )


@law("Rows that no rating names get a gradient of exactly zero.", given=ANY, needs=BOTH)
def model_absent_rows_get_no_gradient(impl: Any, p: Pull) -> None:
    grads = gradients(impl, p)
    for side, ids in SIDES:
        for name in (f"{side}_factors", f"{side}_bias"):
            absent = np.setdiff1d(np.arange(len(p.params[name])), getattr(p, ids))
            assert not grads[name][absent].any(), f"{name} has a gradient in an absent row"


@law("No pull, no gradient: zero gives exactly zero.", given=ANY, needs=BOTH)
def model_without_pull_has_no_gradient(impl: Any, p: Pull) -> None:
    for name, grad in gradients(impl, p._replace(d_pred=np.zeros_like(p.d_pred))).items():
        assert not grad.any(), f"{name} has a gradient"


@law("Twice the pull gives exactly twice the gradients.", given=CALM, needs=BOTH)
def model_gradients_double_with_the_pull(impl: Any, p: Pull) -> None:
    once, doubled = gradients(impl, p), gradients(impl, p._replace(d_pred=p.d_pred * 2))
    for name in once:
        assert_same_bits(doubled[name], once[name] * 2, name)


@law("The opposite pull gives exactly the opposite gradients.", given=ANY, needs=BOTH)
def model_gradients_turn_with_the_pull(impl: Any, p: Pull) -> None:
    once, turned = gradients(impl, p), gradients(impl, p._replace(d_pred=-p.d_pred))
    for name in once:
        assert_same_bits(turned[name], -once[name], name)


@law("Pulls at some ratings and at the others add up.", given=ANY, needs=BOTH)
def model_gradients_add_over_pulls(impl: Any, p: Pull) -> None:
    odd = np.arange(len(p.users)) % 2 == 1
    zero = p.dtype.type(0)
    parts = [p._replace(d_pred=np.where(some, p.d_pred, zero)) for some in (odd, ~odd)]
    _assert_adds_up(impl, p, parts)


@law("Gradients of a batch are the sums of those of its ratings.", given=ANY, needs=BOTH)
def model_gradients_add_over_ratings(impl: Any, p: Pull) -> None:
    _assert_adds_up(impl, p, [of_batch(p, slice(b, b + 1)) for b in range(len(p.users))])


def _assert_adds_up(impl: Any, whole: Pull, parts: list[Pull]) -> None:
    """Raise AssertionError unless the gradients of `whole` are the sums of those of `parts`."""
    got, (_, allowed) = gradients(impl, whole), bounded_pull(whole)
    each = [(gradients(impl, part), bounded_pull(part)[1]) for part in parts]
    for name, grad in got.items():
        total = wide(np.zeros_like(grad))
        for grads, bound in each:
            total = total + measured(grads[name], bound[name])
        error = (total.tolerance + allowed[name].tolerance) / 2
        assert_within(grad, total.value, error, f"the gradient of {name}")


@law("A pair rated twice is pulled by both ratings.", given=ANY, needs=BOTH)
def model_repeated_pairs_are_pulled_twice(impl: Any, p: Pull) -> None:
    batch = np.arange(len(p.users))
    twice = of_batch(p, np.concatenate([batch, batch]))
    once = p._replace(d_pred=p.d_pred * 2)
    assert_gradients_agree(gradients(impl, twice), gradients(impl, once), bounded_pull(twice)[1])


@law(
    "User biases and item biases receive the same sum.",
    given=ANY,
    needs=BOTH,
)
def model_bias_gradients_have_equal_sums(impl: Any, p: Pull) -> None:
    grads, (_, bound) = gradients(impl, p), bounded_pull(p)
    users, items = (measured(grads[n], bound[n]).sum() for n in ("user_bias", "item_bias"))
    assert_agree(users, items, "the sum of the bias gradients")


@law(
    "Without a range, the bias gradients add up to the pulls.",
    given=LOGITS,
    needs=BOTH,
)
def model_bias_gradients_add_up_to_the_pulls(impl: Any, p: Pull) -> None:
    grads, (_, bound) = gradients(impl, p), bounded_pull(p)
    for name in ("user_bias", "item_bias"):
        total = measured(grads[name], bound[name]).sum()
        assert_agree(total, wide(p.d_pred).sum(), f"the sum of the gradient of {name}")


@law(
    "Without a range, a user named once gets the pull itself, and the pull times the item's row.",
    given=LOGITS,
    needs=BOTH,
)
def model_gradients_of_rows_named_once_are_one_product(impl: Any, p: Pull) -> None:
    for side, ids in SIDES:
        _, once = np.unique(getattr(p, ids), return_index=True)
        q = of_batch(p, once)
        rows, grads = getattr(q, ids), gradients(impl, q)
        other, other_ids = ("item", q.items) if side == "user" else ("user", q.users)
        product = q.d_pred[:, None] * q.params[f"{other}_factors"][other_ids]
        assert_same_bits(grads[f"{side}_bias"][rows], q.d_pred, f"{side}_bias")
        assert_same_bits(grads[f"{side}_factors"][rows], product, f"{side}_factors")


@law(
    "The gradient of one rating's user row is that of the user's bias times the item's row.",
    given=ANY,
    needs=BOTH,
)
def model_gradient_of_one_rating_has_rank_one(impl: Any, p: Pull) -> None:
    q = of_batch(p, slice(0, 1))
    grads, (_, bound) = gradients(impl, q), bounded_pull(q)
    for (side, ids), (other, others) in (SIDES, SIDES[::-1]):
        bias = measured(grads[f"{side}_bias"], bound[f"{side}_bias"]).take(getattr(q, ids))
        row = measured(grads[f"{side}_factors"], bound[f"{side}_factors"]).take(getattr(q, ids))
        product = bias.rows() * wide(q.params[f"{other}_factors"]).take(getattr(q, others))
        assert_agree(row, product, f"{side}_factors against {side}_bias")

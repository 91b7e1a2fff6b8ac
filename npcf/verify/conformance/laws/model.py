"""Laws of the model's predictions."""

from collections.abc import Callable
from typing import Any

import numpy as np

from npcf.verify import assert_within_exact, bounds, exact
from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.bounded import PRECISION, Bounded
from npcf.verify.conformance.law import Drawn, law
from npcf.verify.conformance.laws._model import (
    BOTH,
    FORWARD,
    LOSS,
    SIDES,
    Pull,
    assert_agree,
    assert_gradients_agree,
    bounded,
    bounded_pull,
    calm,
    exchanged,
    gradients,
    measured,
    on_tables,
    predict,
    predicted,
    prediction_error,
    pulls,
    wide,
    with_tables,
)
from npcf.verify.strategies import Problem, problems

ANY = Drawn(problems())
PULLS, PROBLEMS = Drawn(pulls()), Drawn(problems())


def _loss(impl: Any, p: Problem) -> tuple[Any, Any]:
    """Return (loss, gradients), all of it by the implementation."""
    pred, cache = impl.dot_product_bias_forward(p.params, p.users, p.items, p.y_range)
    loss, loss_cache = impl.mse_forward(pred, p.rating)
    return loss, impl.dot_product_bias_backward(impl.mse_backward(1.0, loss_cache), cache)


PULLS = Drawn(pulls())
PULLED_INTO_A_RANGE = PULLS.map(lambda p: p._replace(y_range=p.y_range or (0.5, 5.25)))
DOUBLES = Drawn(pulls(np.dtype(np.float64))).map(calm)
STEP = 2.0**-17  # about eps ** (1/3), where rounding and truncation balance; a power of two


def quotient(impl: Any, p: Pull, direction: Any, step: float) -> Bounded:
    """Return (<d_pred, pred(x + step v)> - <d_pred, pred(x - step v)>) / (2 step), measured."""
    ends = []
    for sign in (step, -step):
        params = {
            name: Bounded(table, 0.0, PRECISION[p.dtype])
            + Bounded(sign * direction[name].astype(np.float64), 0.0, PRECISION[p.dtype])
            for name, table in p.params.items()
        }
        moved = p._replace(params={k: b.value.astype(p.dtype) for k, b in params.items()})
        bound = predicted(p, params)
        ends.append((measured(predict(impl, moved), bound) * wide(p.d_pred)).sum())
    return (ends[0] - ends[1]) * wide(1 / (2 * step))


def slope(impl: Any, p: Pull, direction: Any) -> Bounded:
    """Return <gradients, v>, measured."""
    grads, bound = gradients(impl, p), bounded_pull(p)
    total = wide(0.0)
    for name, grad in grads.items():
        total = total + (measured(grad, bound[name]) * wide(direction[name])).sum()
    return total


def _truncation(p: Pull, direction: Any) -> float:
    """Bound h**2 / 6 |f'''|: logits are a h + b in h, and |sigmoid'''| <= 1/8."""
    if p.y_range is None:
        return 0.0
    users, items = p.users, p.items
    rates = (direction["user_factors"][users] * p.params["item_factors"][items]).sum(axis=1)
    rates += (p.params["user_factors"][users] * direction["item_factors"][items]).sum(axis=1)
    rates += direction["user_bias"][users] + direction["item_bias"][items]
    cubes = np.abs(p.d_pred) * np.abs(rates) ** 3
    return float(STEP**2 / 6 * (p.y_range[1] - p.y_range[0]) / 8 * cubes.sum() * (1 + 2.0**-30))


def _rotated(table: Bounded) -> Bounded:
    """Turn the first two factors by the angle whose cosine is 3/5 and whose sine is 4/5."""
    a, b = (Bounded(table.value[:, k], table.error[:, k], table.precision) for k in (0, 1))
    cosine, sine = table.constant(0.6), table.constant(0.8)
    value, error = table.value.copy(), table.error.copy()
    for k, turned in ((0, a * cosine - b * sine), (1, a * sine + b * cosine)):
        value[:, k], error[:, k] = turned.value, turned.error
    return Bounded(value, error, table.precision)


def forward(impl: Any, p: Pull) -> Any:
    """Return (pred, cache)."""
    return impl.dot_product_bias_forward(p.params, p.users, p.items, p.y_range)


def copies(p: Pull) -> dict[str, Any]:
    """Return a copy of every array of `p`, by name."""
    return {name: table.copy() for name, table in p.params.items()} | {
        name: getattr(p, name).copy() for name in ("users", "items", "d_pred")
    }


def assert_kept(p: Pull, before: dict[str, Any], after: str) -> None:
    """Raise AssertionError if an array of `p` is no longer what it was."""
    now = copies(p)
    assert now.keys() == before.keys(), f"a table came or went in {after}"
    for name, array in before.items():
        assert_same_bits(now[name], array, f"the argument {name}, after {after},")


def assert_refused(call: Callable[[Any], Any], wrong: Any, p: Pull, what: str) -> None:
    """Raise AssertionError unless `call(wrong)` raises, with the tables of `p` as they were."""
    before = copies(p)
    try:
        call(wrong)
    except Exception:
        assert_kept(p, before, "the refusal")
        return
    raise AssertionError(f"{what} was not refused")


@law(
    "Loss and gradients of a whole step lie within the derived bound of exact arithmetic.",
    given=ANY,
    needs=LOSS,
)
def model_step_is_exact_up_to_its_bound(impl: Any, p: Problem) -> None:
    batch = (p.params, p.users, p.items, p.rating, p.y_range)
    loss, grads = _loss(impl, p)
    error = bounds.dot_product_bias_loss(*batch, impl.library)
    assert_within_exact(loss, exact.dot_product_bias_loss(*batch), error, "loss")
    want = exact.dot_product_bias_gradients(*batch)
    allowed = bounds.dot_product_bias_gradients(*batch, impl.library)
    for name in p.params:
        assert_within_exact(grads[name], want[name], allowed[name], f"the gradient of {name}")


@law("For any upstream gradient, those of the tables follow the formula.", given=PULLS, needs=BOTH)
def model_gradients_follow_any_upstream(impl: Any, p: Pull) -> None:
    want = bounded_pull(p)
    assert_gradients_agree(
        gradients(impl, p), {name: bound.value for name, bound in want.items()}, want
    )


@law(
    "With a range, gradients are the slopes of the predictions along one side's parameters.",
    given=DOUBLES,
    needs=BOTH,
)
def model_gradients_are_slopes_of_predictions(impl: Any, p: Pull) -> None:
    for side in ("user", "item"):
        direction = {
            name: table[::-1] if name.startswith(side) else np.zeros_like(table)
            for name, table in p.params.items()
        }
        got, numeric = slope(impl, p, direction), quotient(impl, p, direction, STEP)
        error = (got.tolerance + numeric.tolerance) / 2 + _truncation(p, direction)
        assert_within(numeric.value, got.value, error, f"the slope along the {side} side")


@law("What user biases gain and item biases lose is not seen.", given=ANY, needs=FORWARD)
def model_shift_between_biases_is_not_seen(impl: Any, p: Problem) -> None:
    params = {name: Bounded.exact(table) for name, table in p.params.items()}
    params["user_bias"] = params["user_bias"] + params["user_bias"].constant(0.625)
    params["item_bias"] = params["item_bias"] + params["item_bias"].constant(-0.625)
    shifted = on_tables(p, lambda name, _: params[name].value.astype(p.dtype))
    error = predicted(p, params).tolerance
    assert_within(predict(impl, shifted), predict(impl, p), error + bounded(p).tolerance, "pred")


@law(
    "Factors of users and items rotated alike predict the same.",
    given=ANY.filter(lambda p: p.params["user_factors"].shape[1] > 1),
    needs=FORWARD,
)
def model_rotated_factors_predict_the_same(impl: Any, p: Problem) -> None:
    params = {name: Bounded.exact(table) for name, table in p.params.items()}
    for name in ("user_factors", "item_factors"):
        params[name] = _rotated(params[name])
    rotated = on_tables(p, lambda name, _: params[name].value.astype(p.dtype))
    error = predicted(p, params).tolerance
    assert_within(predict(impl, rotated), predict(impl, p), error + bounded(p).tolerance, "pred")


@law("Users and items may change places.", given=ANY, needs=FORWARD)
def model_is_symmetric_in_users_and_items(impl: Any, p: Problem) -> None:
    error = prediction_error(impl, p) + prediction_error(impl, exchanged(p))
    assert_within(predict(impl, exchanged(p)), predict(impl, p), error, "pred")


@law("Euler's identity: <P, dP> = <Q, dQ>.", given=PULLS, needs=BOTH)
def model_euler_identity(impl: Any, p: Pull) -> None:
    grads, bound = gradients(impl, p), bounded_pull(p)
    users, items = (
        (measured(grads[name], bound[name]) * wide(p.params[name])).sum()
        for name in ("user_factors", "item_factors")
    )
    assert_agree(users, items, "<P, dP> against <Q, dQ>")


@law("Rows that no rating names get a gradient of exactly zero.", given=PULLS, needs=BOTH)
def model_absent_rows_get_no_gradient(impl: Any, p: Pull) -> None:
    grads = gradients(impl, p)
    for side, ids in SIDES:
        for name in (f"{side}_factors", f"{side}_bias"):
            absent = np.setdiff1d(np.arange(len(p.params[name])), getattr(p, ids))
            assert not grads[name][absent].any(), f"{name} has a gradient in an absent row"


@law(
    "User biases and item biases receive the same sum.",
    given=PULLS,
    needs=BOTH,
)
def model_bias_gradients_have_equal_sums(impl: Any, p: Pull) -> None:
    grads, bound = gradients(impl, p), bounded_pull(p)
    users, items = (measured(grads[n], bound[n]).sum() for n in ("user_bias", "item_bias"))
    assert_agree(users, items, "the sum of the bias gradients")


@law(
    "A logit of plus or minus a thousand is saturated: its gradients are zero, not nan.",
    given=PULLED_INTO_A_RANGE.map(calm),
    needs=BOTH,
)
def model_saturated_predictions_do_not_learn(impl: Any, p: Pull) -> None:
    for logit in (1000, -1000):
        far = with_tables(p, user_bias=np.full_like(p.params["user_bias"], logit))
        for name, grad in gradients(impl, far).items():
            assert not grad.any(), f"{name} has a gradient at a logit of {logit}"


@law("A missing table is refused.", given=PULLS, needs=FORWARD)
def model_refuses_a_missing_table(impl: Any, p: Pull) -> None:
    for name in p.params:
        q = p._replace(params={k: table for k, table in p.params.items() if k != name})
        assert_refused(lambda q: forward(impl, q), q, p, f"a model without {name}")


@law("A range with low above high is refused.", given=PULLS, needs=FORWARD)
def model_refuses_a_range_upside_down(impl: Any, p: Pull) -> None:
    q = p._replace(y_range=(5.25, 0.5))
    assert_refused(lambda q: forward(impl, q), q, p, "the range (5.25, 0.5)")

"""Laws that hold the model's gradients against its own predictions, and against its range."""

from typing import Any

import numpy as np

from npcf.verify.assertions import assert_within
from npcf.verify.bounded import PRECISION, Bounded
from npcf.verify.bounded_model import bounded_predictions
from npcf.verify.conformance.law import Drawn, law
from npcf.verify.conformance.laws._model import (
    BOTH,
    DOUBLE,
    Pull,
    assert_agree,
    assert_gradients_agree,
    bounded_pull,
    calm,
    gradients,
    measured,
    on_tables,
    predict,
    pulls,
    wide,
    with_tables,
)

ANY = Drawn(pulls())
LOGITS = ANY.map(lambda p: p._replace(y_range=None))
RANGED = ANY.map(lambda p: p._replace(y_range=p.y_range or (0.5, 5.25)))
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
        bound = bounded_predictions(params, p.users, p.items, p.y_range)[0]
        ends.append((measured(predict(impl, moved), bound) * wide(p.d_pred)).sum())
    return (ends[0] - ends[1]) * wide(1 / (2 * step))


def slope(impl: Any, p: Pull, direction: Any) -> Bounded:
    """Return <gradients, v>, measured."""
    grads, (_, bound) = gradients(impl, p), bounded_pull(p)
    total = wide(0.0)
    for name, grad in grads.items():
        total = total + (measured(grad, bound[name]) * wide(direction[name])).sum()
    return total


@law(
    "Without a range, gradients are the slopes of the predictions along any direction.",
    given=LOGITS,
    needs=BOTH,
)
def model_gradients_are_slopes_of_logits(impl: Any, p: Pull) -> None:
    # A logit is of second degree in the parameters: the central quotient of any step is its slope.
    direction = {name: table[::-1] for name, table in p.params.items()}
    assert_agree(slope(impl, p, direction), quotient(impl, p, direction, 1.0), "the slope")


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


@law("Where all pulls are positive, so is every bias gradient.", given=ANY, needs=BOTH)
def model_bias_gradients_have_the_sign_of_the_pulls(impl: Any, p: Pull) -> None:
    q = p._replace(d_pred=np.abs(p.d_pred))
    grads, (_, bound) = gradients(impl, q), bounded_pull(q)
    for name in ("user_bias", "item_bias"):
        assert (grads[name] >= -bound[name].error).all(), f"{name} is pushed the other way"


@law(
    "The range passes on at most a quarter of its height of every pull.",
    given=RANGED,
    needs=BOTH,
)
def model_range_passes_on_a_quarter_of_its_height(impl: Any, p: Pull) -> None:
    q = p._replace(d_pred=np.abs(p.d_pred))
    low, high = q.y_range or (0.0, 0.0)
    grads, (_, bound) = gradients(impl, q), bounded_pull(q)
    most = np.zeros(grads["user_bias"].shape)
    np.add.at(most, q.users, q.d_pred.astype(np.float64) * ((high - low) / 4))
    rounding = DOUBLE.gamma(len(q.users)) * most + bound["user_bias"].tolerance
    assert (grads["user_bias"] <= most + rounding).all(), "more than R / 4 of the pull"


@law(
    "At parameters of zero the range passes on exactly a quarter of its height, up to rounding.",
    given=RANGED,
    needs=BOTH,
)
def model_gradients_at_zero(impl: Any, p: Pull) -> None:
    at_zero = on_tables(p, lambda _, table: np.zeros_like(table))
    low, high = p.y_range or (0.0, 0.0)
    grads, (_, bound) = gradients(impl, at_zero), bounded_pull(at_zero)
    want = np.zeros(grads["item_bias"].shape)
    np.add.at(want, p.items, p.d_pred.astype(np.float64) * ((high - low) / 4))
    assert_within(grads["item_bias"], want, bound["item_bias"].tolerance, "item_bias")
    assert not grads["user_factors"].any(), "factors of zero have a gradient"


@law(
    "A range of no height passes on nothing: every gradient is zero.",
    given=ANY.map(lambda p: p._replace(y_range=(1.25, 1.25))),
    needs=BOTH,
)
def model_range_of_no_height_has_no_gradient(impl: Any, p: Pull) -> None:
    for name, grad in gradients(impl, p).items():
        assert not grad.any(), f"{name} has a gradient"


@law(
    "A logit of plus or minus a thousand is saturated: its gradients are zero, not nan.",
    given=RANGED.map(calm),
    needs=BOTH,
)
def model_saturated_predictions_do_not_learn(impl: Any, p: Pull) -> None:
    for logit in (1000, -1000):
        far = with_tables(p, user_bias=np.full_like(p.params["user_bias"], logit))
        for name, grad in gradients(impl, far).items():
            assert not grad.any(), f"{name} has a gradient at a logit of {logit}"


@law("The range moved up as a whole changes no gradient.", given=RANGED, needs=BOTH)
def model_moved_range_has_the_same_gradients(impl: Any, p: Pull) -> None:
    low, high = p.y_range or (0.0, 0.0)
    moved = gradients(impl, p._replace(y_range=(low + 2, high + 2)))
    assert_gradients_agree(moved, gradients(impl, p), bounded_pull(p)[1])


@law("A range twice as high has gradients twice as large.", given=RANGED, needs=BOTH)
def model_gradients_grow_with_the_range(impl: Any, p: Pull) -> None:
    low, high = p.y_range or (0.0, 0.0)
    double = p._replace(y_range=(low, 2 * high - low))
    want = {name: grad.astype(np.float64) * 2 for name, grad in gradients(impl, p).items()}
    bound = bounded_pull(double)[1]
    assert_gradients_agree(gradients(impl, double), want, bound)

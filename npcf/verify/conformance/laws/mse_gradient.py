"""Laws of the loss's gradient: d_pred_b = (2 / B) (pred_b - rating_b) d_loss."""

from fractions import Fraction
from typing import Any

import numpy as np

from npcf.verify import assert_within_exact, bounds, exact
from npcf.verify.assertions import assert_same_bits
from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import law
from npcf.verify.conformance.laws._common import (
    POWERS,
    SPECIAL,
    assert_equal,
    cuts,
    inner,
    orders,
    quiet,
    reach,
    total,
    with_entry,
)
from npcf.verify.conformance.laws.mse import THREE, coarsened, leveled
from npcf.verify.strategies import LossInput, loss_inputs

NEEDS = ("mse_forward", "mse_backward")


def gradient(impl: Implementation, p: LossInput) -> Any:
    """Return d_pred (B,) after a forward."""
    return impl.mse_backward(p.d_loss, impl.mse_forward(p.pred, p.rating)[1])


def bound_of(impl: Implementation, p: LossInput) -> Any:
    """Return how far d_pred may lie from exact arithmetic."""
    return bounds.mse_backward(p.d_loss, p.pred, p.rating, library=impl.library)


def upstream(p: LossInput) -> Fraction:
    """Return d_loss as the dtype holds it."""
    return total(p.dtype.type(p.d_loss))


@law("The gradient is exact within the bound.", given=loss_inputs(), needs=NEEDS, examples=(THREE,))
def mse_gradient_is_exact_within_the_bound(impl: Implementation, p: LossInput) -> None:
    want = exact.mse_backward(p.d_loss, p.pred, p.rating)
    assert_within_exact(gradient(impl, p), want, bound_of(impl, p), "d_pred")


@law("The gradient's entries sum to 2 mean(pred - rating) d_loss.",
     given=loss_inputs(), needs=NEEDS, examples=(THREE,))  # fmt: skip
def mse_gradient_sums_to_twice_the_mean(impl: Implementation, p: LossInput) -> None:
    want = 2 * upstream(p) * (total(p.pred) - total(p.rating)) / len(p.pred)
    allowed = reach(bound_of(impl, p), np.ones(len(p.pred)))
    assert_equal(total(gradient(impl, p)), want, allowed, "sum of d_pred")


@law("Euler: <d_pred, pred - rating> = 2 loss d_loss, for the loss is quadratic.",
     given=loss_inputs(), needs=NEEDS, examples=(THREE,))  # fmt: skip
def mse_gradient_obeys_euler(impl: Implementation, p: LossInput) -> None:
    loss, cache = impl.mse_forward(p.pred, p.rating)
    d_pred, bound = impl.mse_backward(p.d_loss, cache), bound_of(impl, p)
    got, d_loss = inner(d_pred, p.pred) - inner(d_pred, p.rating), upstream(p)
    of_loss = total(bounds.mse(p.pred, p.rating, library=impl.library))
    allowed = reach(bound, p.pred) + reach(bound, p.rating) + 2 * abs(d_loss) * of_loss
    assert_equal(got, 2 * total(loss) * d_loss, allowed, "<d_pred, pred - rating>")


@law("Moving the predictions by v changes the loss by <d_pred, v> + <v, v> / B, for any v.",
     given=loss_inputs(), needs=NEEDS)  # fmt: skip
def mse_gradient_predicts_the_change(impl: Implementation, p: LossInput) -> None:
    p = leveled(p._replace(d_loss=1.0))
    moved, bound, d_pred = p.rating[::-1], bound_of(impl, p), gradient(impl, p)
    losses = [total(impl.mse_forward(pred, p.rating)[0]) for pred in (p.pred, moved)]
    square = inner(moved, moved) - 2 * inner(moved, p.pred) + inner(p.pred, p.pred)
    want = inner(d_pred, moved) - inner(d_pred, p.pred) + square / len(moved)
    allowed = reach(bound, p.pred) + reach(bound, moved)
    for pred in (p.pred, moved):
        allowed += total(bounds.mse(pred, p.rating, library=impl.library))
    assert_equal(losses[1] - losses[0], want, allowed, "loss(pred + v) - loss(pred)")


@law("A step of B / 2 against the gradient lands on the ratings.", given=loss_inputs(), needs=NEEDS)
def mse_gradient_leads_to_the_ratings(impl: Implementation, p: LossInput) -> None:
    p = p._replace(d_loss=1.0)
    d_pred, bound, half = gradient(impl, p), bound_of(impl, p), Fraction(len(p.pred), 2)
    for b, slope in enumerate(map(total, d_pred)):
        landed = total(p.pred[b]) - half * slope
        assert_equal(landed, total(p.rating[b]), half * total(bound[b]), f"pred[{b}] after it")


@law("Of one rating the gradient is twice its error times d_loss, rounded once each.",
     given=loss_inputs(), needs=NEEDS)  # fmt: skip
def mse_gradient_of_one_rating(impl: Implementation, p: LossInput) -> None:
    p, two = leveled(p), p.dtype.type(2)
    for b in range(len(p.pred)):
        one = p._replace(pred=p.pred[b : b + 1], rating=p.rating[b : b + 1])
        want = two * (one.pred - one.rating) * p.dtype.type(p.d_loss)
        assert_same_bits(gradient(impl, one), want)


@law("Where the prediction is right the gradient is exactly zero.",
     given=loss_inputs(), needs=NEEDS)  # fmt: skip
def mse_gradient_of_right_predictions_is_zero(impl: Implementation, p: LossInput) -> None:
    for where in (slice(0, None, 2), slice(1, None, 2), slice(None)):
        d_pred = gradient(impl, p._replace(rating=with_entry(p.rating, where, p.pred[where])))
        assert not d_pred[where].any(), f"{d_pred[where]}"


@law("The gradient has the sign of the error, or with a negative d_loss the other.",
     given=loss_inputs(), needs=NEEDS)  # fmt: skip
def mse_gradient_has_the_sign_of_the_error(impl: Implementation, p: LossInput) -> None:
    p = leveled(p)
    want = np.sign(p.pred - p.rating) * np.sign(p.d_loss)
    d_pred = gradient(impl, p)
    assert (np.sign(d_pred) == want).all(), f"{d_pred} for errors {p.pred - p.rating}"


@law("d_loss scaled by a power of two, or negated, scales the gradient to the bit; zero, to zero.",
     given=loss_inputs(), needs=NEEDS)  # fmt: skip
def mse_gradient_scales_with_d_loss(impl: Implementation, p: LossInput) -> None:
    p = leveled(p)
    want = gradient(impl, p)
    for scale in (0.0, *(-(2.0**power) for power in POWERS)):
        got = gradient(impl, p._replace(d_loss=p.d_loss * scale))
        assert_same_bits(got, want * p.dtype.type(scale))


@law("Both sides scaled by a power of two scale the gradient by it, to the bit.",
     given=loss_inputs(), needs=NEEDS)  # fmt: skip
def mse_gradient_scales(impl: Implementation, p: LossInput) -> None:
    p = leveled(p)
    want = gradient(impl, p)
    for power in POWERS:
        scale = p.dtype.type(2.0**power)
        got = gradient(impl, p._replace(pred=p.pred * scale, rating=p.rating * scale))
        assert_same_bits(got, want * scale)


@law("Both sides shifted by the same number change no bit, where the shift is exact.",
     given=loss_inputs(), needs=NEEDS)  # fmt: skip
def mse_gradient_ignores_shifts(impl: Implementation, p: LossInput) -> None:
    p = coarsened(p)
    for shift in (p.dtype.type(4), p.dtype.type(-0.5)):
        got = gradient(impl, p._replace(pred=p.pred + shift, rating=p.rating + shift))
        assert_same_bits(got, gradient(impl, p))


@law("Predictions and ratings exchanged negate the gradient, to the bit.",
     given=loss_inputs(), needs=NEEDS)  # fmt: skip
def mse_gradient_is_odd(impl: Implementation, p: LossInput) -> None:
    got = gradient(impl, p._replace(pred=p.rating, rating=p.pred))
    assert_same_bits(got, -gradient(impl, p))


@law("Permuting the ratings permutes the gradient.", given=loss_inputs(), needs=NEEDS)
def mse_gradient_follows_the_order(impl: Implementation, p: LossInput) -> None:
    want = gradient(impl, p)
    for order in orders(len(p.pred)):
        got = gradient(impl, p._replace(pred=p.pred[order], rating=p.rating[order]))
        assert_same_bits(got, want[order])


@law("A batch written twice halves every gradient, to the bit.", given=loss_inputs(), needs=NEEDS)
def mse_gradient_of_a_batch_twice(impl: Implementation, p: LossInput) -> None:
    p = leveled(p)
    pred, rating = (np.concatenate([x, x]) for x in (p.pred, p.rating))
    got, half = gradient(impl, p._replace(pred=pred, rating=rating)), p.dtype.type(0.5)
    assert_same_bits(got, np.tile(gradient(impl, p) * half, 2))


@law("In a part of B1 ratings out of B every gradient is B / B1 times as large.",
     given=loss_inputs(), needs=NEEDS)  # fmt: skip
def mse_gradient_of_two_parts(impl: Implementation, p: LossInput) -> None:
    n, whole, bound = len(p.pred), gradient(impl, p), bound_of(impl, p)
    for parts in [*cuts(n)][1:-1]:
        for part in parts:
            q = p._replace(pred=p.pred[part], rating=p.rating[part])
            share, m = gradient(impl, q), len(q.pred)
            allowed = m * bound_of(impl, q) + n * bound[part]
            for b in range(m):
                assert_equal(m * total(share[b]), n * total(whole[part][b]), allowed[b], "B1 d")


@law("NaN and infinities in one prediction or rating reach its own gradient only.",
     given=loss_inputs(), needs=NEEDS)  # fmt: skip
@quiet
def mse_gradient_keeps_nan_in_its_place(impl: Implementation, p: LossInput) -> None:
    p = p._replace(d_loss=1.0)
    want = gradient(impl, p)
    for value in SPECIAL:
        special = p.dtype.type(value)
        for field, sign in (("pred", 1), ("rating", -1)):
            got = gradient(impl, p._replace(**{field: with_entry(getattr(p, field), -1, value)}))
            assert_same_bits(got[-1], sign * special, f"gradient at {field} {value}")
            assert_same_bits(got[:-1], want[:-1], f"gradients beside {field} {value}")

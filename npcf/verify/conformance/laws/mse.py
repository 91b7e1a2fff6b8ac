"""Laws of the mean squared error: loss = (1 / B) sum_b (pred_b - rating_b)**2."""

from fractions import Fraction
from typing import Any

import numpy as np

from npcf.verify import bounds
from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import law
from npcf.verify.conformance.laws._common import (
    POWERS,
    assert_equal,
    cuts,
    inner,
    quiet,
    reach,
    refuses,
    total,
    whole,
    with_entry,
    without_small,
)
from npcf.verify.strategies import LossInput, loss_inputs

NEEDS = ("mse_forward",)
THREE = LossInput(np.array([1.0, 2.0, 4.5]), np.array([1.0, 3.0, 2.0]), 1.0)


def loss_of(impl: Implementation, pred: Any, rating: Any) -> Any:
    """Return the loss alone."""
    return impl.mse_forward(pred, rating)[0]


def bound_of(impl: Implementation, pred: Any, rating: Any) -> Any:
    """Return how far the loss may lie from exact arithmetic."""
    return bounds.mse(pred, rating, library=impl.library)


def leveled(p: LossInput) -> LossInput:
    """Bring the input to ordinary scale by a power of two; entries too small for squares go."""
    largest = max(np.abs(p.pred).max(), np.abs(p.rating).max())
    exponent = 3 - int(np.frexp(largest)[1])  # the largest lies in [4, 8) then
    pred, rating = (without_small(np.ldexp(x, exponent)) for x in (p.pred, p.rating))
    return p._replace(pred=pred, rating=rating)


BOTH = ("mse_forward", "mse_backward")


def gradient(impl: Implementation, p: LossInput) -> Any:
    """Return d_pred (B,) after a forward."""
    return impl.mse_backward(p.d_loss, impl.mse_forward(p.pred, p.rating)[1])


def gradient_bound(impl: Implementation, p: LossInput) -> Any:
    """Return how far d_pred may lie from exact arithmetic."""
    return bounds.mse_backward(p.d_loss, p.pred, p.rating, library=impl.library)


def upstream(p: LossInput) -> Fraction:
    """Return d_loss as the dtype holds it."""
    return total(p.dtype.type(p.d_loss))


@law("Of whole numbers, and as many as a power of two, the loss is exact.",
     given=loss_inputs(), needs=NEEDS, examples=(THREE,))  # fmt: skip
def mse_of_whole_numbers_is_exact(impl: Implementation, p: LossInput) -> None:
    n = 2 ** (len(p.pred).bit_length() - 1)
    pred, rating = (whole(x[:n]) for x in leveled(p)[:2])
    assert_same_bits(loss_of(impl, pred, rating), ((pred - rating) ** 2).sum() / p.dtype.type(n))


@law("The loss is zero exactly when every prediction equals its rating.",
     given=loss_inputs(), needs=NEEDS)  # fmt: skip
def mse_is_zero_only_where_all_are_right(impl: Implementation, p: LossInput) -> None:
    p = leveled(p)  # no square underflows
    assert loss_of(impl, p.pred, p.pred) == 0
    for b in range(len(p.pred)):
        rating = with_entry(p.pred, b, p.rating[b])
        loss = loss_of(impl, p.pred, rating)
        assert (loss == 0) == (p.pred[b] == p.rating[b]), f"loss {loss} for {p.pred}, {rating}"


@law("A batch's loss is the weighted mean of its parts': B L = B1 L1 + B2 L2.",
     given=loss_inputs(), needs=NEEDS, examples=(THREE,))  # fmt: skip
def mse_of_two_parts(impl: Implementation, p: LossInput) -> None:
    n, loss = len(p.pred), loss_of(impl, p.pred, p.rating)
    of_loss = n * bound_of(impl, p.pred, p.rating)
    for parts in [*cuts(n)][1:-1]:  # an empty part has no loss
        losses, allowed = Fraction(0), of_loss
        for part in parts:
            pred, rating = p.pred[part], p.rating[part]
            losses += len(pred) * total(loss_of(impl, pred, rating))
            allowed = allowed + len(pred) * bound_of(impl, pred, rating)
        assert_equal(losses, n * total(loss), allowed, "B1 L1 + B2 L2")


@law("Both scaled by 2**n scale the loss by 4**n, to the bit.", given=loss_inputs(), needs=NEEDS)
def mse_scales_with_the_square(impl: Implementation, p: LossInput) -> None:
    p = leveled(p)
    want = loss_of(impl, p.pred, p.rating)
    for power in POWERS:
        scale = p.dtype.type(2.0**power)
        got = loss_of(impl, p.pred * scale, p.rating * scale)
        assert_same_bits(got, want * scale * scale)


@law("NaN makes the loss NaN and an infinity makes it infinite, wherever it stands.",
     given=loss_inputs(), needs=NEEDS)  # fmt: skip
@quiet
def mse_of_no_numbers(impl: Implementation, p: LossInput) -> None:
    for b in range(len(p.pred)):
        for value in (np.nan, np.inf, -np.inf):
            want = abs(p.dtype.type(value))
            got = loss_of(impl, with_entry(p.pred, b, value), p.rating)
            assert_within(got, want, 0.0, f"loss with pred[{b}] = {value}")
            got = loss_of(impl, p.pred, with_entry(p.rating, b, value))
            assert_within(got, want, 0.0, f"loss with rating[{b}] = {value}")


@law("An empty batch raises: it has no mean.", given=loss_inputs(), needs=NEEDS)
def mse_refuses_an_empty_batch(impl: Implementation, p: LossInput) -> None:
    refuses("an empty batch", loss_of, impl, p.pred[:0], p.rating[:0])


@law("Ratings are cast to the dtype of the predictions, which is that of the loss.",
     given=loss_inputs(), needs=("mse_forward", "mse_backward"))  # fmt: skip
def ratings_do_not_promote_the_loss(impl: Implementation, p: LossInput) -> None:
    rating = np.round(p.rating)  # a number in every dtype

    def with_ratings(dtype: Any) -> tuple[Any, Any]:
        loss, cache = impl.mse_forward(p.pred, rating.astype(dtype))
        return loss, impl.mse_backward(p.d_loss, cache)

    want = with_ratings(p.pred.dtype)
    for dtype in (np.float32, np.float64):
        for got, same in zip(with_ratings(dtype), want, strict=True):
            assert_same_bits(got, same)


@law("Euler: <d_pred, pred - rating> = 2 loss d_loss, for the loss is quadratic.",
     given=loss_inputs(), needs=BOTH, examples=(THREE,))  # fmt: skip
def mse_gradient_obeys_euler(impl: Implementation, p: LossInput) -> None:
    loss, cache = impl.mse_forward(p.pred, p.rating)
    d_pred, bound = impl.mse_backward(p.d_loss, cache), gradient_bound(impl, p)
    got, d_loss = inner(d_pred, p.pred) - inner(d_pred, p.rating), upstream(p)
    of_loss = total(bounds.mse(p.pred, p.rating, library=impl.library))
    allowed = reach(bound, p.pred) + reach(bound, p.rating) + 2 * abs(d_loss) * of_loss
    assert_equal(got, 2 * total(loss) * d_loss, allowed, "<d_pred, pred - rating>")


@law("A step of B / 2 against the gradient lands on the ratings.", given=loss_inputs(), needs=BOTH)
def mse_gradient_leads_to_the_ratings(impl: Implementation, p: LossInput) -> None:
    p = p._replace(d_loss=1.0)
    d_pred, bound, half = gradient(impl, p), gradient_bound(impl, p), Fraction(len(p.pred), 2)
    for b, slope in enumerate(map(total, d_pred)):
        landed = total(p.pred[b]) - half * slope
        assert_equal(landed, total(p.rating[b]), half * total(bound[b]), f"pred[{b}] after it")


@law("Where the prediction is right the gradient is exactly zero.",
     given=loss_inputs(), needs=BOTH)  # fmt: skip
def mse_gradient_of_right_predictions_is_zero(impl: Implementation, p: LossInput) -> None:
    for where in (slice(0, None, 2), slice(1, None, 2), slice(None)):
        d_pred = gradient(impl, p._replace(rating=with_entry(p.rating, where, p.pred[where])))
        assert not d_pred[where].any(), f"{d_pred[where]}"


@law("Predictions and ratings exchanged negate the gradient, to the bit.",
     given=loss_inputs(), needs=BOTH)  # fmt: skip
def mse_gradient_is_odd(impl: Implementation, p: LossInput) -> None:
    got = gradient(impl, p._replace(pred=p.rating, rating=p.pred))
    assert_same_bits(got, -gradient(impl, p))


@law("A batch written twice halves every gradient, to the bit.", given=loss_inputs(), needs=BOTH)
def mse_gradient_of_a_batch_twice(impl: Implementation, p: LossInput) -> None:
    p = leveled(p)
    pred, rating = (np.concatenate([x, x]) for x in (p.pred, p.rating))
    got, half = gradient(impl, p._replace(pred=pred, rating=rating)), p.dtype.type(0.5)
    assert_same_bits(got, np.tile(gradient(impl, p) * half, 2))

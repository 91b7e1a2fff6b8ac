"""Laws of the mean squared error: loss = (1 / B) sum_b (pred_b - rating_b)**2."""

from fractions import Fraction
from typing import Any

import numpy as np

from npcf.verify import assert_within_exact, bounds, exact
from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import law
from npcf.verify.conformance.laws._common import (
    POWERS,
    assert_equal,
    coarse,
    cuts,
    orders,
    quiet,
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


def coarsened(p: LossInput) -> LossInput:
    """Bring the input to ordinary scale and to few digits, so that shifted it is exact."""
    p = leveled(p)
    return p._replace(pred=coarse(p.pred), rating=coarse(p.rating))


@law("The loss is exact within the bound.", given=loss_inputs(), needs=NEEDS, examples=(THREE,))
def mse_is_exact_within_the_bound(impl: Implementation, p: LossInput) -> None:
    want = exact.mse(p.pred, p.rating)
    allowed = bound_of(impl, p.pred, p.rating)
    assert_within_exact(loss_of(impl, p.pred, p.rating), want, allowed, "loss")


@law("Of whole numbers, and as many as a power of two, the loss is exact.",
     given=loss_inputs(), needs=NEEDS, examples=(THREE,))  # fmt: skip
def mse_of_whole_numbers_is_exact(impl: Implementation, p: LossInput) -> None:
    n = 2 ** (len(p.pred).bit_length() - 1)
    pred, rating = (whole(x[:n]) for x in leveled(p)[:2])
    assert_same_bits(loss_of(impl, pred, rating), ((pred - rating) ** 2).sum() / p.dtype.type(n))


@law("The loss of one rating is its error squared, with one rounding each.",
     given=loss_inputs(), needs=NEEDS)  # fmt: skip
def mse_of_one_rating(impl: Implementation, p: LossInput) -> None:
    p = leveled(p)
    for pred, rating in zip(p.pred, p.rating, strict=True):
        error = pred - rating
        got = loss_of(impl, np.array([pred]), np.array([rating]))
        assert_within(got, error * error, 0.0, "loss")


@law("The loss is not negative.", given=loss_inputs(), needs=NEEDS)
def mse_is_not_negative(impl: Implementation, p: LossInput) -> None:
    loss = loss_of(impl, p.pred, p.rating)
    assert loss >= 0, f"loss {loss}"


@law("The loss is zero exactly when every prediction equals its rating.",
     given=loss_inputs(), needs=NEEDS)  # fmt: skip
def mse_is_zero_only_where_all_are_right(impl: Implementation, p: LossInput) -> None:
    p = leveled(p)  # no square underflows
    assert loss_of(impl, p.pred, p.pred) == 0
    for b in range(len(p.pred)):
        rating = with_entry(p.pred, b, p.rating[b])
        loss = loss_of(impl, p.pred, rating)
        assert (loss == 0) == (p.pred[b] == p.rating[b]), f"loss {loss} for {p.pred}, {rating}"


@law("Predictions and ratings exchanged give the same bits.", given=loss_inputs(), needs=NEEDS)
def mse_is_symmetric(impl: Implementation, p: LossInput) -> None:
    assert_same_bits(loss_of(impl, p.rating, p.pred), loss_of(impl, p.pred, p.rating))


@law("Both negated give the same bits.", given=loss_inputs(), needs=NEEDS)
def mse_ignores_the_sign(impl: Implementation, p: LossInput) -> None:
    assert_same_bits(loss_of(impl, -p.pred, -p.rating), loss_of(impl, p.pred, p.rating))


@law("The order of the ratings changes nothing beyond rounding.", given=loss_inputs(), needs=NEEDS)
def mse_ignores_the_order(impl: Implementation, p: LossInput) -> None:
    want, allowed = loss_of(impl, p.pred, p.rating), 2 * bound_of(impl, p.pred, p.rating)
    for order in orders(len(p.pred)):
        assert_within(loss_of(impl, p.pred[order], p.rating[order]), want, allowed, "loss")


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


@law("A batch written twice has the same loss, up to rounding.", given=loss_inputs(), needs=NEEDS)
def mse_of_a_batch_twice(impl: Implementation, p: LossInput) -> None:
    twice = [np.concatenate([x, x]) for x in (p.pred, p.rating)]
    allowed = bound_of(impl, p.pred, p.rating) + bound_of(impl, *twice)
    assert_within(loss_of(impl, *twice), loss_of(impl, p.pred, p.rating), allowed, "loss")


@law("One more rating that is predicted rightly leaves B L as it was.",
     given=loss_inputs(), needs=NEEDS)  # fmt: skip
def mse_with_one_more_right(impl: Implementation, p: LossInput) -> None:
    longer = [np.append(x, p.dtype.type(3)) for x in (p.pred, p.rating)]
    n = len(p.pred)
    got = (n + 1) * total(loss_of(impl, *longer))
    want = n * total(loss_of(impl, p.pred, p.rating))
    allowed = (n + 1) * bound_of(impl, *longer) + n * bound_of(impl, p.pred, p.rating)
    assert_equal(got, want, allowed, "(B + 1) L")


@law("The loss lies between the smallest and the largest squared error.",
     given=loss_inputs(), needs=NEEDS)  # fmt: skip
def mse_is_a_mean(impl: Implementation, p: LossInput) -> None:
    loss, room = total(loss_of(impl, p.pred, p.rating)), total(bound_of(impl, p.pred, p.rating))
    pairs = zip(p.pred, p.rating, strict=True)
    squares = [(total(pred) - total(rating)) ** 2 for pred, rating in pairs]
    assert min(squares) - room <= loss <= max(squares) + room, f"loss {float(loss)}"


@law("Both scaled by 2**n scale the loss by 4**n, to the bit.", given=loss_inputs(), needs=NEEDS)
def mse_scales_with_the_square(impl: Implementation, p: LossInput) -> None:
    p = leveled(p)
    want = loss_of(impl, p.pred, p.rating)
    for power in POWERS:
        scale = p.dtype.type(2.0**power)
        got = loss_of(impl, p.pred * scale, p.rating * scale)
        assert_same_bits(got, want * scale * scale)


@law("Both shifted by the same number change no bit, where the shift is exact.",
     given=loss_inputs(), needs=NEEDS)  # fmt: skip
def mse_ignores_shifts(impl: Implementation, p: LossInput) -> None:
    p = coarsened(p)
    want = loss_of(impl, p.pred, p.rating)
    for shift in (p.dtype.type(4), p.dtype.type(-0.5)):
        assert_same_bits(loss_of(impl, p.pred + shift, p.rating + shift), want)


@law("Half-way from the predictions to the ratings the loss is a quarter.",
     given=loss_inputs(), needs=NEEDS)  # fmt: skip
def mse_half_way_is_a_quarter(impl: Implementation, p: LossInput) -> None:
    p = coarsened(p)
    half_way, quarter = (p.pred + p.rating) / 2, p.dtype.type(0.25)
    want = loss_of(impl, p.pred, p.rating) * quarter
    assert_same_bits(loss_of(impl, half_way, p.rating), want)


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

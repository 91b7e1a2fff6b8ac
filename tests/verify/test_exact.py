"""The exact values: against fractions worked out by hand, series, and 80 decimal digits."""

from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf.verify import exact
from npcf.verify.exact import sigmoid_of
from npcf.verify.rationals import BITS, Rationals
from npcf.verify.strategies import lookups, row_pairs, vectors

floats = st.floats(allow_nan=False, allow_infinity=False)
DIGITS = 70  # 232 bits


def decimal(x):
    return Decimal(x.numerator) / Decimal(x.denominator)


def close(got, want, digits=DIGITS):
    """Whether a Fraction and a Decimal agree to so many significant digits."""
    return abs(decimal(got) - want) <= abs(want) * Decimal(10) ** -digits


@given(x=st.lists(floats, min_size=1, max_size=6), y=floats)
def test_rationals_add_and_multiply_as_fractions_do(x, y):
    array, right = Rationals.exactly(x), Fraction(y)
    left = list(map(Fraction, x))
    assert list(array.fractions()) == left
    assert list((array * right / 3).fractions()) == [a * right / 3 for a in left]
    assert list((array / 7 + right / 3).fractions()) == [a / 7 + right / 3 for a in left]
    assert list((right - array / 3).fractions()) == [right - a / 3 for a in left]
    assert list(Rationals.dyadic(exact.fractions(x)).fractions()) == left


@given(x=st.lists(floats, min_size=1, max_size=6), y=floats.filter(bool))
def test_division_and_square_root_keep_240_bits(x, y):
    array, other = Rationals.exactly(x), Rationals.exactly([y])
    for got, a in zip((array / other).fractions(), map(Fraction, x), strict=True):
        assert abs(got - a / Fraction(y)) <= abs(a / Fraction(y)) / 2**BITS
    squares = (array * array).sqrt().fractions()
    for got, a in zip(squares, map(Fraction, x), strict=True):
        assert abs(got - abs(a)) <= abs(a) / 2**BITS


@pytest.mark.parametrize("x", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite_has_no_exact_value(x):
    with pytest.raises((ValueError, OverflowError)):
        exact.row_dot(np.array([[x]]), np.ones((1, 1)))
    with pytest.raises((ValueError, OverflowError)):
        exact.fractions(np.array([x]))


@given(x=st.floats(-700, 700))
def test_exp_and_sigmoid_against_decimal(x):
    with localcontext() as context:
        context.prec = 400  # 1 - s has 300 digits fewer than s
        e, argument = Decimal(x).exp(), Fraction(x)
        assert close(exact.exp(argument), e)
        assert close(sigmoid_of(argument), e / (1 + e))
        assert close(1 - sigmoid_of(argument), 1 / (1 + e))


@given(x=st.floats(0, allow_infinity=False))
def test_square_root_against_decimal(x):
    with localcontext() as context:
        context.prec = 800
        assert close(exact.sqrt(Fraction(x)), Decimal(x).sqrt()) or x == 0
    assert exact.sqrt(Fraction(9, 4)) == Fraction(3, 2)


def test_sigmoid_far_out_is_its_limit():
    assert (sigmoid_of(Fraction(10**6)), sigmoid_of(Fraction(-(10**6)))) == (1, 0)


@given(p=row_pairs())
def test_row_dot_and_its_gradient_are_sums_of_fractions(p):
    left, right, d_out = map(exact.fractions, (p.left, p.right, p.d_out))
    want = [sum(a * b for a, b in zip(x, y, strict=True)) for x, y in zip(left, right, strict=True)]
    assert list(exact.row_dot(p.left, p.right)) == want
    d_left, d_right = exact.row_dot_backward(p.d_out, p.left, p.right)
    assert (d_left == d_out[:, None] * right).all() and (d_right == d_out[:, None] * left).all()


@given(p=lookups())
def test_a_row_gets_the_sum_or_the_mean_of_its_gradients(p):
    ids, d_out, n = p.ids.astype(int), exact.fractions(p.d_out), len(p.weight)
    total, mean = (
        exact.embedding_backward(ids, p.d_out, n, scale_grad_by_freq=f) for f in (False, True)
    )
    for row in range(n):
        named = d_out[ids == row]
        assert list(total[row]) == list(named.sum(axis=0, initial=Fraction(0)))
        assert list(mean[row] * max(len(named), 1)) == list(total[row])
    assert not exact.embedding_backward(ids, p.d_out, n, padding_idx=0)[0].any()


def test_the_loss_and_its_gradient_by_hand():
    pred, rating = np.array([1.0, 2.0, 4.0]), np.array([0.0, 2.0, 1.0])
    assert exact.mse(pred, rating)[()] == Fraction(10, 3)
    assert list(exact.mse_backward(0.5, pred, rating)) == [Fraction(1, 3), 0, 1]


def test_the_models_gradient_by_hand():
    """One rating, no range: d = 2 e, and each gradient d times the other side."""
    params = {
        "user_factors": np.array([[2.0, 1.0]]),
        "item_factors": np.array([[0.5, 3.0], [9.0, 9.0]]),
        "user_bias": np.array([0.25]),
        "item_bias": np.array([0.125, 9.0]),
    }
    batch = (params, [0], [0])
    assert exact.dot_product_bias(*batch, None, mean=0.5)[0] == Fraction(39, 8)
    assert exact.dot_product_bias_loss(*batch, np.array([4.0]), None)[()] == Fraction(9, 64)
    grads = exact.dot_product_bias_gradients(*batch, np.array([4.0]), None)
    d = Fraction(3, 4)
    assert list(grads["user_factors"][0]) == [d / 2, d * 3]
    assert list(grads["item_factors"][0]) == [d * 2, d]
    assert not grads["item_factors"][1].any()
    assert (list(grads["user_bias"]), list(grads["item_bias"])) == ([d], [d, 0])


@given(x=vectors(min_size=1, limit=30))
def test_a_squashed_gradient_is_the_slope_of_the_squashing(x):
    """d_x = (out - low)(high - out) / (high - low)."""
    out = exact.sigmoid_range(x, 0.5, 5.0)
    slope = (out - Fraction(1, 2)) * (5 - out) / Fraction(9, 2)
    got = exact.sigmoid_range_backward(np.ones_like(x), x, 0.5, 5.0)
    assert all(abs(a - b) <= Fraction(1, 2**230) for a, b in zip(got, slope, strict=True))


def test_optimiser_steps_by_hand():
    one = np.ones(1)
    half = one / 2
    w, buf = exact.sgd_step(
        one, half, half, lr=0.5, momentum=0.5, dampening=0.25, weight_decay=0.25
    )
    assert (buf[0], w[0]) == (Fraction(13, 16), Fraction(19, 32))
    w, buf = exact.sgd_step(one, half, None, lr=0.5, weight_decay=0.5, decoupled=True)
    assert (w[0], buf) == (Fraction(1, 2), None)
    w, m, v = exact.adam_step(one, one, 0 * one, 0 * one, 1, lr=0.5, betas=(0.5, 0.75), eps=1.0)
    assert (m[0], v[0], w[0]) == (Fraction(1, 2), Fraction(1, 4), Fraction(3, 4))
    w, m, v = exact.sparse_adam_step(
        one, one, 0 * one, 0 * one, 1, lr=0.5, betas=(0.5, 0.75), eps=0.5
    )
    assert w[0] == Fraction(3, 4)
    step = exact.rmsprop_step(
        one, one, 0 * one, 0 * one, one, lr=0.5, alpha=0.75, eps=0.5, momentum=0.5
    )
    assert [x[0] for x in step] == [Fraction(1, 4), Fraction(1, 4), 0, Fraction(3, 2)]


def test_a_row_is_cut_to_its_length():
    weight = np.array([[3.0, 4.0], [3.0, 4.0], [0.3, 0.4]])
    cut = exact.renormalise_rows(weight, [0, 2], 1.0)
    shorter = cut[0] * (5 + Fraction(1e-7))
    assert list(map(round, shorter * 2**200)) == [3 * 2**200, 4 * 2**200]
    assert list(cut[1]) == [3, 4] and list(cut[2]) == list(map(Fraction, [0.3, 0.4]))

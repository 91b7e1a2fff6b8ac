"""The bounds themselves, against exact rational arithmetic; and that they are not vacuous."""

import operator
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from npcf import kernels, ops
from npcf.verify import PRECISION, Bounded
from npcf.verify.strategies import dtypes, lookups, row_pairs, values, vectors


def exact(array):
    """An array of Fractions with the same numbers."""
    return np.array([Fraction(float(x)) for x in array.ravel()], object).reshape(array.shape)


def used(got, want, error):
    """The largest share of `error` that |got - want| uses, computed exactly."""
    shares = [0.0]
    for g, w, e in zip(got.ravel(), want.ravel(), error.ravel(), strict=True):
        difference = abs(Fraction(float(g)) - w)
        if difference:
            shares.append(float(difference / Fraction(float(e))) if e else np.inf)
    return max(shares)


@st.composite
def pairs(draw, divisor=False):
    dtype, n = draw(dtypes), draw(st.integers(1, 6))
    a = draw(arrays(dtype, n, elements=values()))
    b = draw(arrays(dtype, n, elements=values()))
    if divisor:
        b = np.abs(b) + dtype.type(2.0**-10)
    return a, b


OPERATIONS = {"+": operator.add, "-": operator.sub, "*": operator.mul}


@pytest.mark.parametrize("sign", OPERATIONS)
@given(pair=pairs())
def test_arithmetic_in_the_working_precision_stays_within(sign, pair):
    a, b = pair
    f = OPERATIONS[sign]
    assert used(f(a, b), f(exact(a), exact(b)), f(Bounded.exact(a), Bounded.exact(b)).error) <= 1


@given(pair=pairs(divisor=True))
def test_division_and_square_root_stay_within(pair):
    a, b = pair
    bound = Bounded.exact(a) / Bounded.exact(b)
    assert used(a / b, exact(a) / exact(b), bound.error) <= 1
    root = Bounded.exact(b).sqrt()
    # r is right if (r - e)**2 <= b <= (r + e)**2, which needs no exact root
    for r, e, x in zip(np.sqrt(b), root.error, exact(b), strict=True):
        r, e = Fraction(float(r)), Fraction(float(e))
        assert max(r - e, 0) ** 2 <= x <= (r + e) ** 2


@pytest.mark.parametrize("backend", [ops, kernels])
@given(p=row_pairs())
def test_row_dot_stays_within(backend, p):
    bound = (Bounded.exact(p.left) * Bounded.exact(p.right)).sum(axis=1)
    want = (exact(p.left) * exact(p.right)).sum(axis=1) + Fraction(0)
    assert used(backend.row_dot_forward(p.left, p.right)[0], want, bound.error) <= 1


@pytest.mark.parametrize("backend", [ops, kernels])
@given(p=lookups())
def test_scatter_stays_within(backend, p):
    bound = Bounded.exact(p.d_out).scatter(p.ids.astype(np.intp), len(p.weight))
    want = np.full(p.weight.shape, Fraction(0))
    np.add.at(want, p.ids.astype(np.intp), exact(p.d_out))
    got = backend.embedding_backward(p.d_out, backend.embedding_forward(p.weight, p.ids)[1])
    assert used(got, want, bound.error) <= 1


@pytest.mark.parametrize("backend", [ops, kernels])
@given(x=vectors(limit=30))
def test_sigmoid_stays_within(backend, x):
    """Against 1 / (1 + e**-x) with e**-x summed as a rational series."""
    s, _ = Bounded.exact(x).sigmoid_pair()
    want = np.array([1 / (1 + rational_exp(-Fraction(float(z)))) for z in x], object)
    assert used(backend.sigmoid_range_forward(x, 0, 1)[1].s, want, s.error) <= 1


def rational_exp(x):
    """e**x to 150 bits: the series at x / 2**k, squared k times, rounded to keep it short."""
    halvings = max(0, int(abs(x)).bit_length() + 4)
    y, term, total = x / 2**halvings, Fraction(1), Fraction(1)
    for n in range(1, 40):
        term = round_to(term * y / n)
        total += term
    for _ in range(halvings):
        total = round_to(total * total)
    return total


def round_to(x, bits=220):
    return Fraction(round(x * 2**bits), 2**bits)


def test_bounds_are_reached_by_constructed_cases():
    """A bound that is never used proves nothing: these use more than 0.4 of it."""
    f32 = np.float32
    ones = np.full(2, f32(1))
    odd = np.array([1 + 2.0**-23, 1 - 2.0**-24], f32)
    cases = {
        "+": (odd[:1] + ones[:1] * f32(2), exact(odd[:1]) + 2,
              (Bounded.exact(odd[:1]) + Bounded.exact(ones[:1] * f32(2))).error),
        "*": (odd[:1] * odd[:1], exact(odd[:1]) ** 2,
              (Bounded.exact(odd[:1]) * Bounded.exact(odd[:1])).error),
    }  # fmt: skip
    shares = {name: used(*case) for name, case in cases.items()}
    assert shares["+"] > 0.4, shares
    assert 0 < shares["*"] <= 1, shares
    # a sum in which every addition rounds the same way: u relative to each partial sum
    stack = np.array([[1.0, *[2.0**-24] * 7]], f32)
    bound = (Bounded.exact(stack) * Bounded.exact(np.ones_like(stack))).sum(axis=1)
    got = kernels.row_dot_forward(stack, np.ones_like(stack))[0]
    share = used(got, exact(stack).sum(axis=1), bound.error)
    assert share > 0.4, share


def test_gamma_is_highams():
    p = PRECISION[np.dtype(np.float32)]
    assert p.gamma(0) == 0
    assert p.gamma(1) == p.u / (1 - p.u)
    assert p.gamma(10) > 10 * p.u


def test_dividing_by_what_may_be_zero_gives_no_false_certainty():
    zero = Bounded(0.0, 1e-9, PRECISION[np.dtype(np.float64)])
    one = Bounded(1.0, 0.0, PRECISION[np.dtype(np.float64)])
    assert np.isinf((one / zero).error)

"""Several numbers at a time: vectors make of a row what the formula makes of each number."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf.kernels._jit import jit
from npcf.kernels.rowwise import rowwise, where_set
from npcf.verify import assert_same_bits
from npcf.verify.strategies import dtypes


def move(w, m, g, a, b):
    """Use every operation that lanes know."""
    m = 2 * m + a * g - b
    return where_set(a, w - m / (np.sqrt(w * w) + 1), w + (1 - m)), 1 / (m * m + b), g + 1


def polynomial(y, factor, *terms):
    """Use a number, and an array of numbers."""
    total = terms[-1]
    for term in terms[-2::-1]:
        total = total * y + term
    return (factor * total,)


TERMS = {np.dtype(np.float32): 3, np.dtype(np.float64): 5}
move_row, polynomial_row = rowwise(move), rowwise(polynomial, TERMS)


@jit
def move_all(w, m, g, a, b):
    for row in range(w.shape[0]):
        move_row((w[row], m[row], g[row]), (a, b))


@jit
def evaluate(y, factor, terms):
    for row in range(y.shape[0]):
        polynomial_row((y[row],), (factor, terms))


@given(
    width=st.integers(0, 70),
    dtype=dtypes,
    a=st.sampled_from([0.0, 0.1, -1.5]),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_row_of_any_width_has_the_bits_of_the_formula(width, dtype, a, seed):
    """Below a vector's width, at it, at its multiples and between; rows beside it stay."""
    rng = np.random.default_rng(seed)
    w, m, g = rng.normal(0, 1, (3, 4, width)).astype(dtype)
    want = move(w, m, g, dtype.type(a), dtype.type(0.3))
    move_all(w[1:3], m[1:3], g[1:3], a, 0.3)
    for name, got, new in zip("wmg", (w, m, g), want, strict=True):
        assert_same_bits(got[1:3], new[1:3], name)
    rng = np.random.default_rng(seed)
    for name, got, old in zip("wmg", (w, m, g), rng.normal(0, 1, (3, 4, width)), strict=True):
        assert_same_bits(got[[0, 3]], old.astype(dtype)[[0, 3]], f"rows beside {name}")


@given(width=st.integers(0, 20), dtype=dtypes, seed=st.integers(0, 2**32 - 1))
def test_an_array_of_numbers_is_rounded_to_the_rows_dtype_first(width, dtype, seed):
    rng = np.random.default_rng(seed)
    y, terms = rng.normal(0, 1, (2, width)).astype(dtype), rng.normal(0, 1, TERMS[dtype])
    (want,) = polynomial(y, dtype.type(0.7), *terms.astype(dtype))
    evaluate(y, 0.7, terms)
    assert_same_bits(y, want)


@pytest.mark.parametrize("a", [0.0, 2.0])
def test_what_is_not_chosen_may_be_anything(a):
    """Infinity times zero is not a number, and must not come out."""
    w, m, g = np.ones((3, 1, 9))
    w[:] = np.inf if a == 0 else 1
    with np.errstate(invalid="ignore"):  # as arrays, both are computed
        move_all(w, m, g, a, 0.3)
    assert not np.isnan(w).any()

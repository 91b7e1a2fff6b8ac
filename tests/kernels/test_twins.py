"""Twins stay twins: the same names, signatures, results and refusals."""

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf import kernels, ops
from npcf.errors import IdRangeError
from npcf.verify import (
    assert_same_bits,
    assert_within,
    bounds,
)
from npcf.verify.strategies import dtypes, vectors


@pytest.mark.parametrize("name", kernels.__all__)
def test_every_kernel_has_a_reference_of_the_same_signature(name):
    assert inspect.signature(getattr(kernels, name)) == inspect.signature(getattr(ops, name))


def test_every_operation_of_the_model_has_a_kernel():
    functions = {n for n in ops.__all__ if n.endswith(("_forward", "_backward"))}
    assert functions - set(kernels.__all__) == {"one_hot_forward", "one_hot_backward"}


@given(x=vectors())
def test_elementwise_backwards_agree_to_the_bit(x):
    """Given the same s, and the same error."""
    d_out = x[::-1]
    _, cache = ops.sigmoid_range_forward(x, -1.0, 4.5)
    got, want = (m.sigmoid_range_backward(d_out, cache) for m in (kernels, ops))
    assert_same_bits(got, want)
    if x.size:
        _, cache = ops.mse_forward(x, np.arange(x.size))
        assert_same_bits(kernels.mse_backward(0.3, cache), ops.mse_backward(0.3, cache))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_row_dots_of_up_to_128_factors_agree_to_the_bit(dtype):
    """In NumPy's order of addition; the sign of zero, infinities and NaN are part of it."""
    rng = np.random.default_rng(0)
    for n_factors in range(129):
        left, right = rng.normal(0, 1, (2, 9, n_factors)).astype(dtype)
        left[1], right[2], left[3] = -0.0, -0.0, rng.choice([0.0, -0.0], n_factors)
        left[4, n_factors // 2 :], left[5, :1], right[6, -1:] = 1e30, np.inf, np.nan
        with np.errstate(invalid="ignore", over="ignore"):
            got, want = (m.row_dot_forward(left, right)[0] for m in (kernels, ops))
        assert_same_bits(got, want, f"{n_factors} factors")
        signs = np.where(np.isnan(want), 0, np.signbit([got, want]))
        assert_same_bits(*signs, f"signs of {n_factors} factors")


@given(n_factors=st.integers(129, 400), dtype=dtypes, seed=st.integers(0, 2**32 - 1))
def test_longer_row_dots_lie_within_the_bound(n_factors, dtype, seed):
    left, right = np.random.default_rng(seed).normal(0, 1, (2, 3, n_factors)).astype(dtype)
    got, want = (m.row_dot_forward(left, right)[0] for m in (kernels, ops))
    assert_within(got, want, 2 * bounds.row_dot(left, right))


def test_no_compiled_loop_sees_a_foreign_id():
    """Unchecked, this lookup would return whatever lies behind the table in memory."""
    with pytest.raises(IdRangeError):
        kernels.embedding_forward(np.ones((4, 3)), np.array([10**9]))
    with pytest.raises(IdRangeError):
        kernels.bias_forward(np.ones(1), np.ones(4), np.ones(4), np.array([0]), np.array([-1]))


def test_float32_stays_float32_in_the_sums():
    """A float64 accumulator would round once; the twin must not pretend to another precision."""
    left = np.full((1, 3), 1 + 2.0**-12, np.float32)
    total = np.float32(0)
    for value in left[0] * left[0]:
        total += value
    assert_same_bits(kernels.row_dot_forward(left, left)[0], np.array([total]))

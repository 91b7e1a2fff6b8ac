"""Laws of the sigmoid range."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf.errors import SettingError, ShapeError
from npcf.verify import Bounded, assert_same_bits, assert_within
from npcf.verify.strategies import lay_out, vectors, y_ranges
from tests.backends import every_backend

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def bounded(x, low, high) -> Bounded:
    s, _ = Bounded.exact(x).sigmoid_pair()
    return s * s.constant(high - low) + s.constant(low)


@every_backend
@given(x=vectors(), y_range=y_ranges())
def test_lies_in_the_range(backend, x, y_range):
    """Quarter-step ranges are exact, so that not even rounding leads outside."""
    out, _ = backend.sigmoid_range_forward(x, *y_range)
    assert out.dtype == x.dtype
    assert ((out >= y_range[0]) & (out <= y_range[1])).all()


@every_backend
@given(x=vectors(), y_range=y_ranges())
def test_equals_the_formula_within_its_bound(backend, x, y_range):
    out, _ = backend.sigmoid_range_forward(x, *y_range)
    want = bounded(x, *y_range)
    assert_within(out, want.value, want.tolerance)


@every_backend
@given(x=vectors(), y_range=y_ranges())
def test_mirrors_about_the_middle(backend, x, y_range):
    """out(x) + out(-x) = low + high."""
    up, down = (backend.sigmoid_range_forward(z, *y_range)[0] for z in (x, -x))
    total = bounded(x, *y_range) + bounded(-x, *y_range)
    assert_within(up + down, np.full(x.shape, sum(y_range)), total.tolerance)


@every_backend
@given(x=vectors(min_size=2))
def test_is_monotone(backend, x):
    """Up to the error of exp, which need not be monotone in the last place."""
    order = np.sort(x)
    out, _ = backend.sigmoid_range_forward(order, 0.0, 5.5)
    slack = bounded(order, 0.0, 5.5).tolerance
    assert (out[1:] - out[:-1] >= -slack[1:]).all()


@every_backend
@given(x=vectors(), y_range=y_ranges())
def test_backward_is_g_times_height_times_1_minus_s_times_s_in_this_order(backend, x, y_range):
    _, cache = backend.sigmoid_range_forward(x, *y_range)
    d_out = np.linspace(-3, 3, x.size).astype(x.dtype)
    height, one = x.dtype.type(y_range[1] - y_range[0]), x.dtype.type(1)
    want = [d * height * (one - s) * s for d, s in zip(d_out, cache.s, strict=True)]
    assert_same_bits(backend.sigmoid_range_backward(d_out, cache), np.array(want, x.dtype))


@every_backend
@given(x=vectors(), layout=st.sampled_from(["strided", "reversed", "read-only"]))
def test_memory_layout_changes_nothing_beyond_the_bound(backend, x, layout):
    want = backend.sigmoid_range_forward(np.ascontiguousarray(x), 0.0, 5.5)[0]
    got = backend.sigmoid_range_forward(lay_out(x, layout), 0.0, 5.5)[0]
    assert_within(got, want, bounded(x, 0.0, 5.5).tolerance)


@every_backend
@dtypes
def test_both_tails_without_overflow_or_warning(backend, dtype):
    x = np.array([-np.inf, -1e4, -1000, 0, 1000, 1e4, np.inf, np.nan], dtype)
    out, cache = backend.sigmoid_range_forward(x, 0.0, 5.5)
    assert_same_bits(out, np.array([0, 0, 0, 2.75, 5.5, 5.5, 5.5, np.nan], dtype))
    gradient = backend.sigmoid_range_backward(np.ones_like(x), cache)
    assert_same_bits(gradient, np.array([0, 0, 0, 1.375, 0, 0, 0, np.nan], dtype))


@every_backend
@pytest.mark.parametrize(("dtype", "dead"), [(np.float32, 16.64), (np.float64, 36.74)])
def test_gradient_is_exactly_zero_once_saturated_upwards_but_not_downwards(backend, dtype, dead):
    x = np.array([dead, -dead], dtype)
    _, cache = backend.sigmoid_range_forward(x, 0.0, 5.5)
    gradient = backend.sigmoid_range_backward(np.ones(2, dtype), cache)
    assert gradient[0] == 0 < gradient[1]


@every_backend
def test_bad_ranges_are_refused(backend):
    x = np.zeros(1)
    with pytest.raises(SettingError, match="low 5 lies above high 1"):
        backend.sigmoid_range_forward(x, 5, 1)
    with pytest.raises(SettingError, match="high"):
        backend.sigmoid_range_forward(x, 0, np.nan)
    with pytest.raises(ShapeError, match="d_out"):
        backend.sigmoid_range_backward(x[:, None], backend.sigmoid_range_forward(x, 0, 1)[1])


@every_backend
def test_empty_gives_empty(backend):
    assert backend.sigmoid_range_forward(np.zeros(0), 0, 1)[0].shape == (0,)

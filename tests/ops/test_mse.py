"""Laws of the mean squared error."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from npcf.errors import DTypeError, EmptyBatchError, ShapeError
from npcf.verify import Bounded, assert_same_bits, assert_within
from npcf.verify.strategies import dtypes, values
from tests.backends import every_backend


@st.composite
def losses(draw):
    n, dtype = draw(st.integers(1, 40)), draw(dtypes)
    return tuple(draw(arrays(dtype, n, elements=values())) for _ in range(2))


def bounded(pred, rating) -> Bounded:
    error = Bounded.exact(pred) - Bounded.exact(rating)
    return (error * error).sum() * error.constant(1 / error.value.size)


@every_backend
@given(pair=losses())
def test_is_the_mean_of_squares(backend, pair):
    pred, rating = pair
    loss, _ = backend.mse_forward(pred, rating)
    want = bounded(pred, rating)
    assert loss.dtype == pred.dtype
    assert_within(loss, want.value, want.tolerance)


@every_backend
@given(pair=losses())
def test_is_zero_exactly_when_equal_and_never_negative(backend, pair):
    pred, rating = pair
    assert backend.mse_forward(pred, pred)[0] == 0
    assert not backend.mse_backward(1.0, backend.mse_forward(pred, pred)[1]).any()
    loss, squares = backend.mse_forward(pred, rating)[0], (pred - rating) ** 2
    assert loss >= 0
    if squares.max() >= pred.size * np.finfo(pred.dtype).tiny:  # smaller ones may underflow
        assert loss > 0


@every_backend
@given(pair=losses(), d_loss=values())
def test_gradient_is_two_over_n_times_error_times_upstream_in_this_order(backend, pair, d_loss):
    pred, rating = pair
    number = pred.dtype.type
    got = backend.mse_backward(d_loss, backend.mse_forward(pred, rating)[1])
    scale = number(2 / pred.size)
    want = [scale * (p - r) * number(d_loss) for p, r in zip(pred, rating, strict=True)]
    assert_same_bits(got, np.array(want, pred.dtype))


@every_backend
@given(first=losses(), n=st.integers(1, 39))
def test_a_batch_is_the_weighted_mean_of_its_parts(backend, first, n):
    """L = (B1 L1 + B2 L2) / B."""
    pred, rating = first
    n = min(n, pred.size - 1)
    if n == 0:
        return
    parts = [backend.mse_forward(pred[s], rating[s])[0] for s in (slice(n), slice(n, None))]
    want = (n * float(parts[0]) + (pred.size - n) * float(parts[1])) / pred.size
    assert_within(backend.mse_forward(pred, rating)[0], want, 2 * bounded(pred, rating).tolerance)


@every_backend
@given(pair=losses(), rating_dtype=st.sampled_from([np.int8, np.int64, np.float32, np.float64]))
def test_ratings_are_cast_to_the_dtype_of_the_prediction(backend, pair, rating_dtype):
    pred = pair[0]
    rating = np.arange(pred.size).astype(rating_dtype)
    loss, cache = backend.mse_forward(pred, rating)
    want, want_cache = backend.mse_forward(pred, rating.astype(pred.dtype))
    assert_same_bits(loss, want)
    assert_same_bits(backend.mse_backward(1.0, cache), backend.mse_backward(1.0, want_cache))
    assert backend.mse_backward(1.0, cache).dtype == pred.dtype


@every_backend
def test_vector_against_column_is_refused_with_the_reason(backend):
    """torch only warns here, and averages 64 * 64 wrong pairs."""
    with pytest.raises(ShapeError) as raised:
        backend.mse_forward(np.ones(64), np.ones((64, 1)))
    for word in ("(64,)", "(64, 1)", "keepdim=True", "(64, 64)"):
        assert word in str(raised.value)
    assert backend.mse_forward(np.ones((64, 1)), np.zeros((64, 1)))[0] == 1


@every_backend
def test_empty_batch_and_foreign_types_are_refused(backend):
    with pytest.raises(EmptyBatchError):
        backend.mse_forward(np.zeros(0), np.zeros(0))
    with pytest.raises(DTypeError, match="pred"):
        backend.mse_forward(np.ones(2, int), np.ones(2))
    with pytest.raises(DTypeError, match="rating"):
        backend.mse_forward(np.ones(2), np.array(["4", "5"]))
    with pytest.raises(ShapeError, match="d_loss"):
        backend.mse_backward(np.ones(2), backend.mse_forward(np.ones(2), np.ones(2))[1])

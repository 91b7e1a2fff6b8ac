"""The lookup beyond the protocol: padding, scaling by frequency, ids of any shape, one-hot rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf import ops
from npcf.errors import IdRangeError
from npcf.verify import Bounded, assert_same_bits, assert_within, bounds, exact
from npcf.verify.assertions import assert_within_exact
from npcf.verify.strategies import Lookup, lookups
from tests.backends import both_backends, every_backend


def scattered(p: Lookup) -> Bounded:
    """The scatter with its bound."""
    return Bounded.exact(p.d_out).scatter(p.ids.astype(np.intp), len(p.weight))


def gradient(backend, p, padding=None, by_frequency=False):
    _, cache = backend.embedding_forward(p.weight, p.ids, padding, scale_grad_by_freq=by_frequency)
    return backend.embedding_backward(p.d_out, cache)


@pytest.mark.parametrize("by_frequency", [False, True])
@given(p=lookups(), padding=st.integers(-4, 3))
@both_backends
def test_padding_row_is_looked_up_but_gets_no_gradient(backend, p, padding, by_frequency):
    if not -len(p.weight) <= padding < len(p.weight):
        with pytest.raises(IdRangeError, match="padding_idx"):
            backend.embedding_forward(p.weight, p.ids, padding)
        return
    out, _ = backend.embedding_forward(p.weight, p.ids, padding)
    assert_same_bits(out, backend.embedding_forward(p.weight, p.ids)[0])
    want = gradient(backend, p, by_frequency=by_frequency)
    want[padding] = 0
    got, problem = gradient(backend, p, padding, by_frequency), (p.ids, p.d_out, len(p.weight))
    assert_same_bits(got, want)
    options = {"padding_idx": padding % len(p.weight), "scale_grad_by_freq": by_frequency}
    want = exact.embedding_backward(*problem, **options)
    assert_within_exact(got, want, bounds.embedding_backward(*problem, **options))


@given(p=lookups())
@both_backends
def test_scaled_by_frequency_a_row_gets_the_mean_of_its_gradients(backend, p):
    """Each times the rounded 1 / count, then added in batch order from zero."""
    counts = {i: p.ids.tolist().count(i) for i in p.ids.tolist()}
    want, dtype = np.zeros_like(p.weight, subok=False), p.weight.dtype.type
    for i, row in zip(p.ids.tolist(), p.d_out, strict=True):
        want[i] = want[i] + row * dtype(1 / counts[i])
    got = gradient(backend, p, by_frequency=True)
    assert_same_bits(got, want)
    bound = scattered(p)
    for i, count in counts.items():
        mean = p.d_out[p.ids == i].astype(np.float64).mean(axis=0)
        size = np.abs(p.d_out[p.ids == i].astype(np.float64)).sum(axis=0) / count
        allowed = bound.precision.gamma(count + 2) * size + count * bound.precision.eta
        assert_within(got[i], mean, 2 * allowed, f"row {i}")
    if set(counts.values()) <= {1}:
        assert_same_bits(got, gradient(backend, p))


@every_backend
@pytest.mark.parametrize("by_frequency", [False, True])
def test_any_shape_of_ids(backend, by_frequency):
    """0-d, 2-d and empty ids, a table without rows: as torch.nn.Embedding."""
    weight, ids = np.arange(6.0).reshape(3, 2), np.array([[0, 2], [2, 2]])
    assert backend.embedding_forward(weight, np.array(2))[0].tolist() == [4, 5]
    out, cache = backend.embedding_forward(weight, ids, scale_grad_by_freq=by_frequency)
    assert out.shape == (2, 2, 2)
    d_out = np.full(out.shape, 3.0)
    bound = bounds.embedding_backward(ids, d_out, 3, scale_grad_by_freq=by_frequency)
    want = np.array([[3.0, 3], [0, 0], [3, 3] if by_frequency else [9, 9]])
    assert_within(backend.embedding_backward(d_out, cache), want, bound)
    empty, nothing = np.zeros(0, np.int64), np.zeros((0, 2))
    out, cache = backend.embedding_forward(nothing, empty, scale_grad_by_freq=by_frequency)
    assert out.shape == backend.embedding_backward(out, cache).shape == (0, 2)
    with pytest.raises(IdRangeError):
        backend.embedding_forward(nothing, np.array([0]))


@given(p=lookups(min_batch=1), where=st.integers(0, 7), bad=st.sampled_from([-1, 4, 99, -(2**40)]))
@both_backends
def test_id_outside_the_table_is_refused_and_named(backend, p, where, bad):
    ids = p.ids.astype(np.int64)
    where %= len(ids)
    ids[where] = bad
    with pytest.raises(IdRangeError) as raised:
        backend.embedding_forward(p.weight, ids)
    assert (raised.value.position, raised.value.value) == (where, bad)
    assert f"ids[{where}]: id {bad} is outside [0, {len(p.weight)})" in str(raised.value)


@given(p=lookups())
def test_one_hot_product_is_the_lookup_and_its_gradient_the_scatter(p):
    """H @ W == W[ids] for finite tables, and H.T @ D is the scatter within its bound."""
    out, cache = ops.one_hot_forward(p.weight, p.ids)
    assert_same_bits(out, ops.embedding_forward(p.weight, p.ids)[0])
    assert_within(ops.one_hot_backward(p.d_out, cache), gradient(ops, p), scattered(p).tolerance)
    assert_within_exact(out, exact.one_hot(p.weight, p.ids), bounds.one_hot(p.weight, p.ids))


def test_one_hot_product_breaks_on_tables_holding_nan():
    """0 * NaN = NaN: the product reads every row, the lookup only the one asked for."""
    weight = np.array([[1.0], [np.nan]])
    assert ops.embedding_forward(weight, np.array([0]))[0].tolist() == [[1.0]]
    assert np.isnan(ops.one_hot_forward(weight, np.array([0]))[0]).all()


@given(p=lookups(min_batch=1))
def test_linear_layer_on_one_hot_rows_needs_the_transposed_table(p):
    """torch.nn.Linear is x @ W_lin.T: with W_lin = W.T and one-hot x it is the lookup."""
    x = ops.one_hot(p.ids, len(p.weight), p.weight.dtype)
    linear_weight = p.weight.T  # (out_features, in_features)
    assert_same_bits(x @ linear_weight.T, ops.embedding_forward(p.weight, p.ids)[0])
    mixed = np.ones((1, len(p.weight)), p.weight.dtype) @ linear_weight.T
    assert_within(mixed[0], p.weight.sum(0), Bounded.exact(p.weight).sum(0).tolerance)

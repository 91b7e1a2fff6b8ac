"""Laws of the embedding lookup."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from npcf import ops
from npcf.errors import DTypeError, IdRangeError, ShapeError
from npcf.verify import Bounded, assert_same_bits, assert_within, bounds, exact
from npcf.verify.assertions import assert_within_exact
from npcf.verify.strategies import LAYOUTS, Lookup, lay_out, lookups
from tests.backends import agree, every_backend, inner

REPEATED = Lookup(np.zeros((2, 1)), np.array([1, 1]), np.ones((2, 1)))


def scattered(p: Lookup) -> Bounded:
    """The scatter with its bound."""
    return Bounded.exact(p.d_out).scatter(p.ids.astype(np.intp), len(p.weight))


@every_backend
@given(p=lookups())
def test_lookup_copies_rows(backend, p):
    out, _ = backend.embedding_forward(p.weight, p.ids)
    want = np.array([p.weight[i] for i in p.ids.tolist()], p.weight.dtype)
    assert_same_bits(out, want.reshape(len(p.ids), p.weight.shape[1]))


@every_backend
@given(p=lookups())
@example(p=REPEATED)
def test_backward_is_the_adjoint_of_forward(backend, p):
    """<lookup(W), D> == <W, scatter(D)>: a linear op needs no finite differences."""
    out, cache = backend.embedding_forward(p.weight, p.ids)
    d_weight = backend.embedding_backward(p.d_out, cache)
    bounded = Bounded(d_weight, scattered(p).error, scattered(p).precision)
    assert agree(inner(out, p.d_out), inner(bounded, p.weight))


@every_backend
@given(p=lookups())
@example(p=REPEATED)
def test_backward_sums_equal_ids_in_batch_order_from_zero(backend, p):
    """The order is part of the contract: it makes the sum the same bits as torch's."""
    want = np.zeros_like(p.weight, subok=False)
    for i, row in zip(p.ids.tolist(), p.d_out, strict=True):
        want[i] = want[i] + row
    got = backend.embedding_backward(p.d_out, backend.embedding_forward(p.weight, p.ids)[1])
    assert_same_bits(got, want)


@every_backend
@given(p=lookups())
def test_backward_leaves_absent_rows_at_zero(backend, p):
    d_weight = backend.embedding_backward(p.d_out, backend.embedding_forward(p.weight, p.ids)[1])
    absent = np.setdiff1d(np.arange(len(p.weight)), p.ids)
    assert_same_bits(d_weight[absent], np.zeros((len(absent), p.weight.shape[1]), p.weight.dtype))


@every_backend
@given(p=lookups(), data=st.data())
def test_permuting_the_batch_permutes_the_rows(backend, p, data):
    order = np.array(data.draw(st.permutations(range(len(p.ids)))), np.intp)
    out, cache = backend.embedding_forward(p.weight, p.ids)
    moved, moved_cache = backend.embedding_forward(p.weight, p.ids[order])
    assert_same_bits(moved, out[order])
    got = backend.embedding_backward(p.d_out[order], moved_cache)
    want = backend.embedding_backward(p.d_out, cache)
    assert_within(got, want, scattered(p).tolerance)


@every_backend
@given(p=lookups(min_batch=1), split=st.integers(0, 8))
def test_gradients_of_two_halves_add_up(backend, p, split):
    halves = [slice(0, split), slice(split, None)]
    parts = [
        backend.embedding_backward(
            p.d_out[rows], backend.embedding_forward(p.weight, p.ids[rows])[1]
        )
        for rows in halves
    ]
    whole = backend.embedding_backward(p.d_out, backend.embedding_forward(p.weight, p.ids)[1])
    assert_within(parts[0] + parts[1], whole, scattered(p).tolerance)


@every_backend
@given(p=lookups())
def test_memory_layout_and_id_type_change_no_bit(backend, p):
    """Strided, Fortran-ordered and read-only inputs, any integer ids: the same numbers."""
    plain = np.ascontiguousarray(p.weight)
    want, cache = backend.embedding_forward(plain, p.ids.astype(np.int64))
    d_want = backend.embedding_backward(np.ascontiguousarray(p.d_out), cache)
    for layout in LAYOUTS:
        out, cache = backend.embedding_forward(lay_out(plain, layout), p.ids)
        assert_same_bits(out, want)
        assert_same_bits(backend.embedding_backward(lay_out(p.d_out, layout), cache), d_want)


@every_backend
@given(p=lookups(), padding=st.integers(-4, 3))
def test_padding_row_is_looked_up_but_gets_no_gradient(backend, p, padding):
    n = len(p.weight)
    if not -n <= padding < n:
        with pytest.raises(IdRangeError, match="padding_idx"):
            backend.embedding_forward(p.weight, p.ids, padding)
        return
    out, cache = backend.embedding_forward(p.weight, p.ids, padding)
    assert_same_bits(out, backend.embedding_forward(p.weight, p.ids)[0])
    want = backend.embedding_backward(p.d_out, backend.embedding_forward(p.weight, p.ids)[1])
    want[padding] = 0
    assert_same_bits(backend.embedding_backward(p.d_out, cache), want)


def by_frequency(backend, p, padding=None):
    _, cache = backend.embedding_forward(p.weight, p.ids, padding, scale_grad_by_freq=True)
    return backend.embedding_backward(p.d_out, cache)


@every_backend
@given(p=lookups())
def test_scaled_by_frequency_a_row_gets_the_mean_of_its_gradients(backend, p):
    """Each times the rounded 1 / count, then added in batch order from zero."""
    counts = {i: p.ids.tolist().count(i) for i in p.ids.tolist()}
    want, dtype = np.zeros_like(p.weight, subok=False), p.weight.dtype.type
    for i, row in zip(p.ids.tolist(), p.d_out, strict=True):
        want[i] = want[i] + row * dtype(1 / counts[i])
    got = by_frequency(backend, p)
    assert_same_bits(got, want)
    bound = scattered(p)
    for i, count in counts.items():
        mean = p.d_out[p.ids == i].astype(np.float64).mean(axis=0)
        size = np.abs(p.d_out[p.ids == i].astype(np.float64)).sum(axis=0) / count
        allowed = bound.precision.gamma(count + 2) * size + count * bound.precision.eta
        assert_within(got[i], mean, 2 * allowed, f"row {i}")


@every_backend
@given(p=lookups(), padding=st.integers(0, 3))
def test_scaled_by_frequency_the_padding_row_stays_zero(backend, p, padding):
    padding %= len(p.weight)
    want = by_frequency(backend, p)
    want[padding] = 0
    assert_same_bits(by_frequency(backend, p, padding), want)


@every_backend
@given(p=lookups())
def test_scaling_by_frequency_changes_nothing_where_no_row_is_repeated(backend, p):
    ids, first = np.unique(p.ids, return_index=True)
    p = p._replace(ids=ids, d_out=p.d_out[first])
    want = backend.embedding_backward(p.d_out, backend.embedding_forward(p.weight, p.ids)[1])
    assert_same_bits(by_frequency(backend, p), want)


@every_backend
def test_scaled_by_frequency_ids_may_have_any_shape(backend):
    weight, ids = np.zeros((3, 2)), np.array([[0, 2], [2, 2]])
    out, cache = backend.embedding_forward(weight, ids, scale_grad_by_freq=True)
    d_out = np.full(out.shape, 3.0)
    got = backend.embedding_backward(d_out, cache)
    bound = bounds.embedding_backward(ids, d_out, 3, scale_grad_by_freq=True)
    assert_within(got, np.array([[3.0, 3], [0, 0], [3, 3]]), bound)
    empty = np.zeros(0, np.int64)
    out, cache = backend.embedding_forward(np.zeros((0, 2)), empty, scale_grad_by_freq=True)
    assert backend.embedding_backward(out, cache).shape == (0, 2)


@every_backend
@given(p=lookups())
def test_inputs_are_not_written_to(backend, p):
    before = [np.copy(x) for x in p]
    backend.embedding_backward(p.d_out, backend.embedding_forward(p.weight, p.ids)[1])
    for array, saved in zip(p, before, strict=True):
        assert_same_bits(array, saved)


@every_backend
@given(p=lookups(min_batch=1), where=st.integers(0, 7), bad=st.sampled_from([-1, 4, 99, -(2**40)]))
def test_id_outside_the_table_is_refused_and_named(backend, p, where, bad):
    ids = p.ids.astype(np.int64)
    where %= len(ids)
    ids[where] = bad
    with pytest.raises(IdRangeError) as raised:
        backend.embedding_forward(p.weight, ids)
    assert (raised.value.position, raised.value.value) == (where, bad)
    assert f"ids[{where}]: id {bad} is outside [0, {len(p.weight)})" in str(raised.value)


@every_backend
@pytest.mark.parametrize("ids", [[True, False], [0.0, 1.0], [], ["0"]])
def test_ids_that_are_no_integers_are_refused(backend, ids):
    with pytest.raises(DTypeError, match="ids must be integers"):
        backend.embedding_forward(np.eye(2), np.array(ids))


@every_backend
def test_any_shape_of_ids(backend):
    """0-d, 2-d and empty ids, a table without rows: as torch.nn.Embedding."""
    weight = np.arange(6.0).reshape(3, 2)
    assert backend.embedding_forward(weight, np.array(2))[0].tolist() == [4, 5]
    out, cache = backend.embedding_forward(weight, np.array([[0, 2], [2, 2]]))
    assert out.shape == (2, 2, 2)
    assert backend.embedding_backward(np.ones_like(out), cache)[:, 0].tolist() == [1, 0, 3]
    empty = np.zeros(0, np.int64)
    assert backend.embedding_forward(np.zeros((0, 2)), empty)[0].shape == (0, 2)
    with pytest.raises(IdRangeError):
        backend.embedding_forward(np.zeros((0, 2)), np.array([0]))


@every_backend
def test_gradient_of_another_shape_or_dtype_is_refused(backend):
    _, cache = backend.embedding_forward(np.eye(3), np.array([0, 2]))
    with pytest.raises(ShapeError, match="d_out"):
        backend.embedding_backward(np.ones((3, 3)), cache)
    with pytest.raises(DTypeError, match="d_out"):
        backend.embedding_backward(np.ones((2, 3), np.float32), cache)


@given(p=lookups())
def test_one_hot_product_is_the_lookup_and_its_gradient_the_scatter(p):
    """H @ W == W[ids] for finite tables, and H.T @ D is the scatter within its bound."""
    out, cache = ops.one_hot_forward(p.weight, p.ids)
    assert_same_bits(out, ops.embedding_forward(p.weight, p.ids)[0])
    d_weight = ops.one_hot_backward(p.d_out, cache)
    want = ops.embedding_backward(p.d_out, ops.embedding_forward(p.weight, p.ids)[1])
    assert_within(d_weight, want, scattered(p).tolerance)


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


@every_backend
@given(p=lookups(), padding=st.integers(0, 9), scaled=st.booleans())
def test_the_gradient_with_padding_lies_within_its_bound(backend, p, padding, scaled):
    options = {"padding_idx": padding % len(p.weight), "scale_grad_by_freq": scaled}
    _, cache = backend.embedding_forward(p.weight, p.ids, **options)
    got, problem = backend.embedding_backward(p.d_out, cache), (p.ids, p.d_out, len(p.weight))
    want = exact.embedding_backward(*problem, **options)
    assert_within_exact(got, want, bounds.embedding_backward(*problem, **options))


@given(p=lookups())
def test_the_one_hot_product_copies_rows_exactly(p):
    got = ops.one_hot_forward(p.weight, p.ids)[0]
    assert_within_exact(got, exact.one_hot(p.weight, p.ids), bounds.one_hot(p.weight, p.ids))

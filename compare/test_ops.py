"""Single operations against PyTorch: to the bit where the order of operations is the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare import torch_models as oracle
from npcf import models, ops
from npcf.errors import DTypeError, IdRangeError, SettingError, ShapeError
from npcf.optim import renormalise_rows
from npcf.verify import (
    PRECISION,
    Bounded,
    Formulas,
    RunningError,
    assert_same_bits,
    assert_within,
    bounds,
)
from npcf.verify.strategies import (
    layouts,
    lookups,
    problems,
    row_pairs,
    values,
    vectors,
    y_ranges,
)
from tests.backends import both_backends, every_backend


@given(p=lookups())
@both_backends
def test_lookup_and_its_gradient_to_the_bit(backend, p):
    """nn.Embedding sums repeated rows in batch order from zero, and so do we."""
    out, cache = backend.embedding_forward(p.weight, p.ids)
    want, d_want = oracle.embedding(p.weight, p.ids, p.d_out)
    assert_same_bits(out, want)
    assert_same_bits(backend.embedding_backward(p.d_out, cache), d_want)


@every_backend
def test_a_large_batch_of_repeated_ids_to_the_bit(backend):
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        weight, ids = rng.standard_normal((100, 8)).astype(dtype), rng.integers(0, 100, 20_000)
        d_out = rng.standard_normal((20_000, 8)).astype(dtype)
        _, cache = backend.embedding_forward(weight, ids)
        want = oracle.embedding(weight, ids, d_out)[1]
        assert_same_bits(backend.embedding_backward(d_out, cache), want)


@given(p=lookups())
@both_backends
def test_indexing_create_params_gives_the_same_within_the_bound(backend, p):
    """`weight[ids]` is another kernel of torch's; its order of additions is its own."""
    out, cache = backend.embedding_forward(p.weight, p.ids)
    want, d_want = oracle.indexed(p.weight, p.ids, p.d_out)
    assert_same_bits(out, want)
    bound = Bounded.exact(p.d_out).scatter(p.ids.astype(np.intp), len(p.weight))
    assert_within(backend.embedding_backward(p.d_out, cache), d_want, bound.tolerance)


@given(p=lookups(), padding=st.integers(-4, 3))
@both_backends
def test_padding_row_to_the_bit(backend, p, padding):
    """nn.Embedding(padding_idx=...): looked up as it is, gradient zero, negative from the end."""
    n = len(p.weight)
    if not -n <= padding < n:
        with pytest.raises(AssertionError):
            oracle.embedding(p.weight, p.ids, p.d_out, padding)
        with pytest.raises(IdRangeError):
            backend.embedding_forward(p.weight, p.ids, padding)
        return
    out, cache = backend.embedding_forward(p.weight, p.ids, padding)
    want, d_want = oracle.embedding(p.weight, p.ids, p.d_out, padding)
    assert_same_bits(out, want)
    assert_same_bits(backend.embedding_backward(p.d_out, cache), d_want)


def divided(p):
    """The gradient under scale_grad_by_freq with its bound, and the counts of each mention."""
    ids = p.ids.astype(np.intp)
    counts = np.bincount(ids, minlength=len(p.weight))[ids]
    scale = Bounded(1 / counts, (1 / counts) * 2 * PRECISION[p.weight.dtype].u,
                    PRECISION[p.weight.dtype])  # fmt: skip
    return (Bounded.exact(p.d_out) * scale.column()).scatter(ids, len(p.weight)), counts


@given(p=lookups(), padding=st.one_of(st.none(), st.just(0)))
@both_backends
def test_scale_grad_by_freq(backend, p, padding):
    """Within the bound: torch adds grad / count in one fused rounding.

    To the bit where a count is a power of two, for then the division is exact.
    """
    out, cache = backend.embedding_forward(p.weight, p.ids, padding, scale_grad_by_freq=True)
    want, d_want = oracle.embedding(p.weight, p.ids, p.d_out, padding, scale_grad_by_freq=True)
    assert_same_bits(out, want)
    d_weight = backend.embedding_backward(p.d_out, cache)
    bound, counts = divided(p)
    assert_within(d_weight, d_want, bound.tolerance)
    exact = np.setdiff1d(np.arange(len(p.weight)), p.ids[counts & (counts - 1) > 0])
    assert_same_bits(d_weight[exact], d_want[exact])


@every_backend
def test_scale_grad_by_freq_multiplies_each_by_a_rounded_quotient(backend):
    """The mean of seven gradients of 6 is 6.0000005 in float32, and not 6."""
    weight, ids = np.zeros((2, 1), np.float32), np.ones(7, np.int64)
    d_out = np.full((7, 1), 6, np.float32)
    _, cache = backend.embedding_forward(weight, ids, scale_grad_by_freq=True)
    got = backend.embedding_backward(d_out, cache)
    assert got[1, 0] == np.float32(6.0000005) != 6
    assert_same_bits(got, oracle.embedding(weight, ids, d_out, scale_grad_by_freq=True)[1])


@given(p=lookups(), limit=st.sampled_from([0.5, 1.0, 2.0, 7.0]))
def test_max_norm(p, limit):
    """What torch's lookup does to the table, `renormalise_rows` does."""
    weight, want = p.weight.copy(), oracle.renormalised(p.weight, p.ids, limit)
    renormalise_rows(weight, p.ids, limit)
    assert_within(weight, want, 2 * bounds.renormalise_rows(p.weight, p.ids, limit))


@given(p=problems(), mean=st.sampled_from([3.5, -1.0, 0.1]))
@both_backends
def test_a_mean_inside_the_model(backend, p, mean):
    """mu + b + c + P . Q: a torch model whose user biases are all larger by mu."""
    pred, cache = models.dot_product_bias_forward(
        p.params, p.users, p.items, p.y_range, backend=backend, mean=mean
    )
    loss, loss_cache = backend.mse_forward(pred, p.rating)
    grads = models.dot_product_bias_backward(backend.mse_backward(1.0, loss_cache), cache)
    x = np.stack([p.users, p.items], axis=1)
    twin = oracle.build(oracle.WithMean, p.params, p.y_range, mean=mean)
    want = oracle.loss_and_gradients(twin, oracle.to_torch(x), oracle.to_torch(p.rating))
    f = Formulas(RunningError(p.dtype))
    allowed = f.loss_and_gradients(p.params, p.users, p.items, p.rating, p.y_range, mean)
    assert pred.dtype == p.dtype
    assert_within(pred, want[0], allowed[0].tolerance, "pred")
    assert_within(loss, want[1], allowed[1].tolerance, "loss")
    for name, grad in grads.items():
        assert_within(grad, want[2][name], allowed[2][name].tolerance, name)


@given(p=problems())
@both_backends
def test_a_mean_of_zero_changes_no_bit(backend, p):
    """Nor the sign of a zero."""
    forward = models.dot_product_bias_forward
    args = (p.params, p.users, p.items, p.y_range)
    got, want = forward(*args, backend=backend, mean=0.0)[0], forward(*args, backend=backend)[0]
    assert got.tobytes() == want.tobytes()


@pytest.mark.parametrize("mean", [np.nan, np.inf, "high", None, True])
def test_a_mean_that_is_no_number_is_refused(mean):
    params = models.init_params(3, 4, 2, np.random.default_rng(0))
    with pytest.raises(SettingError, match="mean: must be a finite number"):
        models.dot_product_bias_forward(params, [0], [1], mean=mean)


@given(p=lookups())
def test_linear_layer_on_one_hot_rows_is_the_lookup_for_the_transposed_table(p):
    """nn.Linear(bias=False) is x.matmul(weight.t())."""
    one_hot = ops.one_hot(p.ids, len(p.weight), p.weight.dtype)
    got = ops.one_hot_forward(p.weight, p.ids)[0]
    assert_same_bits(got, oracle.linear(one_hot, np.ascontiguousarray(p.weight.T)))


@given(p=row_pairs())
@both_backends
def test_row_dot_within_the_bound_and_its_gradients_to_the_bit(backend, p):
    left, right = (oracle.to_torch(x).requires_grad_() for x in (p.left, p.right))
    want = oracle.DotProduct()(left, right)
    want.backward(oracle.to_torch(p.d_out))
    out, cache = backend.row_dot_forward(p.left, p.right)
    bound = (Bounded.exact(p.left) * Bounded.exact(p.right)).sum(axis=1)
    assert_within(out, want.detach().numpy(), bound.tolerance)
    d_left, d_right = backend.row_dot_backward(p.d_out, cache)
    assert_same_bits(d_left, left.grad.numpy())
    assert_same_bits(d_right, right.grad.numpy())


@given(x=vectors(), y_range=y_ranges(), data=st.data())
@both_backends
def test_sigmoid_range_within_the_bound_and_its_gradient_to_the_bit(backend, x, y_range, data):
    """The forward uses another exp; the backward, given torch's s, the same three products."""
    d_out = np.array([data.draw(values()) for _ in x], x.dtype)
    s, want, d_want = oracle.range_of(x, *y_range, d_out)
    out, cache = backend.sigmoid_range_forward(x, *y_range)
    assert_within(cache.s, s, 2 * bounds.sigmoid(x), "s")
    assert_within(out, want, 2 * bounds.sigmoid_range(x, *y_range), "out")
    assert_same_bits(backend.sigmoid_range_backward(d_out, cache._replace(s=s)), d_want)


@every_backend
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_saturates_where_torchs_does(backend, dtype):
    x = np.array([-np.inf, -1e4, -800, -89, -88, 0, 16, 17, 37, 1e4, np.inf, np.nan], dtype)
    ones = np.ones_like(x)
    s, _, d_want = oracle.range_of(x, 0.0, 1.0, ones)
    _, cache = backend.sigmoid_range_forward(x, 0.0, 1.0)
    finite = np.nan_to_num(x, nan=0, posinf=1e4, neginf=-1e4)
    assert_within(cache.s, s, 2 * bounds.sigmoid(finite))
    dead = (s == 0) | (s == 1) | np.isnan(s)
    assert_same_bits(backend.sigmoid_range_backward(ones, cache)[dead], d_want[dead])


@given(pred=vectors(min_size=1), d_loss=values(), layout=layouts)
@both_backends
def test_mse_within_the_bound_and_its_gradient_to_the_bit(backend, pred, d_loss, layout):
    rating = pred[::-1] / 2
    loss, cache = backend.mse_forward(pred, rating)
    want, d_want = oracle.mse(pred, rating, d_loss)
    assert_within(loss, want, 2 * bounds.mse(pred, rating))
    assert_same_bits(backend.mse_backward(d_loss, cache), d_want)


@pytest.mark.parametrize(
    "ids", [[-1], [3], [2**40], [-(2**63)], [0.0], [True], np.zeros(0)], ids=str
)
def test_what_torchs_embedding_refuses_we_refuse(ids):
    assert oracle.refuses(ids, 3)
    with pytest.raises((IdRangeError, DTypeError)):
        ops.embedding_forward(np.zeros((3, 2)), np.array(ids))


def test_where_torch_warns_and_averages_wrong_pairs_we_refuse():
    pred, rating = np.arange(4.0), np.arange(4.0)[:, None]
    with pytest.warns(UserWarning, match="target size"):
        assert oracle.broadcast_mse(pred, rating) > 0  # of equal numbers
    with pytest.raises(ShapeError, match="keepdim"):
        ops.mse_forward(pred, rating)

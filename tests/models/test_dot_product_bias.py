"""Laws of the whole model, for both executions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf import models, ops
from npcf.errors import DTypeError, IdRangeError, SettingError, ShapeError, UsageError
from npcf.verify import (
    assert_same_bits,
    assert_within,
    bounded_gradients,
    bounded_predictions,
    exact,
    exact_params,
)
from npcf.verify import bounds as apriori
from npcf.verify.assertions import assert_within_exact
from npcf.verify.strategies import LAYOUTS, lay_out, problems
from tests.backends import every_backend


def step(p, backend=ops):
    """Return (pred, loss, grads)."""
    forward, backward = models.dot_product_bias_forward, models.dot_product_bias_backward
    pred, cache = forward(p.params, p.users, p.items, p.y_range, backend=backend)
    loss, loss_cache = backend.mse_forward(pred, p.rating)
    return pred, loss, backward(backend.mse_backward(1.0, loss_cache), cache)


def bounds(p):
    return bounded_gradients(exact_params(p.params), p.users, p.items, p.rating, p.y_range, p.dtype)


@every_backend
@given(p=problems())
def test_prediction_loss_and_gradients_lie_within_their_bounds(backend, p):
    """Against the same formulas in float64, with the error any evaluation in p.dtype may make."""
    pred, loss, grads = step(p, backend)
    want_pred, want_loss, want_grads = bounds(p)
    assert pred.dtype == p.dtype == loss.dtype
    assert_within(pred, want_pred.value, want_pred.tolerance, "pred")
    assert_within(loss, want_loss.value, want_loss.tolerance, "loss")
    assert grads.keys() == p.params.keys()
    for name, grad in grads.items():
        assert grad.dtype == p.dtype
        assert_within(grad, want_grads[name].value, want_grads[name].tolerance, name)


@every_backend
@given(p=problems(dtype=np.dtype(np.float64)))
def test_euler_identity(backend, p):
    """<P, dP> == <Q, dQ>: the dot is linear in either side, whatever comes after it."""
    grads, allowed = step(p, backend)[2], bounds(p)[2]
    sides = []
    for name in ("user_factors", "item_factors"):
        table = np.abs(p.params[name])
        products = p.params[name] * grads[name]
        error = (table * allowed[name].tolerance).sum()
        rounding = products.size * 2.0**-52 * np.abs(products).sum()
        sides.append((products.sum(), error + rounding))
    (left, left_error), (right, right_error) = sides
    assert abs(left - right) <= left_error + right_error


@every_backend
@given(p=problems(), data=st.data())
def test_permuting_the_batch_changes_nothing_beyond_rounding(backend, p, data):
    order = np.array(data.draw(st.permutations(range(len(p.users)))), np.intp)
    moved = p._replace(users=p.users[order], items=p.items[order], rating=p.rating[order])
    pred, loss, grads = step(p, backend)
    moved_pred, moved_loss, moved_grads = step(moved, backend)
    _, want_loss, want_grads = bounds(p)
    assert_same_bits(moved_pred, pred[order])
    assert_within(moved_loss, loss, want_loss.tolerance)
    for name in grads:
        assert_within(moved_grads[name], grads[name], want_grads[name].tolerance, name)


@every_backend
@given(p=problems())
def test_exchanging_users_and_items_exchanges_their_gradients(backend, p):
    other = {
        "user_factors": p.params["item_factors"],
        "item_factors": p.params["user_factors"],
        "user_bias": p.params["item_bias"],
        "item_bias": p.params["user_bias"],
    }
    swapped = step(p._replace(params=other, users=p.items, items=p.users), backend)[2]
    grads, allowed = step(p, backend)[2], bounds(p)[2]
    for name, twin in (("user_factors", "item_factors"), ("user_bias", "item_bias")):
        assert_within(swapped[twin], grads[name], allowed[name].tolerance, name)
        assert_within(swapped[name], grads[twin], allowed[twin].tolerance, twin)


@every_backend
@given(p=problems(), layout=st.sampled_from(LAYOUTS))
def test_memory_layout_of_the_tables_changes_no_bit(backend, p, layout):
    laid_out = {name: lay_out(table, layout) for name, table in p.params.items()}
    pred, loss, grads = step(p._replace(params=laid_out), backend)
    want_pred, want_loss, want_grads = step(p, backend)
    assert_same_bits(pred, want_pred)
    assert_same_bits(loss, want_loss)
    for name in grads:
        assert_same_bits(grads[name], want_grads[name], name)


@given(p=problems(dtype=np.dtype(np.float64)))
def test_rows_outside_the_batch_get_exactly_zero(p):
    grads = step(p)[2]
    for name, ids in (("user", p.users), ("item", p.items)):
        absent = np.setdiff1d(np.arange(len(p.params[f"{name}_bias"])), ids)
        assert not grads[f"{name}_factors"][absent].any()
        assert not grads[f"{name}_bias"][absent].any()


@given(p=problems())
def test_parameters_are_not_written_to(p):
    before = {name: table.copy() for name, table in p.params.items()}
    step(p)
    for name, table in before.items():
        assert_same_bits(p.params[name], table, name)


@every_backend
@given(p=problems(bias=False))
def test_dot_product_without_biases(backend, p):
    """The same two tables under a plain dot; its gradients by the same bounds."""
    pred, cache = models.dot_product_forward(p.params, p.users, p.items, backend=backend)
    want_pred, _ = bounded_predictions(exact_params(p.params), p.users, p.items, None)
    assert_within(pred, want_pred.value, want_pred.tolerance)
    _, loss_cache = backend.mse_forward(pred, p.rating)
    grads = models.dot_product_backward(backend.mse_backward(1.0, loss_cache), cache)
    assert grads.keys() == p.params.keys()
    for name, bound in bounds(p)[2].items():
        assert_within(grads[name], bound.value, bound.tolerance, name)


@every_backend
def test_an_empty_batch_predicts_nothing(backend):
    params = models.init_params(3, 4, 2, np.random.default_rng(0))
    none = np.zeros(0, np.int64)
    pred, cache = models.dot_product_bias_forward(params, none, none, backend=backend)
    assert pred.shape == (0,)
    grads = models.dot_product_bias_backward(pred, cache)
    assert all(not grad.any() for grad in grads.values())


def test_complex_parameters_pass_through_the_forward():
    """Im L(x + ih) / h is the derivative: the forward is free of abs, max and conj."""
    params = models.init_params(3, 4, 2, np.random.default_rng(0), np.float64, models.normal)
    params = {name: table.astype(complex) for name, table in params.items()}
    params["user_bias"][1] += 1e-200j
    users, items, rating = np.array([0, 1, 1]), np.array([3, 2, 0]), np.array([1.0, 4, 5])
    pred, _ = models.dot_product_bias_forward(params, users, items)
    loss, _ = ops.mse_forward(pred, rating)
    real = {name: table.real for name, table in params.items()}
    pred, cache = models.dot_product_bias_forward(real, users, items)
    d_pred = ops.mse_backward(1.0, ops.mse_forward(pred, rating)[1])
    bound = bounded_gradients(exact_params(real), users, items, rating, (0.0, 5.5), np.float64)[2][
        "user_bias"
    ]
    gradient = models.dot_product_bias_backward(d_pred, cache)["user_bias"]
    assert_within(loss.imag / 1e-200, gradient[1], 2 * bound.tolerance[1])


def test_parameters_that_do_not_fit_are_refused():
    params = models.init_params(3, 4, 2, np.random.default_rng(0))
    ids = np.array([0])
    forward = models.dot_product_bias_forward
    with pytest.raises(UsageError, match="has no 'item_bias'"):
        forward({k: v for k, v in params.items() if k != "item_bias"}, ids, ids)
    with pytest.raises(DTypeError, match="item_factors: dtype float64"):
        forward(params | {"item_factors": params["item_factors"].astype(float)}, ids, ids)
    with pytest.raises(ShapeError, match="user_bias"):
        forward(params | {"user_bias": params["user_bias"][:, None]}, ids, ids)
    with pytest.raises(ShapeError, match=r"right: shape \(1, 3\)"):
        forward(params | {"item_factors": np.ones((4, 3), np.float32)}, ids, ids)
    with pytest.raises(IdRangeError, match="outside \\[0, 3\\)"):
        forward(params, np.array([3]), ids)
    with pytest.raises(ShapeError, match="right: shape"):
        forward(params, np.array([1, 1]), ids)
    for y_range in (5.5, (0, 1, 2), "0"):
        with pytest.raises(SettingError, match="y_range: must be a pair"):
            forward(params, ids, ids, y_range)


@every_backend
@given(p=problems(), mean=st.sampled_from([3.5, -1.0, 0.1]))
def test_with_a_mean_the_predictions_lie_within_both_bounds(backend, p, mean):
    problem = (p.params, p.users, p.items, p.y_range)
    got = models.dot_product_bias_forward(*problem, mean=mean, backend=backend)[0]
    want = bounded_predictions(exact_params(p.params), *problem[1:], mean=mean)[0]
    assert_within(got, want.value, want.tolerance)
    bound = apriori.dot_product_bias(*problem, mean=mean)
    assert_within_exact(got, exact.dot_product_bias(*problem, mean=mean), bound)


@every_backend
@given(p=problems(bias=False))
def test_without_biases_the_predictions_lie_within_the_bound(backend, p):
    pairs = np.stack([p.users, p.items], axis=1)
    got = models.PairModel(p.params).forward(pairs, backend=backend)[0]
    problem = (p.params, p.users, p.items, None)
    bound = apriori.dot_product_bias(*problem)
    assert_within_exact(got, exact.dot_product_bias(*problem), bound)

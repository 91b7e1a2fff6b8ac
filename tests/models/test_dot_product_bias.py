"""The model beyond the protocol: without biases, with a mean, complex; for both executions."""

import numpy as np
from hypothesis import given

from npcf import models, ops
from npcf.verify import (
    Formulas,
    RunningError,
    assert_same_bits,
    assert_within,
    exact,
)
from npcf.verify import bounds as apriori
from npcf.verify.assertions import assert_within_exact
from npcf.verify.strategies import problems
from tests.backends import both_backends


def bounds(p):
    f = Formulas(RunningError(p.dtype))
    return f.loss_and_gradients(p.params, p.users, p.items, p.rating, p.y_range)


@given(p=problems(bias=False))
@both_backends
def test_dot_product_without_biases(backend, p):
    """The same two tables under a plain dot; predictions and gradients by the same bounds."""
    pred, cache = models.dot_product_forward(p.params, p.users, p.items, backend=backend)
    problem = p.params, p.users, p.items, None
    bound = apriori.dot_product_bias(*problem)
    assert_within_exact(pred, exact.dot_product_bias(*problem), bound)
    pairs = np.stack([p.users, p.items], axis=1)
    assert_same_bits(models.PairModel(p.params).forward(pairs, backend=backend)[0], pred)
    _, loss_cache = backend.mse_forward(pred, p.rating)
    grads = models.dot_product_backward(backend.mse_backward(1.0, loss_cache), cache)
    assert grads.keys() == p.params.keys()
    for name, bound in bounds(p)[2].items():
        assert_within(grads[name], bound.value, bound.tolerance, name)


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
    bound = Formulas(RunningError()).loss_and_gradients(real, users, items, rating, (0.0, 5.5))[2]
    gradient = models.dot_product_bias_backward(d_pred, cache)["user_bias"]
    assert_within(loss.imag / 1e-200, gradient[1], 2 * bound["user_bias"].tolerance[1])

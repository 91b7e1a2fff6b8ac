"""Whole models against PyTorch: predictions, losses, every gradient, within the derived bound."""

import numpy as np
import pytest
from hypothesis import given

from compare import torch_models as oracle
from npcf import models, ops
from npcf.verify import Formulas, RunningError, assert_within
from npcf.verify.strategies import problems
from tests.backends import both_backends

BIASED = ["EmbeddingDotBias", "DotProductBiasEmb", "DotProductBiasCP"]
PLAIN = ["EmbeddingDot", "TwoTableDotProduct"]


def ours(name, p):
    """Return npcf's model of that name with the tables of `p`."""
    sizes = len(p.params["user_factors"]), *p.params["item_factors"].shape
    model = getattr(models, name)(*sizes, rng=np.random.default_rng(0), dtype=p.dtype)
    model.y_range = p.y_range
    for key, table in model.params.items():
        table[...] = p.params[key].reshape(table.shape)
    return model


def compare(name, p, backend):
    x = np.stack([p.users, p.items], axis=1)
    model = ours(name, p)
    pred, cache = model.forward(x, backend=backend)
    loss, loss_cache = backend.mse_forward(pred.reshape(-1), p.rating)
    d_pred = backend.mse_backward(1.0, loss_cache).reshape(pred.shape)
    grads = model.backward(d_pred, cache)

    twin = oracle.build(getattr(oracle, name), p.params, p.y_range)
    want = oracle.loss_and_gradients(twin, oracle.to_torch(x), oracle.to_torch(p.rating))
    f = Formulas(RunningError(p.dtype))
    bounds = f.loss_and_gradients(p.params, p.users, p.items, p.rating, p.y_range)
    assert pred.dtype == want[0].dtype == p.dtype
    assert_within(pred, want[0], bounds[0].tolerance.reshape(pred.shape), "pred")
    assert_within(loss, want[1], bounds[1].tolerance, "loss")
    assert grads.keys() == want[2].keys()
    for key, grad in grads.items():
        assert grad.dtype == p.dtype
        assert_within(grad, want[2][key], bounds[2][key].tolerance.reshape(grad.shape), key)


@pytest.mark.parametrize("name", BIASED)
@given(p=problems())
@both_backends
def test_models_with_biases(name, backend, p):
    compare(name, p, backend)


@pytest.mark.parametrize("name", PLAIN)
@given(p=problems(bias=False))
@both_backends
def test_models_without_biases(name, backend, p):
    compare(name, p, backend)


@given(p=problems())
@both_backends
def test_factors_in_a_range(backend, p):
    """The book's second `DotProduct`: two tables, and the sigmoid."""
    factors = {name: p.params[name] for name in ("user_factors", "item_factors")}
    compare("TwoTableDotProduct", p._replace(params=factors), backend)


@given(p=problems(bias=False))
def test_column_option(p):
    sizes = len(p.params["user_factors"]), *p.params["item_factors"].shape
    model = models.EmbeddingDot(*sizes, column=True, dtype=p.dtype)
    x = np.stack([p.users, p.items], axis=1)
    twin = oracle.build(oracle.EmbeddingDot, p.params, None, column=True)
    assert model(x, None).shape == tuple(twin(oracle.to_torch(x)).shape) == (len(x), 1)


@pytest.mark.parametrize("batch", [1, 64, 1000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", BIASED)
def test_lesson_sized_batches(name, dtype, batch):
    """944 users, 1,665 items, 50 factors; a batch of 1,000 repeats most users."""
    from npcf.verify.strategies import Problem

    rng = np.random.default_rng(batch)
    params = models.init_params(944, 1665, 50, rng, dtype, models.uniform(-0.4, 0.4))
    users, items = rng.integers(0, 944, batch), rng.integers(0, 1665, batch)
    rating = rng.integers(1, 6, batch).astype(dtype)
    compare(name, Problem(params, users, items, rating, (0, 5.5)), ops)

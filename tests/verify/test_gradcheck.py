"""The checker is itself checked: it accepts what is right and names what is wrong."""

import numpy as np
import pytest
from hypothesis import given, settings

from compare.limits import COMPLEX_STEP
from npcf import gradcheck, models, ops
from npcf.data import Batch
from npcf.errors import DivergenceError
from npcf.verify.strategies import problems
from tests.backends import both_backends


def model_of(p):
    model = models.PairModel(p.params, p.y_range)
    return model, Batch(p.users, p.items, p.rating)


@settings(max_examples=60)  # every example is some hundred forward passes
@given(p=problems())
@both_backends
def test_accepts_every_right_gradient(backend, p):
    """Fresh, mid-training, saturated; with and without range; no false alarm."""
    model, batch = model_of(p)
    logits = models.PairModel(p.params)(np.stack([p.users, p.items], axis=1))
    if p.y_range is not None and (logits < -700).any():
        with pytest.raises(DivergenceError, match="exp overflows"):
            gradcheck(model, batch)
        return
    report = gradcheck(model, batch, backend=backend)
    assert report.ok, report


@settings(max_examples=60)
@given(p=problems(bias=False))
def test_accepts_models_without_biases(p):
    report = gradcheck(*model_of(p))
    assert report.ok, report


@pytest.mark.parametrize("seed", range(20))
def test_complex_step_agrees_to_fourteen_digits(seed):
    """Against the largest entry of each array, at logits a trained model has (|z| <= 4).

    Ratings are drawn at random: where the terms of a whole array cancel, no two evaluations agree
    to a digit of the sum, and the derived tolerances are what holds.
    """
    rng = np.random.default_rng(seed)
    params = models.init_params(6, 9, 8, rng, np.float64, models.uniform(-0.5, 0.5))
    users, items = rng.integers(0, 6, 32), rng.integers(0, 9, 32)
    model = models.PairModel(params, (0.0, 5.5))
    unsquashed = models.PairModel(params)(np.stack([users, items], axis=1))
    assert -4 <= unsquashed.min() < unsquashed.max() <= 4
    report = gradcheck(model, Batch(users, items, rng.integers(1, 6, 32).astype(float)))
    found = [m.relative for m in report.worst if m.method == "complex step"]
    assert len(found) == 4
    assert max(found) <= COMPLEX_STEP.limit, report


def wrong(name, change):
    """A module of operations whose function `name` is bent by `change(original)`."""
    import types

    module = types.SimpleNamespace(**{n: getattr(ops, n) for n in ops.__all__})
    setattr(module, name, change(getattr(ops, name)))
    return module


def last_of_duplicates(original):
    def backward(d_out, cache):
        d_weight = np.zeros(cache.table_shape, d_out.dtype)
        d_weight[cache.ids] += d_out  # the bug: keeps one of several equal ids
        return d_weight

    return backward


def spill(original):
    def backward(d_out, cache):
        d_weight = original(d_out, cache)
        d_weight[-1] += 1e-30  # the last item is in no pair: its gradient must be zero
        return d_weight

    return backward


BUGS = {
    "repeated ids": ("embedding_backward", last_of_duplicates),
    "swapped sides": ("row_dot_backward", lambda f: lambda d, c: f(d, c)[::-1]),
    "no chain through the range": ("sigmoid_range_backward", lambda f: lambda d, c: d),
    "range without its height": (
        "sigmoid_range_backward", lambda f: lambda d, c: f(d, c._replace(height=1.0))),
    "wrong by one in a thousand": (
        "mse_backward", lambda f: lambda d, c: f(d * 1.001, c)),
    "wrong by 1e-13": ("mse_backward", lambda f: lambda d, c: f(d * (1 + 1e-13), c)),
    "wrong sign": ("mse_backward", lambda f: lambda d, c: -f(d, c)),
    "sum instead of mean": ("mse_backward", lambda f: lambda d, c: f(d * c.error.size, c)),
    "user bias forgotten": (
        "bias_backward", lambda f: lambda d, c: (f(d, c)[0], 0 * f(d, c)[1], f(d, c)[2])),
    "one NaN": ("mse_backward", lambda f: lambda d, c: f(d * np.nan, c)),
    "absent rows touched": ("embedding_backward", spill),
}  # fmt: skip


@pytest.mark.parametrize("bug", BUGS)
def test_rejects_planted_bugs_and_names_the_array(bug):
    rng = np.random.default_rng(0)
    params = models.init_params(4, 6, 3, rng, np.float64, models.uniform(-1, 1))
    model = models.PairModel(params, (0.5, 5.0))
    batch = Batch(np.array([1, 1, 3, 0]), np.array([4, 2, 2, 0]), np.array([1.0, 5, 3, 4]))
    assert gradcheck(model, batch).ok
    report = gradcheck(model, batch, backend=wrong(*BUGS[bug]))
    assert not report.ok
    assert "WRONG" in str(report)
    worst = [m for m in report.worst if not m.ok]
    assert all(m.name in str(report) for m in worst)
    if bug not in ("absent rows touched", "wrong by 1e-13"):  # no direction sees these two
        assert {"random direction", "adjoint identity"} & {m.method for m in worst}
    if bug == "user bias forgotten":
        assert {m.name for m in worst if m.position} == {"user_bias"}
    if bug == "absent rows touched":
        assert {m.method for m in worst} == {"rows not in batch"}


def test_leaves_the_model_as_it_was():
    model = models.DotProductBiasEmb(4, 5, 2, rng=np.random.default_rng(0))
    before = {name: table.copy() for name, table in model.params.items()}
    gradcheck(model, Batch(np.array([1, 1]), np.array([2, 3]), np.array([4.0, 2.0])))
    for name, table in before.items():
        assert (model.params[name] == table).all()
        assert model.params[name].dtype == np.float32

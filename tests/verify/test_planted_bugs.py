"""Bugs planted in the source of npcf itself: each must leave the derived bounds.

A bug is one line of a module replaced by another.  The bent module is built from the bent source
and run on a designed problem: repeated and absent rows, unequal table sizes, a range that does not
start at zero, optimiser state beyond the first step.  If a line is no longer found, the test fails,
so that the list stays about the code that exists.
"""

import importlib
import types

import numpy as np
import pytest

from npcf import models, ops
from npcf.verify import (
    Bounded,
    assert_within,
    bounded_adam,
    bounded_gradients,
    bounded_sgd,
    exact_params,
)

RNG = np.random.default_rng(0)
PARAMS = models.init_params(3, 5, 4, RNG, np.float64, models.uniform(-1, 1))
USERS, ITEMS = np.array([0, 2, 0, 0, 2, 0]), np.array([4, 1, 1, 4, 3, 4])
RATING, Y_RANGE = np.array([1.0, 5, 3.5, 2, 4, 4.5]), (0.5, 5.0)
GRADS = [
    {name: RNG.standard_normal(table.shape) * (RNG.random(table.shape) < 0.7)
     for name, table in PARAMS.items()}
    for _ in range(4)
]  # fmt: skip


def bent(module, old, new):
    """Return the module `npcf.<module>` with `old` replaced by `new` in its source."""
    original = importlib.import_module(f"npcf.{module}")
    with open(original.__file__) as file:
        source = file.read()
    assert source.count(old) >= 1, f"{module} has no line {old!r}"
    copy = types.ModuleType("bent")
    exec(compile(source.replace(old, new), f"bent {module}", "exec"), copy.__dict__)
    return copy


OPS = {
    "lookup: next row": ("ops.embedding", "return weight[ids],", "return weight[ids - 1],"),
    "lookup: last of repeated ids": (
        "ops.embedding", "np.add.at(d_weight, cache.ids, d_out)", "d_weight[cache.ids] += d_out"),
    "lookup: first of repeated ids": (
        "ops.embedding", "np.add.at(d_weight, cache.ids, d_out)",
        "u, i = np.unique(cache.ids, return_index=True); d_weight[u] = d_out[i]"),
    "lookup: mean of repeated ids": (
        "ops.embedding", "    if cache.padding_idx is not None:",
        "    d_weight /= np.maximum(np.bincount(cache.ids, minlength=len(d_weight)), 1)[:, None]\n"
        "    if cache.padding_idx is not None:"),
    "lookup: row 0 is padding": (
        "ops.embedding", "    if cache.padding_idx is not None:",
        "    d_weight[0] = 0\n    if cache.padding_idx is not None:"),
    "dot: mean": ("ops.row_dot", "products.sum(axis=1)", "products.mean(axis=1)"),
    "dot: last factor dropped": (
        "ops.row_dot", "products.sum(axis=1)", "products[:, :-1].sum(axis=1)"),
    "dot: float32 inside float64": (
        "ops.row_dot", "products.sum(axis=1)",
        "products.astype(np.float32).sum(axis=1).astype(products.dtype)"),
    "dot: gradients exchanged": (
        "ops.row_dot", "d_rows * cache.right, d_rows * cache.left",
        "d_rows * cache.left, d_rows * cache.right"),
    "bias: no users": ("ops.bias", "dot + user_bias[users] +", "dot +"),
    "bias: no items": ("ops.bias", " + item_bias[items]\n", "\n"),
    "bias: items by user": ("ops.bias", "+ item_bias[items]\n", "+ item_bias[users]\n"),
    "bias: repeated users": (
        "ops.bias", "np.add.at(d_user_bias, cache.users, d_out)",
        "d_user_bias[cache.users] += d_out"),
    "bias: item gradient scattered by user": (
        "ops.bias", "np.add.at(d_item_bias, cache.items, d_out)",
        "np.add.at(d_item_bias, cache.users, d_out)"),
    "range: no lower end": ("ops.sigmoid_range", "* (high - low) + low,", "* (high - low),"),
    "range: high for height": ("ops.sigmoid_range", "* (high - low) + low,", "* high + low,"),
    "range: clipped exp": (
        "ops.sigmoid_range", "np.exp(-x)", "np.exp(-np.clip(x, -1, 1))"),
    "range: steeper": ("ops.sigmoid_range", "np.exp(-x)", "np.exp(-2 * x)"),
    "range: gradient without height": (
        "ops.sigmoid_range", "d_out * cache.height", "d_out"),
    "range: gradient without 1 - s": (
        "ops.sigmoid_range", "d_s * (1 - cache.s) * cache.s", "d_s * cache.s"),
    "range: gradient from the output": (
        "ops.sigmoid_range", "SigmoidRangeCache(s, high - low)",
        "SigmoidRangeCache(s * (high - low) + low, high - low)"),
    "loss: sum": ("ops.mse", "(error * error).mean()", "(error * error).sum()"),
    "loss: half": ("ops.mse", "(error * error).mean()", "(error * error).mean() / 2"),
    "loss: absolute": ("ops.mse", "(error * error).mean()", "abs(error).mean()"),
    "loss: gradient without 2": ("ops.mse", "type(2 / error.size)", "type(1 / error.size)"),
    "loss: gradient of the sum": ("ops.mse", "type(2 / error.size)", "type(2)"),
    "loss: n - 1": ("ops.mse", "type(2 / error.size)", "type(2 / (error.size - 1))"),
    "loss: sign": ("ops.mse", "error = pred - rating", "error = rating - pred"),
    "loss: clipped gradient": (
        "ops.mse", "scale * error *", "np.clip(scale * error, -0.1, 0.1) *"),
    "loss: ratings rounded": ("ops.mse", "error = pred - rating", "error = pred - rating.round()"),
    "model: users and items exchanged": (
        "models.dot_product_bias", 'params["user_factors"], users)',
        'params["user_factors"], items % len(params["user_factors"]))'),
    "model: no gradient through the range": (
        "models.dot_product_bias", "if cache.range is None:", "if True:"),
    "model: stale item table": (
        "models.dot_product_bias", "embedding_backward(d_q, cache.q)",
        "embedding_backward(d_q * 0, cache.q)"),
}  # fmt: skip


def step(backend, core):
    pred, cache = core.dot_product_bias_forward(PARAMS, USERS, ITEMS, Y_RANGE, backend=backend)
    loss, loss_cache = backend.mse_forward(pred, RATING)
    return pred, loss, core.dot_product_bias_backward(backend.mse_backward(1.0, loss_cache), cache)


def assert_step_is_right(backend, core):
    pred, loss, grads = step(backend, core)
    bounds = bounded_gradients(exact_params(PARAMS), USERS, ITEMS, RATING, Y_RANGE, np.float64)
    assert_within(pred, bounds[0].value, bounds[0].tolerance, "pred")
    assert_within(loss, bounds[1].value, bounds[1].tolerance, "loss")
    for name, grad in grads.items():
        assert_within(grad, bounds[2][name].value, bounds[2][name].tolerance, name)


def backend_with(module):
    """Return the operations with those of the bent module in their place."""
    functions = {n: getattr(module, n, getattr(ops, n)) for n in ops.__all__}
    return types.SimpleNamespace(**functions)


@pytest.mark.parametrize("bug", OPS)
def test_bugs_in_operations_and_model_leave_the_bounds(bug):
    name, old, new = OPS[bug]
    module = bent(name, old, new)
    backend, core = (ops, module) if name.startswith("models") else (backend_with(module), models)
    with pytest.raises(AssertionError, match="differ by"):
        assert_step_is_right(backend, core)


def test_unbent_copies_stay_within():
    """No false alarm: the same machinery on the unchanged source."""
    for name, old, _ in OPS.values():
        module = bent(name, old, old)
        if name.startswith("models"):
            assert_step_is_right(ops, module)
        else:
            assert_step_is_right(backend_with(module), models)


SGD = {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "nesterov": False, "weight_decay": 0.1,
       "decoupled": False}  # fmt: skip
ADAM = {"lr": 0.1, "betas": (0.9, 0.99), "eps": 1e-5, "weight_decay": 0.1, "decoupled": False}
NESTEROV = SGD | {"dampening": 0.0, "nesterov": True}
OPTIMIZERS = {
    "sgd: no decay": ("sgd", SGD, "g = g + self.weight_decay * w", "pass"),
    "sgd: decay twice": (
        "sgd", SGD, "g = g + self.weight_decay * w", "g = g + 2 * self.weight_decay * w"),
    "sgd: decay times lr": (
        "sgd", SGD, "g = g + self.weight_decay * w", "g = g + self.lr * self.weight_decay * w"),
    "sgd: always decoupled": ("sgd", SGD, "if self.decoupled and", "if"),
    "sgd: never decoupled": (
        "sgd", SGD | {"decoupled": True}, "if self.decoupled and self.weight_decay:", "if False:"),
    "sgd: decoupled without lr": (
        "sgd", SGD | {"decoupled": True}, "1 - self.lr * self.weight_decay",
        "1 - self.weight_decay"),
    "sgd: first step dampened": (
        "sgd", SGD, "= np.array(g)", "= (1 - self.dampening) * np.array(g)"),
    "sgd: no dampening": ("sgd", SGD, "(1 - self.dampening) * g", "g"),
    "sgd: average for sum": (
        "sgd", SGD, "(1 - self.dampening) * g", "(1 - self.momentum) * g"),
    "sgd: buffer without momentum": ("sgd", SGD, "] *= self.momentum", "] *= 1"),
    "sgd: no nesterov": (
        "sgd", NESTEROV, "g + self.momentum * buf if self.nesterov else buf", "buf"),
    "sgd: nesterov without momentum": ("sgd", NESTEROV, "g + self.momentum * buf if", "g + buf if"),
    "adam: no decay": ("adam", ADAM, "g = g + self.weight_decay * w", "pass"),
    "adam: always decoupled": ("adam", ADAM, "if self.decoupled and", "if"),
    "adam: decoupled without lr": (
        "adam", ADAM | {"decoupled": True}, "1 - self.lr * self.weight_decay",
        "1 - self.weight_decay"),
    "adam: betas exchanged": (
        "adam", ADAM, "beta1, beta2 = self.betas", "beta2, beta1 = self.betas"),
    "adam: torch's beta2": (
        "adam", ADAM, "beta1, beta2 = self.betas", "beta1, beta2 = self.betas[0], 0.999"),
    "adam: torch's eps": ("adam", ADAM, "+ self.eps)", "+ 1e-8)"),
    "adam: eps inside the root": (
        "adam", ADAM, "np.sqrt(v_scale * v) + self.eps", "np.sqrt(v_scale * v + self.eps)"),
    "adam: eps before the correction": (
        "adam", ADAM, "(np.sqrt(v_scale * v) + self.eps)",
        "((np.sqrt(v) + self.eps) * np.sqrt(v_scale))"),
    "adam: no root": ("adam", ADAM, "np.sqrt(v_scale * v)", "v_scale * v"),
    "adam: no correction of m": ("adam", ADAM, "self.lr * m_scale * m", "self.lr * m"),
    "adam: no correction of v": ("adam", ADAM, "np.sqrt(v_scale * v)", "np.sqrt(v)"),
    "adam: steps counted from 2": ("adam", ADAM, "self.t = 0", "self.t = 1"),
    "adam: absolute gradient for its square": (
        "adam", ADAM, "(1 - beta2) * g * g", "(1 - beta2) * abs(g)"),
    "adam: absent rows stay": (
        "adam", ADAM | {"weight_decay": 0.0},
        "w -= self.lr * m_scale * m / (np.sqrt(v_scale * v) + self.eps)",
        "w -= (g != 0) * self.lr * m_scale * m / (np.sqrt(v_scale * v) + self.eps)"),
    "adam: decay after the step": (  # (w - step) (1 - lr wd): the step decays too
        "adam", ADAM | {"decoupled": True}, "w -= self.lr * m_scale",
        "w -= (1 - self.lr * self.weight_decay) * self.lr * m_scale"),
}  # fmt: skip


def assert_optimizer_is_right(cls, setting):
    params = {name: table.copy() for name, table in PARAMS.items()}
    opt = cls(params, **setting)
    for grads in GRADS:
        opt.step(grads)
    for name, start in PARAMS.items():
        w, m, v = Bounded.exact(start), *[Bounded.exact(np.zeros_like(start))] * 2
        buf = None
        for t, grads in enumerate(GRADS, 1):
            g = Bounded.exact(grads[name])
            if "betas" in setting:
                w, m, v = bounded_adam(w, g, m, v, t, setting)
            else:
                w, buf = bounded_sgd(w, g, buf, t == 1, setting)
        assert_within(params[name], w.value, w.tolerance, name)


@pytest.mark.parametrize("bug", OPTIMIZERS)
def test_bugs_in_optimisers_leave_the_bounds(bug):
    module, setting, old, new = OPTIMIZERS[bug]
    cls = {"sgd": "SGD", "adam": "Adam"}[module]
    assert_optimizer_is_right(getattr(bent(f"optim.{module}", old, old), cls), setting)
    with pytest.raises(AssertionError, match="differ by"):
        assert_optimizer_is_right(getattr(bent(f"optim.{module}", old, new), cls), setting)

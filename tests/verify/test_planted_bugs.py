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
from npcf.verify.bounded_model import bounded_rmsprop, bounded_sparse_adam
from tests.optim.runs import TouchedRun, bounded_touched, run_touched

RNG = np.random.default_rng(0)
PARAMS = models.init_params(3, 5, 4, RNG, np.float64, models.uniform(-1, 1))
USERS, ITEMS = np.array([0, 2, 0, 0, 2, 0]), np.array([4, 1, 1, 4, 3, 4])
RATING, Y_RANGE, MEAN = np.array([1.0, 5, 3.5, 2, 4, 4.5]), (0.5, 5.0), 0.75
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
        "models.dot_product_bias", '"user_factors", "users", users)',
        '"user_factors", "users", items % len(params["user_factors"]))'),
    "model: no gradient through the range": (
        "models.dot_product_bias", "if cache.range is None:", "if True:"),
    "model: no mean": (
        "models.dot_product_bias", "logit = logit + logit.dtype.type(mean)", "pass"),
    "model: mean subtracted": (
        "models.dot_product_bias", "logit + logit.dtype.type(mean)",
        "logit - logit.dtype.type(mean)"),
    "model: mean beside the range": (
        "models.dot_product_bias", "return pred, cache\n", "return pred + mean, cache\n"),
    "model: stale item table": (
        "models.dot_product_bias", "embedding_backward(d_q, cache.q)",
        "embedding_backward(d_q * 0, cache.q)"),
}  # fmt: skip


def step(backend, core):
    pred, cache = core.dot_product_bias_forward(
        PARAMS, USERS, ITEMS, Y_RANGE, backend=backend, mean=MEAN
    )
    loss, loss_cache = backend.mse_forward(pred, RATING)
    return pred, loss, core.dot_product_bias_backward(backend.mse_backward(1.0, loss_cache), cache)


def assert_step_is_right(backend, core):
    pred, loss, grads = step(backend, core)
    args = (exact_params(PARAMS), USERS, ITEMS, RATING, Y_RANGE, np.float64, MEAN)
    bounds = bounded_gradients(*args)
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
RMSPROP = {"lr": 0.1, "alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1, "momentum": 0.5,
           "centered": True, "decoupled": False}  # fmt: skip
NESTEROV = SGD | {"dampening": 0.0, "nesterov": True}
OPTIMIZERS = {
    "sgd: no decay": ("sgd", SGD, "g = g + wd * w", "pass"),
    "sgd: decay twice": (
        "sgd", SGD, "g = g + wd * w", "g = g + 2 * wd * w"),
    "sgd: decay times lr": (
        "sgd", SGD, "g = g + wd * w", "g = g + lr * wd * w"),
    "sgd: always decoupled": ("sgd", SGD, "if self.decoupled and", "if"),
    "sgd: never decoupled": (
        "sgd", SGD | {"decoupled": True}, "if self.decoupled and wd:", "if False:"),
    "sgd: decoupled without lr": (
        "sgd", SGD | {"decoupled": True}, "1 - lr * wd",
        "1 - wd"),
    "sgd: first step dampened": (
        "sgd", SGD, "buf[rows] = g\n", "buf[rows] = (1 - self.dampening) * g\n"),
    "sgd: no dampening": ("sgd", SGD, "(1 - self.dampening) * g", "g"),
    "sgd: average for sum": (
        "sgd", SGD, "(1 - self.dampening) * g", "(1 - self.momentum) * g"),
    "sgd: buffer without momentum": ("sgd", SGD, "buf *= self.momentum", "buf *= 1"),
    "sgd: no nesterov": (
        "sgd", NESTEROV, "g + self.momentum * buf if self.nesterov else buf", "buf"),
    "sgd: nesterov without momentum": ("sgd", NESTEROV, "g + self.momentum * buf if", "g + buf if"),
    "adam: no decay": ("adam", ADAM, "g = g + wd * w", "pass"),
    "adam: always decoupled": ("adam", ADAM, "if self.decoupled and", "if"),
    "adam: decoupled without lr": (
        "adam", ADAM | {"decoupled": True}, "1 - lr * wd",
        "1 - wd"),
    "adam: betas exchanged": (
        "adam", ADAM, "(beta1, beta2), t = self.betas", "(beta2, beta1), t = self.betas"),
    "adam: torch's beta2": (
        "adam", ADAM, "(beta1, beta2), t = self.betas",
        "(beta1, beta2), t = (self.betas[0], 0.999)"),
    "adam: torch's eps": ("adam", ADAM, "+ self.eps)", "+ 1e-8)"),
    "adam: eps inside the root": (
        "adam", ADAM, "np.sqrt(v_scale * v) + self.eps", "np.sqrt(v_scale * v + self.eps)"),
    "adam: eps before the correction": (
        "adam", ADAM, "(np.sqrt(v_scale * v) + self.eps)",
        "((np.sqrt(v) + self.eps) * np.sqrt(v_scale))"),
    "adam: no root": ("adam", ADAM, "np.sqrt(v_scale * v)", "v_scale * v"),
    "adam: no correction of m": ("adam", ADAM, "lr * m_scale * m", "lr * m"),
    "adam: no correction of v": ("adam", ADAM, "np.sqrt(v_scale * v)", "np.sqrt(v)"),
    "adam: steps counted from 2": (
        "adam", ADAM, "self.t + 1\n", "self.t + 1 + (self.t == 0)\n"),
    "adam: absolute gradient for its square": (
        "adam", ADAM, "(1 - beta2) * g * g", "(1 - beta2) * abs(g)"),
    "adam: absent rows stay": (
        "adam", ADAM | {"weight_decay": 0.0},
        "w -= lr * m_scale * m / (np.sqrt(v_scale * v) + self.eps)",
        "w -= (g != 0) * lr * m_scale * m / (np.sqrt(v_scale * v) + self.eps)"),
    "adam: decay after the step": (  # (w - step) (1 - lr wd): the step decays too
        "adam", ADAM | {"decoupled": True}, "w -= lr * m_scale",
        "w -= (1 - lr * wd) * lr * m_scale"),
    "rmsprop: no decay": ("rmsprop", RMSPROP, "g = g + wd * w", "pass"),
    "rmsprop: always decoupled": ("rmsprop", RMSPROP, "if self.decoupled and", "if"),
    "rmsprop: decoupled without lr": (
        "rmsprop", RMSPROP | {"decoupled": True}, "1 - lr * wd", "1 - wd"),
    "rmsprop: fastai's alpha": ("rmsprop", RMSPROP, "v *= self.alpha", "v *= 0.99"),
    "rmsprop: sum of squares": ("rmsprop", RMSPROP, "(1 - self.alpha) * g * g", "g * g"),
    "rmsprop: no root": ("rmsprop", RMSPROP, "np.sqrt(self._mean_square(changes, name, g))",
                         "self._mean_square(changes, name, g)"),
    "rmsprop: eps inside the root": (
        "rmsprop", RMSPROP, "np.sqrt(self._mean_square(changes, name, g)) + self.eps",
        "np.sqrt(self._mean_square(changes, name, g) + self.eps)"),
    "rmsprop: never centered": ("rmsprop", RMSPROP, "if not self.centered:", "if True:"),
    "rmsprop: always centered": (
        "rmsprop", RMSPROP | {"centered": False}, "if not self.centered:", "if False:"),
    "rmsprop: centered around the sum": (
        "rmsprop", RMSPROP, "a += (1 - self.alpha) * g", "a += g * 0.6"),
    "rmsprop: corrected for the start": (
        "rmsprop", RMSPROP, "g = g / (np.sqrt(", "g = g / (1.4 * np.sqrt("),
    "rmsprop: momentum of the raw gradient": (
        "rmsprop", RMSPROP, "buf += g\n", "buf += grads[name]\n"),
    "rmsprop: buffer without momentum": ("rmsprop", RMSPROP, "buf *= self.momentum", "buf *= 1"),
    "rmsprop: lr inside the buffer twice": ("rmsprop", RMSPROP, "buf += g\n", "buf += lr * g\n"),
}  # fmt: skip


def assert_optimizer_is_right(cls, setting):
    params = {name: table.copy() for name, table in PARAMS.items()}
    opt = cls(params, **setting)
    for grads in GRADS:
        opt.step(grads)
    for name, start in PARAMS.items():
        w, m, v = Bounded.exact(start), *[Bounded.exact(np.zeros_like(start))] * 2
        a, buf = v, v if "alpha" in setting else None
        for t, grads in enumerate(GRADS, 1):
            g = Bounded.exact(grads[name])
            if "betas" in setting:
                w, m, v = bounded_adam(w, g, m, v, t, setting)
            elif "alpha" in setting:
                w, v, a, buf = bounded_rmsprop(w, g, v, a, buf, setting)
            else:
                w, buf = bounded_sgd(w, g, buf, t == 1, setting)
        assert_within(params[name], w.value, w.tolerance, name)


@pytest.mark.parametrize("bug", OPTIMIZERS)
def test_bugs_in_optimisers_leave_the_bounds(bug):
    module, setting, old, new = OPTIMIZERS[bug]
    cls = {"sgd": "SGD", "adam": "Adam", "rmsprop": "RMSProp"}[module]
    assert_optimizer_is_right(getattr(bent(f"optim.{module}", old, old), cls), setting)
    with pytest.raises(AssertionError, match="differ by"):
        assert_optimizer_is_right(getattr(bent(f"optim.{module}", old, new), cls), setting)


TOUCHED = TouchedRun(
    {"w": RNG.standard_normal((5, 2)), "b": RNG.standard_normal((5, 1))},
    [
        {"w": np.array(ids), "b": np.array(ids)}
        for ids in ([0, 1, 1, 3], [3, 1, 1, 1], [0, 2, 2, 0], [3, 1, 3, 0])
    ],
    [{"w": RNG.standard_normal((4, 2)), "b": RNG.standard_normal((4, 1))} for _ in range(4)],
)
FUNK = SGD | {"rows": "touched_rows"}
SPARSE_ADAM = {"lr": 0.1, "betas": (0.9, 0.99), "eps": 1e-3}
TOUCHED_ROWS = {
    "funk: every row": ("sgd", FUNK, "rows, lr, wd = moving[name]", "rows, lr, wd = ..."),
    "funk: every row decays": (
        "sgd", FUNK, "            w, g = self._copy(",
        "            self.params[name] *= 1 - lr * wd\n            w, g = self._copy("),
    "funk: nothing is written back": (
        "sgd", FUNK, 'self._copy(changes, "params",', 'self._copy([], "params",'),
    "funk: the buffer is not written back": (
        "sgd", FUNK, 'self._copy(changes, "buffers",',
        'self._copy(changes if first else [], "buffers",'),
    "funk: every buffer's row decays": (
        "sgd", FUNK, "            buf *= self.momentum",
        "            self.buffers[name] *= self.momentum\n            buf *= self.momentum"),
    "funk: the first row only": ("sgd", FUNK, "moving[name], lrs", "moving[name][:1], lrs"),
    "sparse adam: every row": ("sparse_adam", SPARSE_ADAM, "= moving[name],", "= ...,"),
    "sparse adam: eps corrected": (
        "sparse_adam", SPARSE_ADAM, "+ self.eps", "+ self.eps * math.sqrt(1 - beta2**t)"),
    "sparse adam: eps inside the root": (
        "sparse_adam", SPARSE_ADAM, "np.sqrt(v) + self.eps", "np.sqrt(v + self.eps)"),
    "sparse adam: no correction of v": (
        "sparse_adam", SPARSE_ADAM, "math.sqrt(1 - beta2**t) /", "1 /"),
    "sparse adam: no correction of m": (
        "sparse_adam", SPARSE_ADAM, "/ (1 - beta1**t)", "/ 1"),
    "sparse adam: no root of the correction": (
        "sparse_adam", SPARSE_ADAM, "math.sqrt(1 - beta2**t)", "(1 - beta2**t)"),
    "sparse adam: betas exchanged": (
        "sparse_adam", SPARSE_ADAM, "(beta1, beta2), t = self.betas",
        "(beta2, beta1), t = self.betas"),
    "sparse adam: absolute gradient for its square": (
        "sparse_adam", SPARSE_ADAM, "(g * g - v)", "(abs(g) - v)"),
    "sparse adam: m is not kept": ("sparse_adam", SPARSE_ADAM, "m += (1 -", "m = m + (1 -"),
    "sparse adam: v is not kept": ("sparse_adam", SPARSE_ADAM, "v += (1 -", "v = v + (1 -"),
    "sparse adam: every row's m decays": (
        "sparse_adam", SPARSE_ADAM, "            m += (1",
        "            self.m[name] *= beta1\n            m += (1"),
    "sparse adam: steps counted from 2": (
        "sparse_adam", SPARSE_ADAM, "self.t + 1\n", "self.t + 1 + (self.t == 0)\n"),
    "sparse adam: one lr for all": ("sparse_adam", SPARSE_ADAM, "lrs[name] *", "1e-3 *"),
}  # fmt: skip


def assert_touched_rows_are_right(cls, setting):
    def rule(t, w, g, *states):
        if "betas" in setting:
            return bounded_sparse_adam(w, g, *states, t, setting)
        return bounded_sgd(w, g, states[0], t == 1, setting)

    got = run_touched(cls, TOUCHED, setting)
    for name in TOUCHED.params:
        want = bounded_touched(TOUCHED, name, rule, 2 if "betas" in setting else 1)
        assert_within(got[name], want.value, want.tolerance, name)


@pytest.mark.parametrize("bug", TOUCHED_ROWS)
def test_bugs_in_steps_of_touched_rows_leave_the_bounds(bug):
    module, setting, old, new = TOUCHED_ROWS[bug]
    cls = {"sgd": "SGD", "sparse_adam": "SparseAdam"}[module]
    assert_touched_rows_are_right(getattr(bent(f"optim.{module}", old, old), cls), setting)
    with pytest.raises(AssertionError, match="differ by"):
        assert_touched_rows_are_right(getattr(bent(f"optim.{module}", old, new), cls), setting)


FREQUENCY = {
    "frequency: sum": ("(1 / counts[cache.ids])", "(1 / counts[cache.ids] ** 0)"),
    "frequency: share of the batch": (
        "(1 / counts[cache.ids])", "(1 / cache.ids.size + 0 * counts[cache.ids])"),
    "frequency: of the table": (
        "(1 / counts[cache.ids])", "(1 / counts[cache.ids].max() + 0 * cache.ids)"),
    "frequency: of the next row": ("counts[cache.ids]", "counts[cache.ids - 1]"),
    "frequency: root": ("(1 / counts[cache.ids])", "(1 / np.sqrt(counts[cache.ids]))"),
    "frequency: never": ("if cache.scale_grad_by_freq:", "if False:"),
    "frequency: not kept": ("weight.dtype, scale_grad_by_freq)", "weight.dtype, False)"),
}  # fmt: skip


def assert_frequency_is_right(module):
    weight, ids = np.zeros((4, 2)), np.array([0, 1, 1, 2, 2, 2])
    d_out = TOUCHED.params["w"][[0, 1, 2, 3, 4, 0]]
    _, cache = module.embedding_forward(weight, ids, scale_grad_by_freq=True)
    want = np.array([d_out[:1].mean(0), d_out[1:3].mean(0), d_out[3:].mean(0), [0, 0]])
    allowed = np.abs(d_out).sum() * 8 * 2.0**-53
    assert_within(module.embedding_backward(d_out, cache), want, allowed)


@pytest.mark.parametrize("bug", FREQUENCY)
def test_bugs_in_scaling_by_frequency_leave_the_bounds(bug):
    old, new = FREQUENCY[bug]
    assert_frequency_is_right(bent("ops.embedding", old, old))
    with np.errstate(divide="ignore", invalid="ignore"):
        with pytest.raises(AssertionError, match="differ by"):
            assert_frequency_is_right(bent("ops.embedding", old, new))

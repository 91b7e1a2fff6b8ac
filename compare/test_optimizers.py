"""Steps of every optimiser with every option against torch.optim, within the running error."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare import torch_models as oracle
from npcf import kernels, models, ops, optim
from npcf.verify import (
    Bounded,
    assert_within,
    bounded_adam,
    bounded_gradients,
    bounded_sgd,
    exact_params,
)
from npcf.verify.strategies import adam_settings, problems, sgd_settings
from tests.optim.runs import run, runs


def torch_run(make, r, setting):
    tables = oracle.parameters(r.params)
    optimizer = make(tables.values(), setting)
    for grads in r.grads:
        oracle.step_with(optimizer, tables, grads)
    return {name: table.detach().numpy() for name, table in tables.items()}


class BoundedState:
    """One table and its optimiser state in Bounded numbers."""

    def __init__(self, start, setting):
        self.w, self.setting, self.t = start, setting, 0
        zero = Bounded(np.zeros_like(start.value), 0.0, start.precision)
        self.m = self.v = zero
        self.buf = None

    def step(self, g):
        self.t += 1
        if "betas" in self.setting:
            state = bounded_adam(self.w, g, self.m, self.v, self.t, self.setting)
            self.w, self.m, self.v = state
        else:
            self.w, self.buf = bounded_sgd(self.w, g, self.buf, self.t == 1, self.setting)


SGD = (optim.SGD, oracle.sgd)
ADAM = (optim.Adam, oracle.adam)
settings = st.one_of(
    st.tuples(st.just(SGD), sgd_settings()), st.tuples(st.just(ADAM), adam_settings())
)


@given(r=runs(), choice=settings)
def test_given_gradients(r, choice):
    (ours, theirs), setting = choice
    got, want = run(ours, r, setting), torch_run(theirs, r, setting)
    for name, start in r.params.items():
        state = BoundedState(Bounded.exact(start), setting)
        for grads in r.grads:
            state.step(Bounded.exact(grads[name]))
        assert got[name].dtype == want[name].dtype
        assert_within(got[name], want[name], state.w.tolerance, name)


@pytest.mark.parametrize("backend", [ops, kernels], ids=["numpy", "numba"])
@given(p=st.one_of(problems(), problems(bias=False)), choice=settings, steps=st.integers(1, 4))
def test_whole_training_steps(backend, p, choice, steps):
    """Forward, backward and update of the same batch, k times, each side on its own weights.

    A run that diverges until it overflows has an infinite bound: there is nothing to compare.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        compare_training(backend, p, choice, steps)


def compare_training(backend, p, choice, steps):
    (ours, theirs), setting = choice
    params = {name: table.copy() for name, table in p.params.items()}
    model, opt = models.PairModel(params, p.y_range), ours(params, **setting)
    cls = oracle.DotProductBiasCP if model.has_bias else oracle.EmbeddingDot
    twin = oracle.build(cls, p.params, p.y_range)
    optimizer = theirs(list(twin.tables().values()), setting)
    x, rating = np.stack([p.users, p.items], axis=1), oracle.to_torch(p.rating)
    states = {name: BoundedState(w, setting) for name, w in exact_params(p.params).items()}
    for _ in range(steps):
        pred, cache = model.forward(x, backend=backend)
        _, loss_cache = backend.mse_forward(pred, p.rating)
        opt.step(model.backward(backend.mse_backward(1.0, loss_cache), cache))

        oracle.loss_and_gradients(twin, oracle.to_torch(x), rating)
        optimizer.step()

        current = {name: state.w for name, state in states.items()}
        bounds = bounded_gradients(current, p.users, p.items, p.rating, p.y_range, p.dtype)[2]
        for name, state in states.items():
            state.step(bounds[name])
    for name, table in twin.tables().items():
        want = table.detach().numpy().reshape(params[name].shape)
        assert_within(params[name], want, states[name].w.tolerance, name)


@given(r=runs(), decouple=st.booleans(), wd=st.sampled_from([0.0, 0.1]))
def test_fastai_adam_and_its_step_functions(r, decouple, wd):
    setting = {"lr": 0.05, "mom": 0.9, "sqr_mom": 0.99, "eps": 1e-5, "wd": wd,
               "decouple_wd": decouple}  # fmt: skip
    got = run(optim.fastai_adam, r, setting)
    want = torch_run(lambda tables, s: oracle.FastaiAdam(tables, **s), r, setting)
    torch_names = {"lr": 0.05, "betas": (0.9, 0.99), "eps": 1e-5, "weight_decay": wd,
                   "decoupled": decouple}  # fmt: skip
    for name, start in r.params.items():
        state = BoundedState(Bounded.exact(start), torch_names)
        for grads in r.grads:
            state.step(Bounded.exact(grads[name]))
        assert_within(got[name], want[name], state.w.tolerance, name)


def test_defaults_are_torchs():
    tables = list(oracle.parameters({"w": np.ones(2)}).values())
    for ours, theirs in (
        (optim.SGD, oracle.torch.optim.SGD),
        (optim.Adam, oracle.torch.optim.Adam),
        (optim.adamw, oracle.torch.optim.AdamW),
    ):
        opt, defaults = ours({"w": np.ones(2)}), theirs(tables).defaults
        for name in ("lr", "momentum", "dampening", "nesterov", "betas", "eps", "weight_decay"):
            if name in defaults:
                assert getattr(opt, name) == defaults[name], name


def test_a_padding_row_is_moved_by_decay_although_its_gradient_is_zero():
    """nn.Embedding(padding_idx) under SGD with decay, Adam with decay, and plain Adam."""
    w = np.array([[2.0], [3.0]])
    ids, d_out = np.array([0, 1]), np.ones((2, 1))
    for ours, theirs, setting, moves in (
        (optim.SGD, oracle.torch.optim.SGD, {"lr": 0.1, "weight_decay": 0.1}, True),
        (optim.Adam, oracle.torch.optim.Adam, {"lr": 0.1, "weight_decay": 0.1}, True),
        (optim.Adam, oracle.torch.optim.Adam, {"lr": 0.1}, False),
    ):
        params = {"w": w.copy()}
        _, cache = ops.embedding_forward(params["w"], ids, padding_idx=0)
        ours(params, **setting).step({"w": ops.embedding_backward(d_out, cache)})
        tables = oracle.parameters({"w": w})
        grads = {"w": oracle.embedding(w, ids, d_out, padding_idx=0)[1]}
        oracle.step_with(theirs(tables.values(), **setting), tables, grads)
        assert (params["w"][0] != w[0]) == moves
        assert (tables["w"].detach().numpy()[0] != w[0]) == moves

"""Steps of every optimiser with every option against torch.optim, within the running error."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare import torch_models as oracle
from npcf import kernels, models, ops, optim
from npcf.errors import SettingError
from npcf.verify import (
    Bounded,
    Formulas,
    RunningError,
    assert_within,
)
from npcf.verify.strategies import adam_settings, problems, sgd_settings
from tests.optim.runs import (
    bounded_touched,
    rmsprop_settings,
    run,
    run_touched,
    runs,
    sparse_adam_settings,
    touched_runs,
)


def torch_run(make, r, setting):
    tables = oracle.parameters(r.params)
    optimizer = make(tables.values(), setting)
    for grads in r.grads:
        oracle.step_with(optimizer, tables, grads)
    return {name: table.detach().numpy() for name, table in tables.items()}


class BoundedState:
    """One table and its optimiser state with their running error."""

    def __init__(self, start, setting):
        self.w, self.setting, self.t = start, setting, 0
        self.formulas = Formulas(RunningError(start.dtype))
        zeros, n_states = np.zeros_like(start), 2 if "betas" in setting else 3
        self.states = [zeros] * n_states if {"alpha", "betas"} & setting.keys() else [None]

    def step(self, g):
        self.t += 1
        if "betas" in self.setting:
            rule, t = self.formulas.adam, [self.t]
        else:
            rule, t = self.formulas.rmsprop if "alpha" in self.setting else self.formulas.sgd, []
        self.w, *self.states = rule(self.w, g, *self.states, *t, **self.setting)


SGD = (optim.SGD, oracle.sgd)
ADAM = (optim.Adam, oracle.adam)
RMSPROP = (optim.RMSProp, oracle.rmsprop)
settings = st.one_of(
    st.tuples(st.just(SGD), sgd_settings()),
    st.tuples(st.just(ADAM), adam_settings()),
    st.tuples(st.just(RMSPROP), rmsprop_settings()),
)


@given(r=runs(), choice=settings)
def test_given_gradients(r, choice):
    (ours, theirs), setting = choice
    got, want = run(ours, r, setting), torch_run(theirs, r, setting)
    for name, start in r.params.items():
        state = BoundedState(start, setting)
        for grads in r.grads:
            state.step(grads[name])
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
    states = {name: BoundedState(w, setting) for name, w in p.params.items()}
    for _ in range(steps):
        pred, cache = model.forward(x, backend=backend)
        _, loss_cache = backend.mse_forward(pred, p.rating)
        opt.step(model.backward(backend.mse_backward(1.0, loss_cache), cache))

        oracle.loss_and_gradients(twin, oracle.to_torch(x), rating)
        optimizer.step()

        current = {name: state.w for name, state in states.items()}
        f = Formulas(RunningError(p.dtype))
        bounds = f.loss_and_gradients(current, p.users, p.items, p.rating, p.y_range)[2]
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
        state = BoundedState(start, torch_names)
        for grads in r.grads:
            state.step(grads[name])
        assert_within(got[name], want[name], state.w.tolerance, name)


@given(r=touched_runs(), setting=sparse_adam_settings())
def test_sparse_adam_on_the_gradients_of_a_sparse_embedding(r, setting):
    """Repeated rows are summed by torch's coalesce, by us in the dense gradient."""

    def rule(t, w, g, m, v):
        return Formulas(RunningError(w.precision)).sparse_adam(w, g, m, v, t, **setting)

    got = run_touched(optim.SparseAdam, r, setting)
    torch_sparse = oracle.torch.optim.SparseAdam
    want = oracle.sparse_run(torch_sparse, setting, r.params, r.touched, r.d_outs)
    for name in r.params:
        bound = bounded_touched(r, name, rule, 2)
        assert got[name].dtype == want[name].dtype
        assert_within(got[name], want[name], bound.tolerance, name)


def one_mention_at_a_time(r, name, lr):
    """torch's order on sparse gradients: each mention of a row is subtracted, rounded, alone."""
    table = Bounded.exact(r.params[name])
    value, error = table.value.copy(), table.error.copy()
    for touched, d_outs in zip(r.touched, r.d_outs, strict=True):
        for row, d_out in zip(touched[name], d_outs[name], strict=True):
            w = Bounded(value[row], error[row], table.precision)
            w = w - Bounded.exact(d_out) * lr
            value[row], error[row] = w.value, w.error
    return Bounded(value, error, table.precision)


@given(r=touched_runs(), lr=st.sampled_from([0.0, 0.05, 0.3]))
def test_touched_rows_are_what_torchs_sgd_moves_on_sparse_gradients(r, lr):
    got = run_touched(optim.SGD, r, {"lr": lr, "rows": "touched_rows"})
    want = oracle.sparse_run(oracle.torch.optim.SGD, {"lr": lr}, r.params, r.touched, r.d_outs)
    for name in r.params:
        f = Formulas(RunningError(r.params[name].dtype))
        ours = bounded_touched(r, name, lambda t, w, g: f.sgd(w, g, None, lr=lr)[:1], 0)  # noqa: B023
        theirs = one_mention_at_a_time(r, name, lr)
        assert_within(got[name], want[name], (ours.tolerance + theirs.tolerance) / 2, name)


def mention_rounding(r, name, lr):
    """What torch rounds beyond our one subtraction a step, where buffers keep mentions apart.

    By step t a row's sparse buffer holds up to n_t mentions (2 n_t with Nesterov's g + m buf), of
    at most the mass of all |gradients| so far, twice; each is subtracted alone and rounds by
    u (|w| + lr mass).
    """
    table = Bounded.exact(r.params[name])
    mass, reach, total = np.zeros_like(table.value), np.abs(table.value), 0.0
    count = np.zeros((len(table.value), 1))
    for touched, d_outs in zip(r.touched, r.d_outs, strict=True):
        np.add.at(mass, touched[name], np.abs(d_outs[name]).astype(np.float64))
        np.add.at(count, touched[name], 1)
        reach = reach + 4 * lr * mass
        total = total + table.precision.gamma(2 * count + 2) * reach
    return total


@given(r=touched_runs(), setting=sgd_settings())
def test_with_momentum_torchs_sgd_on_sparse_gradients_is_that_of_all_rows(r, setting):
    """Every row that was ever touched goes on moving: its buffer is there, and decays."""
    setting = setting | {"weight_decay": 0.0, "decoupled": False, "momentum": 0.9}
    options = {k: v for k, v in setting.items() if k not in ("decoupled", "weight_decay")}
    got = run(optim.SGD, r, setting)
    want = oracle.sparse_run(oracle.torch.optim.SGD, options, r.params, r.touched, r.d_outs)
    for name, start in r.params.items():
        state = BoundedState(start, setting)
        for i in range(len(r.touched)):
            state.step(r.bounded_grads(i, name))
        allowed = state.w.tolerance + mention_rounding(r, name, setting["lr"])
        assert_within(got[name], want[name], allowed, name)


def test_what_torch_refuses_of_sparse_gradients():
    """Decay on sparse gradients, and the settings that its SparseAdam has no meaning for."""
    sgd, sparse_adam = oracle.torch.optim.SGD, oracle.torch.optim.SparseAdam
    run_of_one = ({"w": np.ones((2, 1))}, [{"w": np.array([0])}], [{"w": np.ones((1, 1))}])
    with pytest.raises(RuntimeError, match="add"):
        oracle.sparse_run(sgd, {"lr": 0.1, "weight_decay": 0.1}, *run_of_one)
    for setting in ({"lr": 0.0}, {"eps": 0.0}, {"lr": -1.0}, {"betas": (1.0, 0.9)}):
        with pytest.raises(ValueError, match="Invalid"):
            oracle.sparse_run(sparse_adam, setting, *run_of_one)
        with pytest.raises(SettingError):
            optim.SparseAdam({"w": np.ones((2, 1))}, **setting)
    with pytest.raises(TypeError):
        oracle.sparse_run(sparse_adam, {"weight_decay": 0.1}, *run_of_one)


GROUPED = {
    "sgd": (optim.SGD, oracle.torch.optim.SGD,
            {"momentum": 0.9, "dampening": 0.3, "nesterov": False}),
    "adam": (optim.Adam, oracle.torch.optim.Adam, {"betas": (0.9, 0.99), "eps": 1e-5}),
    "rmsprop": (optim.RMSProp, oracle.torch.optim.RMSprop,
                {"alpha": 0.9, "eps": 1e-5, "momentum": 0.5, "centered": False}),
}  # fmt: skip


@pytest.mark.parametrize("case", GROUPED)
@given(
    r=runs(), lrs=st.tuples(*[st.sampled_from([0.0, 0.05, 0.3])] * 2),
    wds=st.tuples(*[st.sampled_from([0.0, 0.1])] * 2),
)  # fmt: skip
def test_rates_and_decays_for_each_table_are_torchs_parameter_groups(case, r, lrs, wds):
    ours, theirs, common = GROUPED[case]
    own = {
        name: {"lr": lr, "weight_decay": wd}
        for name, lr, wd in zip(r.params, lrs, wds, strict=True)
    }
    layered = {key: {n: s[key] for n, s in own.items()} for key in ("lr", "weight_decay")}
    got = run(ours, r, common | layered)
    tables = oracle.parameters(r.params)
    optimizer = oracle.grouped(theirs, tables, own, common)
    for grads in r.grads:
        oracle.step_with(optimizer, tables, grads)
    for name, start in r.params.items():
        state = BoundedState(start, common | own[name] | {"decoupled": False})
        for grads in r.grads:
            state.step(grads[name])
        assert_within(got[name], tables[name].detach().numpy(), state.w.tolerance, name)


def test_defaults_are_torchs():
    tables = list(oracle.parameters({"w": np.ones(2)}).values())
    for ours, theirs in (
        (optim.SGD, oracle.torch.optim.SGD),
        (optim.Adam, oracle.torch.optim.Adam),
        (optim.adamw, oracle.torch.optim.AdamW),
        (optim.RMSProp, oracle.torch.optim.RMSprop),
        (optim.SparseAdam, oracle.torch.optim.SparseAdam),
    ):
        opt, defaults = ours({"w": np.ones(2)}), theirs(tables).defaults
        for name in ("lr", "momentum", "dampening", "nesterov", "betas", "eps", "weight_decay",
                     "alpha", "centered"):  # fmt: skip
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

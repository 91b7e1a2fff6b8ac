"""Fused steps are the model, the loss and the optimiser: same bits, or within the derived bound."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf import ops, optim
from npcf.errors import DivergenceError, SettingError
from npcf.fused import trainer_for
from npcf.kernels.fused import adam, sgd
from npcf.verify import (
    Bounded,
    Formulas,
    RunningError,
    assert_same_bits,
    assert_within,
)
from tests.kernels.fused_runs import fused_runs, same_bits


@given(r=fused_runs())
def test_strict_steps_have_the_bits_of_the_compiled_operations(r):
    """1 to 300 steps, every rule, schedule and kind of decay, all rows moved at every step."""
    want = r.make()
    losses = r.reference_steps(want)
    got = r.make()
    fused = r.trainer(got, deferred=False)
    assert_same_bits(r.fused_steps(fused, 0, len(losses)), losses, "losses")
    same_bits(got, want)
    if len(losses) == r.n_steps:
        assert (got.lr, got.momentum) == (want.lr, want.momentum)


@given(r=fused_runs(max_steps=20))
def test_without_a_range_strict_steps_have_the_bits_of_the_reference(r):
    """Sums of up to seven products have one order; what is left to differ is exp."""
    r = r._replace(y_range=None)
    want, got = r.make(), r.make()
    n = len(r.reference_steps(want, backend=ops))
    r.fused_steps(r.trainer(got, deferred=False), 0, n)
    same_bits(got, want)


@pytest.mark.parametrize("fast", [False, True], ids=["strict", "fast"])
@given(r=fused_runs(max_steps=8))
def test_one_step_lies_within_the_running_error(fast, r):
    """From any state that the reference may have reached, whichever rows the batch names."""
    opt = r.make()
    n = len(r.reference_steps(opt, 0, r.n_steps - 1, backend=ops))
    before = {k: v.copy() for k, v in opt.params.items()}
    state = {k: v.copy() for k, v in opt.state_arrays().items()}
    here = slice(r.starts[n], r.starts[n + 1])
    batch = r.users[here], r.items[here], r.rating[here]
    dtype = before["user_factors"].dtype
    f = Formulas(RunningError(dtype))
    _, loss, grads = f.loss_and_gradients(before, *batch, r.y_range, r.mean)
    try:
        got = r.fused_steps(r.trainer(opt, deferred=False, fast=fast), n, n + 1)
    except DivergenceError:
        assert not np.isfinite(loss.tolerance)
        return
    assert_within(got[0], loss.value, loss.tolerance, "loss")
    momentum = opt.momentum
    for name, table in before.items():
        w = f.n.array(table)
        setting = {key: value for key, value in r.setting.items() if key != "rows"}
        setting |= {"lr": _of(opt.lr, name), "weight_decay": _of(opt.weight_decay, name)}
        if r.optimizer is optim.Adam:
            m, v = (state[f"{s}/{name}"] for s in "mv")
            setting["betas"] = opt.betas
            w, m, v = f.adam(w, grads[name], m, v, n + 1, **setting)
            assert_within(opt.m[name], m.value, m.tolerance, f"m/{name}")
            assert_within(opt.v[name], v.value, v.tolerance, f"v/{name}")
        else:
            buf = state.get(f"buffers/{name}")
            moved, buf = f.sgd(w, grads[name], buf, **setting | {"momentum": momentum})
            w = _where_touched(moved, w, batch[name.startswith("item")], r.setting["rows"])
        assert opt.params[name].dtype == dtype
        assert_within(opt.params[name], w.value, w.tolerance, name)


def _of(setting, name):
    return setting.get(name, setting.get("default")) if isinstance(setting, dict) else setting


def _where_touched(moved, still, ids, rows):
    if rows == "all_rows":
        return moved
    value, error = still.value.copy(), still.error.copy()
    value[ids], error[ids] = moved.value[ids], moved.error[ids]
    return Bounded(value, error, moved.precision)


@given(r=fused_runs(max_steps=60), cuts=st.lists(st.integers(0, 60), max_size=4))
def test_one_may_change_between_reference_and_fused_at_any_step(r, cuts):
    want, got = r.make(), r.make()
    n = len(r.reference_steps(want))
    fused = r.trainer(got, deferred=False)
    ends = [0, *sorted(min(cut, n) for cut in cuts), n]
    for i, (first, last) in enumerate(zip(ends, ends[1:], strict=False)):
        if i % 2:
            r.reference_steps(got, first, last)
        else:
            r.fused_steps(fused, first, last)
    same_bits(got, want)


def example(dtype=np.float32, optimizer=optim.SGD, n=6, **setting):
    """Return (optimiser, users, items, rating, starts) for two steps."""
    rng = np.random.default_rng(0)
    shapes = {"user_factors": (3, 4), "item_factors": (5, 4), "user_bias": 3, "item_bias": 5}
    params = {name: rng.normal(0, 0.3, shape).astype(dtype) for name, shape in shapes.items()}
    ids = rng.integers(0, 3, n), rng.integers(0, 5, n)
    return optimizer(params, **setting), *ids, np.full(n, 4, dtype), [0, n // 2, n]


@pytest.mark.parametrize("optimizer", [optim.SGD, optim.Adam])
def test_a_loss_that_is_not_finite_ends_the_run_before_its_step(optimizer):
    setting = {"optimizer": optimizer, "weight_decay": 0.1, "decoupled": True}
    opt, users, items, rating, starts = example(**setting)
    want, *_ = example(**setting)
    rating[4] = np.inf
    losses = np.zeros(2, np.float32)
    with pytest.raises(DivergenceError, match="loss: is inf at lr 0.2"):
        trainer_for(opt, deferred=True).run(users, items, rating, starts, [0.1, 0.2], losses=losses)
    trainer_for(want, deferred=True).run(users, items, rating, starts[:2], [0.1])
    for name, table in want.params.items():
        assert_same_bits(opt.params[name], table, name)


@pytest.mark.parametrize(
    ("optimizer", "setting", "deferred"),
    [
        (optim.Adam, {}, False),
        (optim.Adam, {}, True),
        (optim.SGD, {}, False),
        (optim.SGD, {}, True),
        (optim.SGD, {"rows": "touched_rows"}, False),
    ],
)
def test_one_may_go_on_after_a_step_that_was_not_taken(optimizer, setting, deferred):
    """What its rows were marked with is forgotten: the next step is another one."""
    setting = setting | {"optimizer": optimizer, "weight_decay": 0.1, "decoupled": True}
    opt, users, items, rating, starts = example(**setting)
    want, *_ = example(**setting)
    fused, other = (trainer_for(o, deferred=deferred) for o in (opt, want))
    half, rest = slice(*starts[:2]), slice(*starts[1:])
    with pytest.raises(DivergenceError):
        fused.run(users, items, np.where(np.arange(6) == 4, np.inf, rating), starts, [0.1, 0.2])
    other.run(users[half], items[half], rating[half], [0, 3], [0.1])
    other.flush()
    for trainer in (fused, other):
        trainer.run(users[rest], items[rest], rating[rest], [0, 3], [0.2])
    for name, table in want.params.items():
        assert_same_bits(opt.params[name], table, name)


def test_a_run_stops_where_it_is_asked_to():
    opt, users, items, rating, _ = example(optimizer=optim.Adam)
    seen = []
    losses = trainer_for(opt).run(
        users, items, rating, range(7), [0.1] * 6, between=lambda n: seen.append(n) or True
    )
    assert seen == [losses.size]
    assert opt.t == losses.size


def test_biases_may_have_a_unit_axis():
    opt, *rest = example(momentum=0.9)
    column, *_ = example(momentum=0.9)
    columns = {k: v[:, None] if v.ndim == 1 else v for k, v in column.params.items()}
    column = optim.SGD(columns, momentum=0.9)
    for each in (opt, column):
        trainer_for(each).run(*rest, [0.1, 0.1])
    for name, table in opt.params.items():
        assert_same_bits(column.params[name].reshape(table.shape), table, name)


def test_what_has_no_fused_form_is_told_apart():
    opt, *_ = example()

    class Mine(optim.SGD):
        def step(self, grads, touched=None):
            raise NotImplementedError

    params = dict(opt.params)
    assert trainer_for(Mine(params)) is None
    assert trainer_for(optim.RMSProp(params)) is None
    assert trainer_for(optim.SGD({"user_factors": params["user_factors"]})) is None
    mixed = params | {"user_bias": params["user_bias"].astype(np.float64)}
    assert trainer_for(optim.SGD(mixed)) is None
    strided = params | {"user_factors": np.asfortranarray(params["user_factors"])}
    assert trainer_for(optim.SGD(strided)) is None


def test_buffers_made_for_a_step_that_is_not_taken_go_away_again():
    """As after the reference, which would not have made them."""
    opt, users, items, rating, starts = example(momentum=0.9)
    rating[0] = np.inf
    with pytest.raises(DivergenceError):
        trainer_for(opt).run(users, items, rating, starts, [0.1, 0.1])
    assert not opt.buffers


@pytest.mark.parametrize(
    "optimizer, setting, options, words",
    [
        (optim.SGD, {}, {}, "SGD, float32, strict; only rows of the batch move"),
        (optim.SGD, {"lr": {"default": 0.1}, "momentum": 0.9}, {"batch_size": 64},
         "SGD, float32, strict; every row moves at every step"),
        (optim.Adam, {}, {"fast": True, "batch_size": 1},
         "Adam, float32, fast; updates of rows outside the batch are applied when needed"),
        (optim.Adam, {"weight_decay": 0.1}, {},
         "Adam, float32, strict; every row moves at every step"),
    ],
)  # fmt: skip
def test_it_says_what_it_will_do(optimizer, setting, options, words):
    opt, *_ = example(optimizer=optimizer, **setting)
    assert trainer_for(opt, **options).describe() == words


def test_a_range_has_its_lower_end_first():
    with pytest.raises(SettingError, match="low 5 lies above high 1"):
        trainer_for(example()[0], (5, 1))


def test_few_signatures_are_compiled():
    """One for each dtype: not one for each setting, shape, batch size or kind of id."""
    for dtype in (np.float32, np.float64):
        for optimizer, settings in (
            (optim.SGD, ({}, {"momentum": 0.9}, {"weight_decay": 0.1}, {"rows": "touched_rows"})),
            (optim.Adam, ({}, {"weight_decay": 0.1}, {"weight_decay": 0.1, "decoupled": True})),
        ):
            for setting in settings:
                for deferred in (None, False):
                    opt, users, items, rating, starts = example(dtype, optimizer, **setting)
                    fused = trainer_for(opt, None, 0.5, deferred=deferred)
                    fused.run(users.astype(np.int32), items, rating, starts, [0.1, 0.1])
                    fused.flush()
    for loop in (sgd.sgd_steps, adam.adam_steps):
        for compiled in loop:
            if hasattr(compiled, "signatures"):  # under NUMBA_DISABLE_JIT there are none
                assert len(compiled.signatures) <= 2

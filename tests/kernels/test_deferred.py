"""Late is exact: rows that wait for their update are, when looked at, where the others would be."""

import copy
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npcf import kernels, optim
from npcf.errors import SettingError
from npcf.fused import LiveTables, trainer_for
from npcf.kernels.fused.sgd_lag import append, empty_tree, product, times
from npcf.verify.strategies import adam_settings, dtypes, sgd_settings
from tests.kernels.bounded_run import BoundedRun, arrays_of, settings_of
from tests.kernels.fused_runs import FusedRun
from tests.kernels.windows import along, judged
from tests.laws import LONG


def tables(rng, n_rows, n_factors, scale=0.3):
    """Return random factors, and biases of zeros."""
    shape = (n_rows, n_factors)
    params = {k: rng.normal(0, scale, shape) for k in ("user_factors", "item_factors")}
    return params | {k: np.zeros(n_rows) for k in ("user_bias", "item_bias")}


def example(n_rows, n):
    """Return (tables, users and items (2, n), rating (n,))."""
    rng = np.random.default_rng(0)
    params = tables(rng, n_rows, 3)
    return params, rng.integers(0, n_rows, (2, n)), rng.integers(1, 6, n) * 1.0


def of_batches(optimizer, params, ids, rating, size):
    """Return a run of batches of `size` ratings at lr 1e-3."""
    starts = np.arange(0, len(rating) + 1, size)
    rates = np.full(starts.size - 1, 1e-3)
    return FusedRun(params, *ids, rating, starts, (0.0, 5.5), 0.0, optimizer, {}, rates, None)


def tables_of_ones(dtype=np.float64):
    """Return two hundred rows a side: many beside a batch of one."""
    params = {k: np.ones((200, 2), dtype) for k in ("user_factors", "item_factors")}
    return params | {k: np.ones(200, dtype) for k in ("user_bias", "item_bias")}


@pytest.mark.slow("runs of hundreds of steps")
@pytest.mark.parametrize("seed", range(8 if LONG else 1))
@pytest.mark.parametrize(
    "make",
    [
        lambda p: optim.SGD(p, weight_decay=0.02, decoupled=True),
        lambda p: optim.SGD(p, momentum=0.9, weight_decay=0.02, dampening=0.2),
        lambda p: optim.SGD(p, momentum=0.9, nesterov=True, weight_decay=0.02, decoupled=True),
        lambda p: optim.fastai_adam(p, wd=0.1),
        lambda p: optim.adamw(p, weight_decay={"default": 0.1, "user_bias": 0.0}),
    ],
    ids=["decay", "momentum", "nesterov", "adam", "adamw"],
)
def test_hundreds_of_steps_with_a_random_schedule(make, seed):
    """120 rows, the last half of them rare, in calls of random length, each within its bound."""
    rng = np.random.default_rng(seed)
    n, size = 300 if kernels.compiles() else 60, 8
    params = tables(rng, 120, 5, 0.1)
    ids = (120 * rng.random((2, n * size)) ** 3).astype(int)
    run = of_batches(make, params, ids, rng.integers(1, 6, n * size) * 1.0, size)
    run = run._replace(lrs=rng.uniform(0, 0.02, n), y_range=(0.5, 5.5))
    if run.make().momentum:
        run = run._replace(moms=rng.uniform(0, 0.95, n))
    found = judged(run, np.cumsum(rng.integers(1, 12, n)), deferred=True)
    assert found.lagged
    assert found.claimed == 1
    assert 0 < found.share <= 1


@pytest.mark.parametrize("beta2", [0.0, 1e-30, 0.5])
def test_v_may_be_forgotten_as_fast_as_one_likes(beta2):
    """Then the scale of its root changes at every step, down to nothing."""
    params, ids, rating = example(30, 200)
    rule = partial(optim.adamw, betas=(0.9, beta2), eps=0.1)
    found = judged(of_batches(rule, params, ids, rating, 2), 20, deferred=True)
    assert found.lagged
    assert found.claimed == 1
    assert 0 < found.share <= 1


def absent_row(optimizer, setting, n, dtype, seed):
    """Return (optimiser, its arrays, schedule): row 1 is in no batch of `n` steps."""
    rng = np.random.default_rng(seed)
    shapes = {"user_factors": (2, 3), "item_factors": (2, 3), "user_bias": 2, "item_bias": 2}
    params = {k: rng.normal(0, 1, shape).astype(dtype) for k, shape in shapes.items()}
    opt = optimizer(params, **setting)
    if optimizer is optim.Adam:
        opt.t = int(rng.integers(1, 50))
        for name, table in params.items():
            scale = 10.0 ** rng.integers(-9, 1)
            opt.m[name][:] = scale * rng.normal(0, 1, table.shape)
            opt.v[name][:] = (scale * rng.normal(0, 1, table.shape)) ** 2
    elif setting["momentum"]:
        opt.buffers = {k: rng.normal(0, 1, v.shape).astype(dtype) for k, v in params.items()}
    return opt, arrays_of(opt), (rng.uniform(0, 0.1, n), rng.uniform(0.3, 0.95, n))


def let_pass(opt, n, schedule):
    """Take `n` steps in which every batch is the pair (0, 0)."""
    fused = trainer_for(opt, deferred=True)
    lrs, moms = schedule
    zeros = np.zeros(n, int)
    fused.run(zeros, zeros, zeros + 3, range(n + 1), lrs, moms if opt.momentum else None)
    fused.flush()


def assert_row_1_within(opt, before, schedule):
    """Assert that `let_pass` made of the absent row what single steps do, within their bound."""
    walk = BoundedRun(type(opt), before, (0.0, 5.5))
    moving, zeros, rating = bool(opt.momentum), np.zeros(1, int), np.full(1, 3.0)
    for lr, momentum in zip(*schedule, strict=True):
        scheduled = {"momentum": float(momentum)} if moving else {}
        walk.step(zeros, zeros, rating, settings_of(opt, lr=lr, **scheduled), lagged=True)
    for name, shares in walk.shares(arrays_of(opt)).items():
        assert shares[1].max() <= 1, (name, shares[1])
    for name, table in walk.w.items():
        assert np.isfinite(table.tolerance[1]).all(), name


@settings(max_examples=settings.default.max_examples // 4)
@given(
    setting=sgd_settings(),
    n=st.integers(1, 30) | st.integers(1, 200),
    dtype=dtypes,
    seed=st.integers(0, 2**32 - 1),
)
def test_what_an_absent_row_misses_under_sgd_lies_within_the_running_error(setting, n, dtype, seed):
    opt, before, schedule = absent_row(optim.SGD, setting, n, dtype, seed)
    let_pass(opt, n, schedule)
    assert_row_1_within(opt, before, schedule)


@settings(max_examples=settings.default.max_examples // 4)
@given(
    setting=adam_settings(),
    n=st.integers(1, 30) | st.integers(1, 200),
    dtype=dtypes,
    seed=st.integers(0, 2**32 - 1),
)
def test_what_an_absent_row_misses_under_adam_lies_within_the_running_error(
    setting, n, dtype, seed
):
    setting = setting | {"decoupled": True}
    opt, before, schedule = absent_row(optim.Adam, setting, n, dtype, seed)
    let_pass(opt, n, schedule)
    assert_row_1_within(opt, before, schedule)


@given(n=st.integers(1, 40), seed=st.integers(0, 2**32 - 1), data=st.data())
def test_the_tree_multiplies_any_range_of_steps(n, seed, data):
    """Whole numbers are exact in any order: the product equals the one taken step by step."""
    matrices = np.random.default_rng(seed).integers(-1, 2, (n, 4)).astype(float)
    tree = empty_tree(64)
    cut = data.draw(st.integers(0, n))
    append(tree, matrices[:cut], 0)
    append(tree, matrices[cut:], cut)
    since = data.draw(st.integers(0, n))
    now = data.draw(st.integers(since, n))
    want = (1.0, 0.0, 0.0, 1.0)
    for matrix in matrices[since:now]:
        want = times(tuple(matrix), want)
    assert product(tree, since, now) == want


def test_it_is_chosen_by_size_and_can_be_forced():
    rng = np.random.default_rng(0)
    for rows, deferred, expected in ((100, None, True), (10, None, False), (10, True, True)):
        shapes = {"user_factors": (rows, 2), "item_factors": (rows, 2)}
        params = {k: rng.normal(0, 1, shape) for k, shape in shapes.items()}
        params |= {"user_bias": np.zeros(rows), "item_bias": np.zeros(rows)}
        fused = trainer_for(optim.fastai_adam(params), deferred=deferred)
        fused.run([0] * 20, [0] * 20, [1.0] * 20, range(0, 21, 10), [0.1, 0.1])
        assert fused.deferring is expected
        assert fused.pending == (2 if expected else 0)


@pytest.mark.parametrize("changed", [{"eps": 0.3}, {"betas": (0.9, 0.5)}])
def test_what_is_changed_while_rows_wait_holds_from_then_on(changed):
    """Steps that were taken under the old setting are made up for under it."""
    params, ids, rating = example(40, 60)
    run = of_batches(partial(optim.adamw, eps=1e-3), params, ids, rating, 3)
    opt = run.make()
    walk = BoundedRun(optim.Adam, arrays_of(opt), run.y_range)
    fused = run.trainer(opt, deferred=True)
    for half in (range(0, 10), range(10, 20)):
        run.fused_steps(fused, half.start, half.stop)
        assert fused.pending == 10
        for s in half:
            along(walk, run, opt, s, lagged=True)
        for name, value in changed.items():
            setattr(opt, name, value)
    assert 0 < walk.check(arrays_of(opt)) <= 1
    assert walk.claimed() == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_eps_that_is_next_to_nothing_is_no_unit_to_measure_in(dtype):
    """Then sqrt(v) / eps might be infinite: all rows move at every step."""
    params = tables_of_ones(dtype)
    for eps, waits in ((1e-8, True), (1e-200, False), (0.0, False)):
        fused = trainer_for(optim.Adam(params, eps=eps))
        fused.run([0], [0], [1.0], [0, 1], [0.1])
        assert fused.deferring is waits


def test_no_step_flushes_by_itself():
    """Judging settings looks at the names of parameters only: a table would cost a flush."""
    params = tables_of_ones()
    fused = trainer_for(optim.fastai_adam(params))
    for steps in range(1, 4):
        fused.run([0], [0], [1.0], [0, 1], {"default": [0.1], "user_bias": [0.2]}, [0.9])
        assert fused.pending == steps


def test_coupled_adam_has_no_deferred_form():
    params = tables_of_ones()
    opt = optim.Adam(params, weight_decay=0.1)
    fused = trainer_for(opt)
    fused.run([0], [0], [1.0], [0, 1], [0.1])
    assert not fused.deferring
    with pytest.raises(SettingError, match="deferred"):
        trainer_for(opt, deferred=True).run([0], [0], [1.0], [0, 1], [0.1])


@pytest.mark.parametrize(
    "read",
    [
        lambda live: live["user_bias"],
        lambda live: live.get("user_bias"),
        lambda live: dict(live)["user_bias"],
        lambda live: {**live}["user_bias"],
        lambda live: (live | {})["user_bias"],
        lambda live: ({} | live)["user_bias"],
        lambda live: dict(live.items())["user_bias"],
        lambda live: list(live.values())[2],
        lambda live: live.copy()["user_bias"],
        lambda live: copy.deepcopy(live)["user_bias"],
        lambda live: [live[name] for name in live][2],
    ],
)
def test_every_way_to_read_a_live_mapping_flushes_first(read):
    tables = {k: np.zeros(1) for k in ("user_factors", "item_factors", "user_bias", "item_bias")}

    def flush():
        tables["user_bias"][0] = 1

    assert read(LiveTables(tables, flush, lambda tables: None))[0] == 1


def test_an_attached_model_never_shows_a_stale_row():
    from npcf.models import PairModel

    rng = np.random.default_rng(0)
    params = {k: rng.normal(0, 1, (50, 2)) for k in ("user_factors", "item_factors")}
    model = PairModel(params | {k: np.zeros(50) for k in ("user_bias", "item_bias")}, (0, 5))
    opt = optim.fastai_adam(model.params, wd=0.5)
    opt.m["user_factors"][:] = 1
    fused = trainer_for(opt, model.y_range)
    fused.attach(model)
    before = model(np.array([[7, 7]]))
    fused.run([0], [0], [3.0], [0, 1], [0.1])
    assert fused.pending == 1
    assert model(np.array([[7, 7]])) != before
    assert fused.pending == 0

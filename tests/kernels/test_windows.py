"""Whole fused runs within the running-error bound of every window; and bugs that leave it."""

import numpy as np
import pytest
from hypothesis import given, settings

from npcf import kernels, models, optim
from npcf.fused import adam_rule, loops, sgd_rule, trainer
from npcf.fused.adam_rule import AdamRule
from npcf.fused.rule import StepSettings
from npcf.fused.sgd_rule import SGDRule
from npcf.kernels.fused.batch import STEP
from tests.kernels.bounded_run import BoundedRun, arrays_of
from tests.kernels.fused_runs import fused_runs
from tests.kernels.windows import RULES, along, judged, one_cycle
from tests.laws import LONG

compiling = pytest.mark.skipif(not kernels.compiles(), reason="NUMBA_DISABLE_JIT is set")
LAGGING = [name for name in RULES if name not in ("coupled adam", "touched")]


@pytest.mark.slow("dozens of runs of hundreds of steps")
@compiling
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize(
    "size,every,deferred,each",
    [(1, 5, None, 8), (7, 1, False, 3), (7, 5, True, 1), (64, 1, None, 1)],
)
@pytest.mark.parametrize("rule", RULES)
def test_every_window_of_a_run_lies_within_its_bound(rule, size, every, deferred, each, dtype):
    """Two epochs under one cycle, as the loops take them; nothing is amplified, nothing vacuous.

    Of windows much alike one in `each` is judged, in a long run all.
    """
    each = 1 if LONG else each
    deferred = deferred if rule in LAGGING else None
    found = judged(one_cycle(rule, size, dtype), every, deferred, each)
    print(f"{rule}, batches of {size}, windows of {every}: {found}")
    assert found.lagged == (deferred is not False and size < 64 and rule in LAGGING)
    assert found.claimed == 1
    assert 0.02 < found.share <= 1


@settings(max_examples=settings.default.max_examples // 4)
@given(run=fused_runs(max_steps=60, tame=True))
def test_every_window_of_any_run_lies_within_its_bound(run):
    for deferred in (deferrable(run), False):
        assert judged(run, 6, deferred).share <= 1


def deferrable(run):
    """Whether there is a form for lagging rows: not with Adam's coupled decay, or eps = 0."""
    decays = run.setting["weight_decay"]
    wd = max(decays.values()) if isinstance(decays, dict) else decays
    if run.optimizer is optim.SGD:
        return run.setting["rows"] == "all_rows"
    return (run.setting["decoupled"] or not wd) and run.setting["eps"] > 0


@compiling
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("rule", LAGGING)
def test_rows_that_come_back_after_long_lie_within_their_bound(rule, dtype):
    """Twenty rare pairs, each rated every hundred steps: what a window says of them stays finite.

    A rare user rates a rare item only, so that no error comes from rows that move all the time;
    of these nothing is known after so many steps.
    """
    rng = np.random.default_rng(0)
    n, often, rare = 400, 10, 20
    run = one_cycle(rule, 7, dtype)
    ids = rng.integers(0, often, (2, 2 * n))
    ids[:, ::10] = often + rng.permutation(np.arange(ids[0, ::10].size) % rare)
    run = run._replace(
        params=models.init_params(often + rare, often + rare, 3, rng, dtype),
        users=ids[0], items=ids[1], rating=rng.integers(1, 6, 2 * n).astype(dtype),
        starts=np.arange(0, 2 * n + 1, 2), lrs=rng.uniform(0, 0.01, n),
        moms=None if run.moms is None else rng.uniform(0.5, 0.95, n),
    )  # fmt: skip
    opt = run.make()
    fused = run.trainer(opt, deferred=True)
    for first in range(0, n, 200):
        walk = BoundedRun(run.optimizer, arrays_of(opt), run.y_range)
        run.fused_steps(fused, first, first + 200)
        assert fused.pending == 200
        for s in range(first, first + 200):
            along(walk, run, opt, s, lagged=True)
        assert 0 < walk.check(arrays_of(opt)) <= 1
        for name, table in walk.w.items():
            assert np.isfinite(table.tolerance[often:]).all(), name
            assert (table.tolerance[often:] < abs(table.value).max()).all(), name


# ---- bugs in the third step of every call, put into what compiled loops are given ----

THIRD = 2


def in_fields(rule, fields, mistake):
    """Return what plants `mistake(series)` in fields of the records of steps."""
    right = rule.columns

    def spoilt(self, name, run):
        columns = right(self, name, run)
        for field in fields.split():
            columns[field] = mistake(np.broadcast_to(columns[field], run.n_steps).copy())
        return columns

    return lambda patch: patch.setattr(rule, "columns", spoilt)


def in_series(mistake):
    """Return what plants `mistake(rates, beta1, v_scale)` in the sums that lagging rows need."""
    right = adam_rule.extend

    def spoilt(spans, moments, shrink, which, *series):
        series, history = [x.copy() for x in series[:3]], series[3]
        mistake(*series)
        right(spans, moments, shrink, which, *series, history)

    return lambda patch: patch.setattr(adam_rule, "extend", spoilt)


def in_spans(mistake):
    """Return what plants `mistake(spans)` in the tables that lagging rows look numbers up in."""
    right = adam_rule.empty_spans
    return lambda patch: patch.setattr(
        adam_rule, "empty_spans", lambda *arguments: mistake(right(*arguments))
    )


def in_matrices(mistake):
    """Return what plants `mistake(matrices)` in what SGD without a gradient does at each step."""
    right = sgd_rule._matrices
    return lambda patch: patch.setattr(
        sgd_rule, "_matrices", lambda numbers: mistake(right(numbers))
    )


def in_decay(patch):
    """Nothing decays in the step."""
    right = StepSettings.shrinking

    def spoilt(self, name):
        kept = right(self, name).copy()
        kept[THIRD] = 1.0
        return kept

    patch.setattr(StepSettings, "shrinking", spoilt)


def in_one_row(patch):
    """Of what row 17 has skipped, a step is not applied."""
    right = loops.flushes

    def spoilt(sides):
        for side in sides:
            side.marks[17, STEP] += 1
        return right(sides)

    patch.setattr(loops, "flushes", spoilt)


def before(series):
    series[THIRD] = series[THIRD - 1]
    return series


def single(series):
    series[THIRD] = np.float32(series[THIRD])
    return series


def whole(series):
    series[THIRD] = 1.0
    return series


def a_step_behind(spans):
    spans.power[3:] = spans.power[2:-1].copy()
    return spans


def eight_terms(spans):
    kept = spans.chebyshev.copy()
    kept[8:] = 0
    kept.flags.writeable = False  # or it were of another type, and compiled anew
    return spans._replace(chebyshev=kept)


def no_rate(rates, beta1, v_scale):
    rates[:, THIRD] = 0.0


def beta1_before(rates, beta1, v_scale):
    beta1[THIRD] = beta1[THIRD - 1]


def correction_before(rates, beta1, v_scale):
    v_scale[THIRD] = v_scale[THIRD - 1]


BUGS = {
    "beta1 is that of the step before": (
        "adam", False, in_fields(AdamRule, "beta1 take1", before)),
    "the rate is that of the step before": (
        "adam", False, in_fields(AdamRule, "step_size", before)),
    "v is corrected as in the step before": (
        "adam of torch", False, in_fields(AdamRule, "v_scale", before)),
    "beta2 in single precision": ("adam", False, in_fields(AdamRule, "beta2", single)),
    "1 - beta2 in single precision": (
        "coupled adam", False, in_fields(AdamRule, "take2", single)),
    "a rate in single precision": (
        "coupled adam", False, in_fields(AdamRule, "step_size", single)),
    "a step without decay": ("adam", False, in_decay),
    "lagging: a step without decay": ("adam", True, in_decay),
    "lagging: beta1 of averages is that of the step before": (
        "adam", True, in_fields(AdamRule, "beta1 take1", before)),
    "lagging: a step's rate is forgotten": ("adam", True, in_series(no_rate)),
    "lagging: beta1 is that of the step before": ("adam", True, in_series(beta1_before)),
    "lagging: v is corrected as in the step before": (
        "adam of torch", True, in_series(correction_before)),
    "lagging: v decays a step less": ("adam", True, in_spans(a_step_behind)),
    "lagging: eight terms of twelve": ("adam", True, in_spans(eight_terms)),
    "lagging: one row forgets a step": ("adam", True, in_one_row),
    "SGD: momentum is that of the step before": (
        "momentum", False, in_fields(SGDRule, "buffer_keep", before)),
    "SGD: no dampening": ("momentum", False, in_fields(SGDRule, "buffer_take", whole)),
    "SGD: a rate in single precision": (
        "touched", False, in_fields(SGDRule, "lr", single)),
    "SGD, lagging: a step without decay": ("sgd", True, in_decay),
    "SGD, lagging: a step is taken twice, another not": (
        "decoupled", True, in_matrices(before)),
    "SGD, lagging: one row forgets a step": ("momentum", True, in_one_row),
}  # fmt: skip


@pytest.mark.slow("a run for each bug")
@compiling
@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_in_one_step_leaves_the_bound(bug, monkeypatch):
    """The window of five steps that holds it, of a run that has gone on for a hundred."""
    rule, lagged, plant = BUGS[bug]
    run = one_cycle(rule, 7, np.float64)
    run = run._replace(starts=run.starts[:106], lrs=run.lrs[:105],
                       moms=None if run.moms is None else run.moms[:105])  # fmt: skip
    monkeypatch.setattr(trainer, "SLICE", 1e9)  # a call is one slice
    assert judged(run, 5, lagged, first=100).lagged == lagged
    plant(monkeypatch)
    with pytest.raises(AssertionError, match=r"they differ by|its bound") as caught:
        judged(run, 5, lagged, first=100)
    print(f"{bug}: {caught.value}")

"""Who takes the steps: chosen by what is possible, said, forcible, and the same training."""

from itertools import pairwise

import numpy as np
import pytest

from npcf import kernels, models, ops, optim
from npcf.data import CollabDataLoaders, planted
from npcf.errors import DivergenceError, SettingError
from npcf.fused import trainer
from npcf.training import Callback, Learner, MSELossFlat, SmoothedLoss
from npcf.verify import assert_same_bits
from tests.kernels.bounded_run import BoundedRun, arrays_of, shares_used
from tests.kernels.fused_runs import FusedRun
from tests.kernels.windows import Judged, both, window

RATINGS = planted(60, 40, 500, seed=3).ratings
OPTIMIZERS = {
    "adam": optim.fastai_adam,
    "sgd": lambda p, lr: optim.SGD(p, lr, weight_decay=0.1),
    "decoupled": lambda p, lr: optim.fastai_sgd(p, lr, mom=0.9, wd=0.1),
    "touched": lambda p, lr: optim.SGD(p, lr, weight_decay=0.1, rows="touched_rows"),
    "coupled adam": lambda p, lr: optim.Adam(p, lr, weight_decay=0.1),
}
compiling = pytest.mark.skipif(not kernels.compiles(), reason="NUMBA_DISABLE_JIT is set")


def learner(
    optimizer="adam", cls=models.DotProductBiasEmb, dtype=np.float64, bs=8,
    learner_class=Learner, **options,
):  # fmt: skip
    tables, batches = np.random.default_rng(0).spawn(2)
    dls = CollabDataLoaders.from_ratings(RATINGS, bs=bs, rng=batches)
    model = cls(dls.n_users, dls.n_items, 3, rng=tables, dtype=dtype)
    opt_func = OPTIMIZERS.get(optimizer, optimizer)
    return learner_class(dls, model, opt_func=opt_func, progress=False, **options)


class Stops(Callback):
    """Keeps the state after every so many steps, and at the end of every epoch."""

    def __init__(self, every):
        self.every, self.states = every, {}

    def before_fit(self, learner):
        self.states[0] = arrays_of(learner.opt)

    def after_step(self, learner):
        assert np.isfinite(learner.steps["loss"]).all()
        self.states[learner.fit_state.step] = arrays_of(learner.opt)

    def after_epoch(self, learner):
        self.states[learner.fit_state.step] = arrays_of(learner.opt)


class Recorder(Learner):
    def step(self, batch):
        self.batches = [*getattr(self, "batches", []), batch]
        return super().step(batch)


def as_run(learn, batches):
    """Return the `FusedRun` that a Learner has taken."""
    opt, steps = learn.opt, learn.steps
    sizes = [len(batch.rating) for batch in batches]
    setting = {n: getattr(opt, n) for n in opt.SETTINGS}
    scheduled = isinstance(opt, optim.Adam) or opt.momentum
    return FusedRun(
        None, *(np.concatenate([b[i] for b in batches]) for i in range(3)),
        np.append(0, np.cumsum(sizes)), learn.model.y_range, 0.0, type(opt), setting,
        steps["lr"].to_numpy(), steps["momentum"].to_numpy() if scheduled else None,
    )  # fmt: skip


def along_its_orbit(run, learn, stops, losses, each, lagged=False):
    """Assert that every window of a fit, or one of `each`, lies within its bound."""
    found = Judged(0.0, 1.0, False)
    for first, last in list(pairwise(sorted(stops.states)))[::each]:
        states = stops.states[first], stops.states[last]
        part = window(run, learn.opt, (first, last), states, losses[first:last], lagged)
        found = both(found, part)
    assert found.claimed == 1
    assert 0 < found.share <= 1


@pytest.mark.parametrize(("dtype", "backend"), [(np.float32, "numpy"), (np.float64, kernels)])
@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_step_by_step_training_stays_within_the_bounds_of_its_windows(name, dtype, backend):
    learn = learner(name, dtype=dtype, bs=32, backend=backend, learner_class=Recorder)
    learn.callbacks = [Stops(5)]
    learn.fit_one_cycle(2, 5e-3)
    losses = learn.steps["loss"].to_numpy()
    along_its_orbit(as_run(learn, learn.batches), learn, learn.callbacks[0], losses, 1)


@compiling
@pytest.mark.parametrize(
    "bs,every,deferred,each,cls",
    [
        (7, 5, None, 2, models.DotProductBiasEmb),
        (7, 2, False, 4, models.DotProductBiasCP),
        (64, 2, None, 1, models.DotProductBiasCP),
    ],
)
@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_fused_training_stays_within_the_bounds_of_its_windows(
    name, bs, every, deferred, each, cls
):
    """Two epochs: every table, state, loss and epoch row, along the run's own orbit."""
    reference = learner(name, cls, bs=bs, backend="numpy", learner_class=Recorder)
    learn = learner(name, cls, bs=bs, backend="numba", deferred=deferred)
    stops = Stops(every)
    learn.callbacks = [stops]
    for fit in (reference, learn):
        fit.fit_one_cycle(2, 1e-2)
    assert reference.execution.name == "reference"
    assert learn.execution.name == "fused"
    run, losses = as_run(learn, reference.batches), learn.steps["loss"].to_numpy()
    along_its_orbit(run, learn, stops, losses, each, learn.execution.fused.deferring)
    smoother, n = SmoothedLoss(), len(losses) // 2
    for epoch, row in enumerate(learn.rows):
        smoother.add(*losses[n * epoch : n * (epoch + 1)])
        assert row.train_loss_smoothed == smoother.smoothed
        valid = learn.dls.valid
        walk = BoundedRun(type(learn.opt), stops.states[n * (epoch + 1)], learn.model.y_range)
        f, pred = walk.formulas, walk.predictions(valid.users, valid.items)
        loss = f.loss(f.residual(pred, f.n.array(valid.rating * 1.0)))
        assert shares_used(np.array(row.valid_loss), loss) <= 1
        assert shares_used(np.array(row.rmse), loss.sqrt()) <= 1
        assert row.lr == reference.rows[epoch].lr


@compiling
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_without_waiting_the_bits_are_those_of_the_compiled_operations(name, dtype):
    fits = [
        learner(name, dtype=dtype, backend=kernels),
        learner(name, dtype=dtype, deferred=False),
    ]
    for learn in fits:
        learn.fit_one_cycle(2, 1e-2)
    assert [learn.execution.name for learn in fits] == ["compiled", "fused"]
    for key, table in fits[0].model.params.items():
        assert_same_bits(fits[1].model.params[key], table, key)
    assert fits[0].steps.equals(fits[1].steps)


@compiling
@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_no_bit_depends_on_how_a_run_is_cut_into_slices(name, monkeypatch):
    """The length of a slice follows the clock; nothing else may."""
    want = learner(name)
    want.fit_one_cycle(2, 1e-2)
    for seconds in (1e-9, 1e9):  # one step at a time, and all at once
        monkeypatch.setattr(trainer, "SLICE", seconds)
        again = learner(name)
        again.fit_one_cycle(2, 1e-2)
        for key, table in want.model.params.items():
            assert_same_bits(again.model.params[key], table, f"{key}, slices of {seconds}")


@compiling
@pytest.mark.parametrize("name", ["adam", "sgd", "decoupled"])
@pytest.mark.parametrize("longest", [3, 17])
def test_a_history_ends_at_the_same_step_however_it_is_cut(name, longest, monkeypatch):
    fits = []
    for rule in (trainer.AdamRule, trainer.SGDRule):
        monkeypatch.setattr(rule, "longest", longest)
    for seconds in (1e-9, 1e9):
        monkeypatch.setattr(trainer, "SLICE", seconds)
        fits.append(learner(name, deferred=True))
        fits[-1].fit_one_cycle(1, 1e-2)
    for key, table in fits[0].model.params.items():
        assert_same_bits(fits[1].model.params[key], table, key)


def test_what_was_chosen_is_said_and_can_be_forced(caplog):
    caplog.set_level("INFO", "npcf")
    learn = learner()
    assert learn.execution is None
    learn.fit(1, 1e-3)
    if kernels.compiles():
        absent = "updates of rows outside the batch are applied when needed"
        assert str(learn.execution) == f"fused (Adam, float64, strict; {absent})"
    else:
        assert str(learn.execution) == "reference (NUMBA_DISABLE_JIT is set)"
    assert f"steps: {learn.execution}" in caplog.text
    for backend, want in (("numpy", 'reference (backend="numpy")'),
                          (ops, "reference (a module of operations was given)"),
                          (kernels, "compiled (a module of operations was given)")):  # fmt: skip
        learn = learner(backend=backend)
        learn.fit(1, 1e-3)
        assert str(learn.execution) == want
    with pytest.raises(SettingError, match="'cuda' is unknown"):
        learner(backend="cuda")
    with pytest.raises(SettingError, match="deferred"):
        learner("coupled adam", backend="numba", deferred=True).fit(1, 1e-3)


class OwnLoss(MSELossFlat):
    """Somebody's own."""


class OwnLearner(Learner):
    def step(self, batch):
        self.calls = getattr(self, "calls", 0) + 1
        return super().step(batch)


def test_what_is_somebody_s_own_is_never_passed_over():
    """An own loss, model, optimiser or step takes every step, compiled operations under it."""
    cases = {
        "the loss OwnLoss": learner(backend="numba", loss_func=OwnLoss()),
        "EmbeddingDot, which has no biases": learner(cls=models.EmbeddingDot, backend="numba"),
        "this RMSProp and its tables": learner(optim.RMSProp, backend="numba"),
        "this SparseAdam and its tables": learner(optim.SparseAdam, backend="numba"),
        "a step of one's own": learner(backend="numba"),
    }
    own = cases["a step of one's own"]
    own.__class__ = OwnLearner
    for reason, learn in cases.items():
        learn.fit(1, 1e-3)
        assert str(learn.execution) == f"compiled (no fused steps for {reason})"
    assert own.calls == len(own.dls.train)


def test_replaced_methods_and_tables_are_called_and_read():
    calls = []
    learn = learner(backend="numba")
    forward = learn.model.forward
    learn.model.forward = lambda *a, **k: (calls.append(1), forward(*a, **k))[1]
    learn.fit(1, 1e-3)
    assert len(calls) > len(learn.dls.train)
    learn = learner(backend="numba")
    learn.opt = optim.fastai_adam({k: v.copy() for k, v in learn.model.params.items()})
    learn.fit(1, 1e-3)
    assert learn.execution.reason.endswith("an optimiser of other tables than the model's")


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_divergence_leaves_the_steps_before_it(backend):
    """A rate that explodes: the losses so far are kept, the tables are those before the step."""
    learn = learner("sgd", backend=backend)
    with pytest.raises(DivergenceError, match="loss: is"), np.errstate(all="ignore"):
        learn.model.y_range = None
        learn.fit(1, 50.0)
    losses = learn.steps["loss"]
    assert len(losses) == learn.fit_state.batch > 2
    assert np.isfinite(losses).all()
    assert losses.iloc[-1] > losses.iloc[0]


def test_a_model_taken_on_by_another_learner_is_never_stale():
    """Two learners in turn over one model: each sees what the other has done."""
    first, second = learner(backend="numba", deferred=True), learner(backend="numba")
    second.model = first.model
    errors = [first.validate()]
    for learn in (first, second, first):
        learn.fit(1, 1e-2)
        assert first.validate() == second.validate()
        errors.append(first.validate())
    assert len(set(errors)) == 4


@compiling
def test_another_backend_holds_from_the_next_fit_on():
    learn = learner()
    for backend, name in ((None, "fused"), ("numpy", "reference"), (ops, "reference")):
        learn.backend = backend
        learn.fit(1)
        assert learn.execution.name == name
        assert learn.operations is (kernels if backend is None else ops)

"""Callbacks, interruption, metrics, learning-rate search."""

import os
import signal
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf import gradcheck, models, optim
from npcf.data import CollabDataLoaders, planted
from npcf.errors import DivergenceError, SettingError
from npcf.training import (
    BestModel,
    Callback,
    EarlyStopping,
    Learner,
    RankingMetric,
    SaveEvery,
    StopTraining,
    load,
    mae,
    ndcg_at_k,
    precision_at_k,
    recall_at_k,
    rmse,
)
from npcf.training.history import EpochTable
from npcf.training.lr_find import _valley
from npcf.verify import assert_same_bits

RATINGS = planted(60, 40, 900, seed=1).ratings


def learner(**options):
    tables, batches = np.random.default_rng(0).spawn(2)
    dls = CollabDataLoaders.from_ratings(RATINGS, bs=16, rng=batches)
    model = models.DotProductBiasCP(dls.n_users, dls.n_items, 4, rng=tables)
    return Learner(dls, model, progress=False, **options)


class Recorder(Callback):
    def __init__(self):
        self.calls = []

    def before_fit(self, learner):
        self.calls.append("fit")

    def after_step(self, learner):
        self.calls.append(learner.fit_state.step)

    def after_epoch(self, learner):
        self.calls.append(f"epoch {learner.rows[-1].epoch}")

    def after_fit(self, learner):
        self.calls.append("done")


def test_hooks_are_called_in_order():
    recorder = Recorder()
    learn = learner(callbacks=[recorder])
    learn.fit(2, 1e-3)
    n = len(learn.dls.train)
    want = ["fit", *range(1, n + 1), "epoch 0", *range(n + 1, 2 * n + 1), "epoch 1", "done"]
    assert recorder.calls == want


def test_any_object_with_some_of_the_hooks_will_do():
    class Counter:
        steps = 0

        def after_step(self, learner):
            self.steps += 1

    counter = Counter()
    learner(callbacks=[counter]).fit(1, 1e-3)
    assert counter.steps == 45


@pytest.mark.parametrize("patience", [1, 2, 3])
def test_early_stopping_waits_for_patience_epochs_without_improvement(patience):
    stopping, losses = EarlyStopping(patience, min_delta=0.1), [5, 4, 3.95, 3.9, 3.99, 3.7, 3.6]
    wait, expected, best = 0, len(losses), np.inf
    for i, loss in enumerate(losses):
        wait, best = (0, loss) if loss < best - 0.1 else (wait + 1, best)
        if wait == patience:
            expected = i
            break

    class Fake:
        rows = []

    for i, loss in enumerate(losses):
        Fake.rows = [type("Row", (), {"valid_loss": loss})]
        if i == expected:
            with pytest.raises(StopTraining):
                stopping.after_epoch(Fake)
            return
        stopping.after_epoch(Fake)
    assert expected == len(losses)


def test_stopping_ends_the_fit_with_the_epochs_so_far():
    class StopAtOnce(Callback):
        def after_epoch(self, learner):
            raise StopTraining("enough")

    learn = learner(callbacks=[StopAtOnce()])
    assert len(learn.fit(5, 1e-3)) == 1
    assert learn.fit_state.done


def test_best_model_puts_the_best_epoch_back():
    """A rate so high that the last epoch is not the best."""
    kept = {}

    class Keep(Callback):
        def after_epoch(self, learner):
            row = learner.rows[-1]
            kept[row.valid_loss] = {n: w.copy() for n, w in learner.model.params.items()}

    learn = learner(callbacks=[Keep(), BestModel()])
    history = learn.fit_one_cycle(8, 0.3, wd=0.0)
    best = min(kept)
    assert history["valid_loss"].iloc[-1] > best
    for name, table in kept[best].items():
        assert_same_bits(learn.model.params[name], table)
    assert learn.validate()[0] == best


def test_metrics_become_columns():
    learn = learner(metrics={"mae": mae, "off_by_one": lambda p, r: (abs(p - r) > 1).mean()})
    history = learn.fit(2, 1e-3)
    assert list(history.columns)[-2:] == ["mae", "off_by_one"]
    pred, rating = learn.predict(learn.dls.valid.pairs), learn.dls.valid.rating
    assert history["mae"].iloc[-1] == mae(pred, rating)
    assert history["rmse"].iloc[-1] == rmse(pred, rating)
    header, row, _ = repr(EpochTable(learn.rows[:1], learn.metrics)).splitlines()
    assert header.split() == [*"epoch train_loss* valid_loss gap rmse mae off_by_one time".split()]
    assert len(row) >= len(header) == row.index("s", len(header) - 1) + 1


@pytest.mark.parametrize("kind", ["precision", "recall", "ndcg"])
def test_ranking_metrics_rank_what_was_not_seen_in_training(kind):
    """Against a plain loop over users and items."""
    learn = learner(metrics={"at 5": RankingMetric(kind, 5, threshold=4)})
    got = learn.fit(1, 1e-2)["at 5"].iloc[0]
    train, valid = learn.dls.train.ratings, learn.dls.valid
    relevant, ranked = [], []
    for user in sorted(set(valid.users.tolist())):
        mine = valid.users == user
        relevant.append(set(valid.items[mine & (valid.rating >= 4)].tolist()))
        seen = set(train.items[train.users == user].tolist())
        rest = [item for item in range(1, len(valid.item_vocab)) if item not in seen]
        score = {item: learn.predict(np.array([[user, item]]))[0] for item in rest}
        ranked.append(sorted(rest, key=lambda item: (-score[item], item))[:5])
    functions = {"precision": precision_at_k, "recall": recall_at_k, "ndcg": ndcg_at_k}
    assert got == functions[kind](relevant, ranked, 5)
    assert 0 < got < 1


def test_steps_are_tidy():
    learn = learner()
    assert learn.steps.empty
    learn.fit_one_cycle(2, 1e-2)
    steps = learn.steps
    assert list(steps.columns) == ["step", "epoch", "lr", "momentum", "loss"]
    assert steps["step"].tolist() == list(range(1, 91))
    assert steps["epoch"].tolist() == [0] * 45 + [1] * 45
    assert steps["lr"].tolist() == optim.one_cycle_fastai(90, 1e-2, n_epochs=2)[0].tolist()
    assert np.isfinite(steps["loss"]).all()


class PressCtrlC(Callback):
    def __init__(self, at):
        self.at = at

    def after_step(self, learner):
        if learner.fit_state.step == self.at:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("at", [1, 20, 45, 46, 90])
def test_ctrl_c_leaves_the_model_of_a_whole_step_and_says_so(at, caplog):
    """The weights are those of a run of exactly `at` steps, and the fit can be seen to be cut."""
    learn = learner(callbacks=[PressCtrlC(at)])
    history = learn.fit(2, 1e-2)
    assert learn.interrupted
    assert f"interrupted after step {at} of 90" in caplog.text
    assert len(history) == (at - 1) // 45
    params = {}

    class Copy(Callback):
        def after_step(self, other):
            if other.fit_state.step == at:
                params.update({n: w.copy() for n, w in other.model.params.items()})

    learner(callbacks=[Copy()]).fit(2, 1e-2)
    for name, table in params.items():
        assert_same_bits(learn.model.params[name], table)
    assert np.isfinite(learn.validate()[0])


@pytest.mark.parametrize("at", [10, 50, 89])
def test_an_interrupted_run_is_saved_and_goes_on_to_the_same_end(at, tmp_path):
    """Also with the best model waiting to be put back: it waits until the end."""

    def callbacks(stop):
        return [BestModel(), SaveEvery(tmp_path / "run", 1000), PressCtrlC(stop)]

    want = learner(callbacks=callbacks(-1))
    want.fit_one_cycle(2, 0.3, wd=0.0)
    cut = learner(callbacks=callbacks(at))
    cut.fit_one_cycle(2, 0.3, wd=0.0)
    assert cut.interrupted
    again = learner(callbacks=callbacks(-1))
    again.resume(tmp_path / "run")
    for name, table in want.model.params.items():
        assert_same_bits(again.model.params[name], table)


def test_ctrl_c_twice_is_meant():
    class Twice(Callback):
        def after_step(self, learner):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        learner(callbacks=[Twice()]).fit(1, 1e-3)
    assert signal.getsignal(signal.SIGINT) is before


def test_training_works_outside_the_main_thread():
    learn = learner()
    thread = threading.Thread(target=learn.fit, args=(1, 1e-3))
    thread.start()
    thread.join()
    assert len(learn.history) == 1


def test_flat_cosine_follows_its_schedule():
    learn = learner()
    learn.fit_flat_cos(2, 1e-2)
    assert learn.steps["lr"].tolist() == optim.flat_cosine(90, 1e-2, n_epochs=2).tolist()


def test_biases_may_have_their_own_rate_and_decay():
    """wd by name; a decay of zero and no gradient leaves row 0 of the biases where it is."""
    learn = learner()
    start = learn.model.params["user_bias"][0].copy(), learn.model.params["user_factors"][0].copy()
    learn.fit(1, 1e-2, wd={"user_bias": 0.0, "item_bias": 0.0, "default": 0.1})
    assert learn.model.params["user_bias"][0] == start[0]
    assert (learn.model.params["user_factors"][0] != start[1]).any()


def test_lr_mult_layers_the_schedule_by_parameter(tmp_path):
    """A multiplier of zero keeps a table still, and a saved run remembers it."""
    mult = {"user_bias": 0.0, "item_bias": 2.0, "default": 1.0}
    learn = learner(lr_mult=mult)
    start = learn.model.params["user_bias"].copy()
    learn.fit_one_cycle(1, 1e-2, wd=0.0)
    assert_same_bits(learn.model.params["user_bias"], start)
    assert learn.opt.lr == {name: learn.fit_state.lr[-1] * k for name, k in mult.items()}
    learn.save(tmp_path / "run")
    again = learner()
    again.resume(tmp_path / "run")
    assert again.lr_mult == mult


def test_a_global_mean_is_learned_around_and_saved(tmp_path):
    """Funk: mu + b + c + p.q on touched rows; the logit of the mean rating is a good start."""
    learn = learner(opt_func=lambda p, lr: optim.SGD(p, lr, rows="touched_rows"))
    learn.model.mean, learn.model.y_range = float(RATINGS.rating.mean()), None
    error = learn.fit(2, 5e-2, wd=0.02)["rmse"].iloc[-1]
    assert error < 1.1 * RATINGS.rating.std()
    assert gradcheck(learn.model, learn.dls.first_batch()).ok
    learn.save(tmp_path / "model")
    assert_same_bits(load(tmp_path / "model").model(RATINGS.pairs), learn.model(RATINGS.pairs))


def test_lr_find_suggests_a_rate_that_trains_and_leaves_no_trace():
    learn = learner()
    before = {n: w.copy() for n, w in learn.model.params.items()}
    rng_state = learn.dls.train.rng.bit_generator.state
    found = learn.lr_find()
    assert learn.opt is None
    assert learn.dls.train.rng.bit_generator.state == rng_state
    for name, table in before.items():
        assert_same_bits(learn.model.params[name], table)
    assert len(found.lrs) == len(found.losses) <= 100
    assert (np.diff(found.lrs) > 0).all()
    assert found.lrs[0] == 1e-7
    assert found.valley in found.lrs
    assert -4 < np.log10(found.valley) < 0
    error = learn.validate()[1]
    assert learn.fit_one_cycle(3, found.valley)["rmse"].iloc[-1] < error


@given(losses=st.lists(st.integers(0, 50), min_size=2, max_size=20))
def test_valley_lies_on_a_longest_decreasing_subsequence(losses):
    index = _valley(np.array(losses, float))
    assert 0 <= index < len(losses)
    if losses == sorted(losses, reverse=True) and len(set(losses)) == len(losses):
        assert index == (len(losses) - 1) * 2 // 3


def test_lr_find_refuses_what_diverges_at_once():
    learn = learner()
    learn.model.params["user_bias"][:] = np.nan
    with pytest.raises(DivergenceError, match="start_lr"):
        learn.lr_find()
    with pytest.raises(SettingError, match="num_it"):
        learner().lr_find(num_it=1)

"""Training: it learns, it is reproducible, it says what happened, and it stops when it must."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from npcf import models, ops, optim
from npcf.data import CollabDataLoaders, planted
from npcf.errors import DivergenceError, EmptyBatchError, SettingError, ShapeError
from npcf.training import Learner, MSELossFlat, SmoothedLoss, mae, rmse
from npcf.verify import PRECISION, assert_same_bits, assert_within
from npcf.verify.strategies import values

U = PRECISION[np.dtype(np.float64)]
PLANTED = planted(80, 60, 2_000, seed=1)


def learner(cls=models.DotProductBiasEmb, seed=0, dtype=np.float32, **options):
    tables, batches = np.random.default_rng(seed).spawn(2)
    dls = CollabDataLoaders.from_ratings(PLANTED.ratings, bs=32, rng=batches)
    sizes = dls.n_users, dls.n_items, 4
    return Learner(dls, cls(*sizes, rng=tables, dtype=dtype), progress=False, **options)


@pytest.mark.parametrize("cls", [models.DotProductBiasEmb, models.DotProductBiasCP])
def test_one_cycle_brings_the_loss_down_towards_the_planted_truth(cls):
    learn = learner(cls)
    before = learn.validate()[1]
    history = learn.fit_one_cycle(8, 5e-2, wd=0.05)
    after = history["rmse"].iloc[-1]
    spread = PLANTED.ratings.rating.std()  # what predicting the mean would score
    assert after < spread < before
    assert after < 1.25 * PLANTED.truth_rmse(np.arange(2_000)) + 0.1


def test_embedding_dot_learns_in_three_epochs():
    """Seed 0: EmbeddingDot over 3 epochs, RMSE falling every epoch."""
    learn = learner(models.EmbeddingDot)
    before = learn.validate()[1]
    errors = learn.fit(3, 1e-2, wd=1e-4)["rmse"].tolist()
    assert before > errors[0] > errors[1] > errors[2]


def test_same_seed_same_bits_and_another_seed_other_bits():
    first, second, other = learner(seed=5), learner(seed=5), learner(seed=6)
    for learn in (first, second, other):
        learn.fit_one_cycle(2, 5e-3)
    for name, table in first.model.params.items():
        assert_same_bits(second.model.params[name], table, name)
        assert (other.model.params[name] != table).any()
    columns = ["train_loss_smoothed", "valid_loss", "rmse"]
    assert first.history[columns].equals(second.history[columns])


def test_a_step_is_forward_loss_backward_update():
    """The loop does what the functional core does by hand."""
    learn = learner(models.DotProductBiasCP, dtype=np.float64, backend="numpy")
    params = {name: table.copy() for name, table in learn.model.params.items()}
    learn.opt = optim.fastai_adam(learn.model.params, 0.01)
    by_hand = optim.fastai_adam(params, 0.01)
    for batch in [learn.dls.first_batch() for _ in range(3)]:
        got = learn.step(batch)
        pred, cache = models.dot_product_bias_forward(params, batch.users, batch.items, (0, 5.5))
        loss, loss_cache = ops.mse_forward(pred, batch.rating)
        by_hand.step(models.dot_product_bias_backward(ops.mse_backward(1.0, loss_cache), cache))
        assert got == float(loss)
    for name, table in params.items():
        assert_same_bits(learn.model.params[name], table, name)


def test_the_schedule_reaches_the_optimiser():
    learn = learner()
    seen = []
    learn.opt = optim.fastai_adam(learn.model.params)
    step = learn.opt.step
    learn.opt.step = lambda grads, touched: (
        seen.append((learn.opt.lr, learn.opt.momentum)), step(grads, touched)
    )  # fmt: skip
    learn.fit_one_cycle(2, 5e-3, wd=0.25)
    lr, mom = optim.one_cycle_fastai(len(seen), 5e-3, n_epochs=2)
    assert seen == list(zip(lr.tolist(), mom.tolist(), strict=True))
    assert learn.opt.weight_decay == 0.25


def test_history_is_tidy_and_marks_the_smoothed_loss():
    """Seed 1: the training loss is an average over a moving model; `gap` compares it."""
    learn = learner()
    learn.fit(1, 1e-3)
    history = learn.fit(2, 1e-3)
    assert list(history.columns) == [
        "epoch", "train_loss_smoothed", "valid_loss", "gap", "rmse", "lr", "seconds",
        "compile_seconds",
    ]  # fmt: skip
    assert history["epoch"].tolist() == [0, 0, 1]
    gap = history["valid_loss"] - history["train_loss_smoothed"]
    assert history["gap"].equals(gap)
    assert_within(history["valid_loss"], history["rmse"] ** 2, U.gamma(4) * history["valid_loss"])
    assert history.notna().all(axis=None)


def test_the_sources_call_works():
    """Seed 2: Learner(dls, model, loss_func=MSELossFlat()).fit_one_cycle(5, 5e-3, wd=0.1)."""
    for cls in (models.DotProductBiasEmb, models.DotProductBiasCP):
        learn = learner(cls, loss_func=MSELossFlat())
        learn.fit_one_cycle(5, 5e-3, wd=0.1)
        assert len(learn.history) == 5
        assert learn.history["rmse"].is_monotonic_decreasing


@given(data=st.data(), n=st.integers(1, 6), column=st.booleans(), d_loss=values())
def test_flat_loss_is_the_loss_of_the_flattened(data, n, column, d_loss):
    pred, rating = (data.draw(arrays(np.float64, n, elements=values())) for _ in range(2))
    shaped = pred[:, None] if column else pred
    loss, cache = MSELossFlat().forward(shaped, rating[:, None])
    want, want_cache = ops.mse_forward(pred, rating)
    assert loss == want
    d_pred = MSELossFlat().backward(d_loss, cache)
    assert_same_bits(d_pred, ops.mse_backward(d_loss, want_cache).reshape(shaped.shape))


@given(losses=arrays(np.float64, st.integers(1, 30), elements=values()))
def test_smoothed_loss_is_the_debiased_average(losses):
    """sum_i beta**(n-i) (1-beta) loss_i / (1 - beta**n): weights that sum to one."""
    smoother = SmoothedLoss()
    for loss in losses:
        smoother.add(loss)
    weights = 0.98 ** np.arange(len(losses))[::-1]
    want = (weights * losses).sum() / weights.sum()
    # 1 - beta**n loses a digit or two at n = 1: relative error 2 u / (1 - beta) at most
    allowed = 4 * len(losses) * 2.0**-53 / 0.02 * np.abs(losses).max()
    assert abs(smoother.smoothed - want) <= allowed


def test_smoothed_loss_of_nothing_is_nan():
    assert np.isnan(SmoothedLoss().smoothed)


def test_divergence_is_an_error_and_not_a_table_of_nan():
    learn = learner()
    learn.model.params["user_factors"][:] = np.nan
    with pytest.raises(DivergenceError, match="loss: is nan at lr"):
        learn.fit(1, 1e-3)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("y_range", [None, (0.0, 5.5)])
def test_divergence_by_the_last_step_of_all_is_one_too(backend, y_range):
    """No step follows that could see it: float32 overflows, the model holds what there is."""
    dls = CollabDataLoaders.from_ratings(PLANTED.ratings, bs=1600, rng=np.random.default_rng(0))
    rng = np.random.default_rng(1)
    model = models.DotProductBiasEmb(dls.n_users, dls.n_items, 4, rng=rng)
    model.y_range = y_range
    learn = Learner(dls, model, opt_func=optim.SGD, progress=False, backend=backend)
    with pytest.raises(DivergenceError, match="loss: is "), np.errstate(all="ignore"):
        learn.fit(1, 1e39)
    assert learn.fit_state.step == len(dls.train) == 1
    assert not all(np.isfinite(table).all() for table in model.params.values())
    assert np.isfinite(learn.steps["loss"]).all()
    assert learn.history.empty


def test_rows_that_nobody_validates_are_looked_at_too():
    """The validation error is finite, a table is not."""
    learn = learner()
    unseen = set(range(learn.dls.n_users)) - set(learn.dls.valid.users.tolist())
    unseen -= set(learn.dls.train.ratings.users.tolist())
    assert 0 in unseen  # row #na#
    learn.model.params["user_factors"][0] = np.inf
    with pytest.raises(DivergenceError, match="not finite for rows that step"):
        learn.fit(1, 1e-3, wd=0)


def test_reports_go_where_they_are_asked_for(capsys):
    learn, rows = learner(), []
    learn.on_epoch = rows.append
    learn.fit(2, 1e-3)
    assert [row.epoch for row in rows] == [0, 1]
    assert "0.0" in str(rows[0])
    learner().fit(1, 1e-3)  # standard output is no terminal here
    assert capsys.readouterr().out == ""


def test_predictions_do_not_depend_on_the_chunk(monkeypatch):
    learn = learner()
    pairs = PLANTED.ratings.pairs
    want = learn.predict(pairs)
    monkeypatch.setattr("npcf.training.learner.EVALUATION_CHUNK", 17)
    assert_same_bits(learn.predict(pairs), want)
    assert learn.predict(pairs[:0]).shape == (0,)


@given(error=arrays(np.float64, st.integers(1, 9), elements=values()))
def test_metrics(error):
    rating = np.arange(error.size, dtype=np.float64)
    pred = rating + error
    allowed = U.gamma(4 * (error.size + 4)) * (np.abs(pred).max() + 1)
    assert abs(rmse(pred, rating) - np.sqrt((error**2).mean())) <= allowed * np.sqrt(error.size)
    assert abs(mae(pred, rating) - np.abs(error).mean()) <= allowed
    assert mae(pred, rating) <= rmse(pred, rating) * (1 + U.gamma(2 * error.size + 8))


def test_metrics_refuse_what_would_broadcast_and_nothing():
    with pytest.raises(ShapeError, match="keepdim"):
        rmse(np.ones((3, 1)), np.ones(3))
    with pytest.raises(EmptyBatchError):
        mae(np.ones(0), np.ones(0))


def test_bad_settings_are_refused():
    with pytest.raises(SettingError, match="n_epoch"):
        learner().fit_one_cycle(0, 1e-3)
    with pytest.raises(SettingError, match="lr"):
        learner().fit(1, float("nan"))

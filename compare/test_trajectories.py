"""Replay of training runs recorded from the real fastai: same weights, same batches, same steps."""

import numpy as np
import pytest

from compare.limits import RECORDED_LOSS, STEP_LOSS, TRAJECTORY
from compare.recorded import fixture
from npcf import kernels, models, ops, optim
from npcf.data import read_ml100k, split_indices
from npcf.fused import trainer_for
from npcf.training import SmoothedLoss

TABLES = {"P": "user_factors", "Q": "item_factors", "bu": "user_bias", "bi": "item_bias"}
TAGS = {1: "step1", 2: "step2", 10: "step10", 100: "step100", 1250: "ep1"}
OPTIMIZERS = {
    "adam": optim.fastai_adam,
    "sgd": optim.fastai_sgd,
    "sgdl2": lambda params: optim.fastai_sgd(params, decouple_wd=False),
}
RECORDINGS = sorted({name for name, _ in TRAJECTORY})
every_backend = pytest.mark.parametrize("backend", [ops, kernels], ids=["numpy", "numba"])
every_recording = pytest.mark.parametrize("name", RECORDINGS)


def load(name):
    with np.load(fixture(name), allow_pickle=False) as recording:
        return {key: recording[key] for key in recording.files}


def tables(recording, tag):
    return {ours: recording[f"{theirs}_{tag}"].copy() for theirs, ours in TABLES.items()}


def replay(recording, optimizer, backend):
    """Yield (steps taken, loss before the step, params) through the functional core."""
    params = tables(recording, "init")
    opt = optimizer(params)
    for i in range(len(recording["lr"])):
        opt.lr, opt.weight_decay = recording["lr"][i], recording["wd"][i]
        if isinstance(opt, optim.Adam):
            opt.momentum = recording["mom"][i]
        users, items = recording["user"][i], recording["item"][i]
        pred, cache = models.dot_product_bias_forward(
            params, users, items, y_range=(0, 5.5), backend=backend
        )
        loss, loss_cache = backend.mse_forward(pred, recording["rating"][i])
        opt.step(models.dot_product_bias_backward(backend.mse_backward(1.0, loss_cache), cache))
        yield i + 1, float(loss), params


@every_backend
@every_recording
def test_weights_follow_the_recorded_ones(name, backend):
    recording = load(name)
    smoother, limit = SmoothedLoss(), STEP_LOSS[name.split("_")[2]].limit
    for steps, loss, params in replay(recording, OPTIMIZERS[name.split("_")[0]], backend):
        smoother.add(loss)
        assert abs(loss - recording["step_loss"][steps - 1]) <= limit, steps
        if (name, steps) in TRAJECTORY:
            want = tables(recording, TAGS[steps])
            worst = max(float(np.abs(params[key] - want[key]).max()) for key in want)
            print(f"{name} after {steps} steps: {worst:.1e}")
            assert worst <= TRAJECTORY[name, steps].limit, (steps, worst)
    valid = recording["valid_user"], recording["valid_item"]
    pred, _ = models.dot_product_bias_forward(params, *valid, y_range=(0, 5.5), backend=backend)
    loss, _ = ops.mse_forward(pred.astype(np.float64), recording["valid_rating"])
    train_and_valid = recording["epoch_train_valid"][0]
    assert abs(smoother.smoothed - train_and_valid[0]) <= RECORDED_LOSS.limit
    assert abs(loss - train_and_valid[1]) <= RECORDED_LOSS.limit


@pytest.mark.parametrize("deferred", [True, False], ids=["waiting", "every row"])
@every_recording
def test_fused_steps_follow_the_recorded_ones(name, deferred):
    """1,250 steps, stopping where weights were recorded; absent rows wait, or move every step."""
    recording = load(name)
    params = tables(recording, "init")
    opt = OPTIMIZERS[name.split("_")[0]](params)
    opt.weight_decay = float(recording["wd"][0])
    assert (recording["wd"] == opt.weight_decay).all()
    fused = trainer_for(opt, (0, 5.5), deferred=deferred)
    size, taken = recording["user"].shape[1], 0
    for steps in sorted(n for recorded, n in TRAJECTORY if recorded == name):
        here = slice(taken, steps)
        losses = fused.run(
            *(recording[column][here].ravel() for column in ("user", "item", "rating")),
            np.arange(steps - taken + 1) * size,
            recording["lr"][here],
            recording["mom"][here] if isinstance(opt, optim.Adam) else None,
        )
        worst_loss = float(np.abs(losses - recording["step_loss"][here]).max())
        assert worst_loss <= STEP_LOSS[name.split("_")[2]].limit
        assert fused.deferring == deferred
        want, taken = tables(recording, TAGS[steps]), steps
        worst = max(float(np.abs(opt.params[key] - want[key]).max()) for key in want)
        print(f"{name} after {steps} steps: {worst:.1e}, losses {worst_loss:.1e}")
        assert worst <= TRAJECTORY[name, steps].limit, (steps, worst)


def test_split_and_vocabularies_equal_the_recorded_ones():
    """Rating by rating: the 20,000 validation ratings, their user rows and their title rows."""
    from compare.recorded import movielens

    recording = load("adam_emb_f32_1ep")
    ratings = read_ml100k(movielens(), item="title")
    assert (ratings.n_users, ratings.n_items) == (recording["n_users"], recording["n_items"])
    valid = ratings.take(split_indices(len(ratings), 0.2, 42)[1])
    for ours, theirs in (("users", "user"), ("items", "item"), ("rating", "rating")):
        assert (getattr(valid, ours) == recording[f"valid_{theirs}"]).all()


@pytest.mark.parametrize("bug", ["betas", "eps", "coupled", "mean"])
def test_a_planted_bug_leaves_the_recorded_path(bug):
    """The limits are tight enough to see torch's betas, torch's eps, L2, and a sum for a mean."""
    name = "adam_emb_f64_1ep"
    recording = load(name)
    if bug == "mean":
        recording["rating"] = recording["rating"][:, :63]
        recording["user"], recording["item"] = recording["user"][:, :63], recording["item"][:, :63]
    optimizer = {
        "betas": lambda p: optim.fastai_adam(p, sqr_mom=0.999),
        "eps": lambda p: optim.fastai_adam(p, eps=1e-8),
        "coupled": lambda p: optim.fastai_adam(p, decouple_wd=False),
        "mean": optim.fastai_adam,
    }[bug]
    for steps, _, params in replay(recording, optimizer, ops):
        if steps == 10:
            want = tables(recording, "step10")
            worst = max(float(np.abs(params[key] - want[key]).max()) for key in want)
            assert worst > 1e3 * TRAJECTORY[name, 10].limit
            return

"""Per-rating SGD as people use it: it learns, the same on any threads, and stops when it must."""

import os
import signal

import numpy as np
import pytest

from compare.limits import PER_RATING_U1
from npcf.analysis import Predictor
from npcf.cli import main
from npcf.data import planted, split_indices
from npcf.errors import DivergenceError, IdRangeError, SettingError, ShapeError, UsageError
from npcf.kernels import compiles
from npcf.kernels.blocked_sgd import tiles
from npcf.models import PARAM_NAMES
from npcf.training import PerRatingSGD, RatingArrays, presets, rmse
from npcf.training.per_rating_settings import PRESET_EPOCHS
from npcf.verify import (
    PRECISION,
    Formulas,
    RunningError,
    assert_same_bits,
    assert_within,
)
from tests import places

PLANTED = planted(300, 200, 20_000, seed=1)
TRAIN, VALID = (PLANTED.ratings.take(rows) for rows in split_indices(20_000, 0.2, 42))


def trained(n_epochs=8, threads=1, **settings):
    trainer = PerRatingSGD(**{"n_factors": 8, "lr": 0.02, "weight_decay": 0.05} | settings)
    trainer.fit(TRAIN, n_epochs, valid=VALID, threads=threads, progress=False)
    return trainer


@pytest.mark.parametrize(
    "settings",
    [{}, {"y_range": (0.5, 5.5), "lr": 0.05, "weight_decay": 0.01},
     {"y_range": (1.0, 5.0), "loss": "cross_entropy", "lr": 0.2, "weight_decay": 0.005}],
    ids=["plain", "range", "cross-entropy"],
)  # fmt: skip
def test_it_learns_towards_the_planted_truth(settings):
    """Better than the mean, better each second epoch, and the model is an ordinary one."""
    trainer = trained(**settings)
    errors = trainer.history["valid_rmse"]
    assert errors.iloc[-1] < errors.iloc[0] < VALID.rating.std()
    model = trainer.model
    assert sorted(model.params) == sorted(PARAM_NAMES)
    pred = trainer.predict(VALID.users, VALID.items)
    assert rmse(pred, VALID.rating) == trainer.evaluate(VALID) == errors.iloc[-1]
    flat = {k: v.reshape(-1) if k.endswith("bias") else v for k, v in model.params.items()}
    f = Formulas(RunningError(flat["user_bias"].dtype))  # two orders of addition
    bound, _ = f.forward(flat, VALID.users, VALID.items, model.y_range, model.mean)
    assert_within(model(VALID.pairs), bound.value, bound.tolerance)
    assert_within(pred, bound.value, bound.tolerance)
    predictor = Predictor.of(model, TRAIN)
    labels = [vocab.labels for vocab in (TRAIN.user_vocab, TRAIN.item_vocab)]
    pairs = [[label[row] for row in rows[:5]]
             for label, rows in zip(labels, (VALID.users, VALID.items), strict=True)]  # fmt: skip
    assert_within(predictor.predict(*pairs), bound.value[:5], bound.tolerance[:5])


def test_seed_decides_and_threads_do_not(monkeypatch):
    monkeypatch.setattr(tiles, "PARTS", ((0, 4),))
    first, second, other = trained(2, 1, seed=5), trained(2, 4, seed=5), trained(2, 1, seed=6)
    for name, table in first.model.params.items():
        assert_same_bits(second.model.params[name], table, name)
    assert (other.model.params["user_factors"] != first.model.params["user_factors"]).any()
    columns = ["epoch", "train_rmse", "valid_rmse", "lr"]
    assert first.history[columns].equals(second.history[columns])


def test_rates_fall_exponentially_and_decay_follows_the_counts():
    trainer = trained(
        3, lr=0.08, final_lr=0.02, schedule_epochs=5, bias_lr=0.04, weight_decay=(0.1, 0.2),
        bias_weight_decay=0.0, decay_counts=10.0, decay_powers=(1.0, 0.0, 0.5, 0.5),
    )  # fmt: skip
    lrs = trainer.history["lr"].to_numpy()
    assert lrs.tolist() == [0.08 * 0.25 ** (epoch / 4) for epoch in range(3)]
    rule = trainer.rule
    assert rule.bias_lr == 0.04 * (0.02 / 0.08) ** 0.5
    counts = np.bincount(TRAIN.users, minlength=TRAIN.n_users)
    want = (0.1 * 10.0 / np.maximum(counts, 1)).astype(np.float32)
    assert_same_bits(rule.decays["user_factors"], want)
    assert (rule.decays["item_factors"] == np.float32(0.2)).all()
    assert not rule.decays["user_bias"].any()


def test_mean_is_that_of_the_ratings_or_given():
    mean = float(TRAIN.rating.mean(dtype=np.float64))
    assert trained(1).model.mean == mean
    logit = np.log((mean - 0.5) / (5.5 - mean))
    bound = PRECISION[np.dtype(np.float64)].gamma(9) * (1 + abs(logit))
    assert_within(trained(1, y_range=(0.5, 5.5)).model.mean, logit, bound)
    assert trained(1, mean=2.0).model.mean == 2.0


def test_ctrl_c_ends_the_fit_between_two_ratings():
    def press(row):
        if row.epoch == 1:
            os.kill(os.getpid(), signal.SIGINT)

    trainer = PerRatingSGD(n_factors=8)
    trainer.fit(TRAIN, 50, progress=False, on_epoch=press)
    assert trainer.interrupted
    assert 2 <= len(trainer.history) < 50
    assert np.isfinite(trainer.evaluate(VALID))
    trainer.fit(TRAIN, 2, progress=False)
    assert not trainer.interrupted


def test_what_cannot_be_is_refused_before_training():
    for settings, error, text in (
        ({"n_factors": 0}, SettingError, "n_factors"),
        ({"lr": float("nan")}, SettingError, "lr"),
        ({"weight_decay": (0.1, -1.0)}, SettingError, "weight_decay"),
        ({"loss": "hinge"}, SettingError, "loss"),
        ({"loss": "cross_entropy"}, SettingError, "y_range"),
        ({"y_range": (5, 1)}, SettingError, "y_range"),
        ({"decay_powers": (1.0, 2.0)}, SettingError, "decay_powers"),
        ({"momentum": 0.9}, UsageError, "momentum"),
    ):
        with pytest.raises(error, match=text):
            PerRatingSGD(**settings)
    with pytest.raises(SettingError, match="preset"):
        PerRatingSGD("netflix")
    with pytest.raises(UsageError, match="fit"):
        PerRatingSGD().predict([0], [0])
    bad = RatingArrays(np.array([0, 7]), np.array([0, 0]), np.ones(2, np.float32), 3, 3)
    with pytest.raises(IdRangeError, match=r"users\[1\]: id 7"):
        PerRatingSGD().fit(bad)
    trainer = trained(1)
    with pytest.raises(IdRangeError):
        trainer.predict([10**6], [0])
    with pytest.raises(ShapeError):
        trainer.predict([0, 1], [0])
    with pytest.raises(DivergenceError, match="at lr 10000"):
        trained(3, lr=1e4)


def test_the_command_trains_saves_and_repeats_itself(tmp_path, capsys):
    path = tmp_path / "model"
    options = ["--bs", "1", "--rows", "touched", "--epochs", "2", "--lr", "0.02", "--wd", "0.05"]
    assert main(["train", *options, "--save", str(path)]) == 0
    out = capsys.readouterr().out
    assert "steps: one for each rating, only its rows move; compiled, 1 thread" in out
    assert path.exists()
    assert main(["train", *options, "--threads", "2"]) == 0
    again = capsys.readouterr().out
    assert [line for line in again.splitlines() if "validation RMSE" in line][0] in out
    assert main(["train", "--rows", "touched", "--epochs", "1"]) == 0
    assert "only rows of the batch move" in capsys.readouterr().out or os.environ.get(
        "NUMBA_DISABLE_JIT"
    )
    assert main(["train", *options, "--checkpoint", str(path)]) == 2
    assert "no effect where one rating is one step" in capsys.readouterr().err


@pytest.mark.skipif(not compiles(), reason="a minute of plain Python")
def test_the_preset_s_accuracy_on_ml_100k():
    """The first published fold, 64 factors for time; all five with 256: compare/bench."""
    folder = places.movielens() or pytest.skip(places.NO_MOVIELENS)
    train, test = (arrays(folder / name) for name in ("u1.base", "u1.test"))
    trainer = PerRatingSGD("ml-100k", n_factors=64)
    history = trainer.fit(train, PRESET_EPOCHS["ml-100k"], valid=test, progress=False)
    assert presets["ml-100k"].n_factors == 256
    assert history["valid_rmse"].iloc[-1] <= PER_RATING_U1.limit


def arrays(path):
    users, items, rating = np.loadtxt(path, np.int32, usecols=(0, 1, 2)).T
    return RatingArrays(users - 1, items - 1, rating.astype(np.float32), 943, 1682)

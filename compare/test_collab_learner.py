"""`collab_learner` against runs of the real fastai.

From the same start over the same batches it has the same losses; other seeds end in its spread.
"""

import numpy as np
import pandas as pd
import pytest

from compare.limits import LESSON_5, RECORDED_LOSS, STEP_LOSS
from compare.recorded import fixture, movielens
from npcf.data import Batches, Epoch
from npcf.interop.lesson import CollabDataLoaders, collab_learner

TABLES = {"P": "user_factors", "Q": "item_factors", "bu": "user_bias", "bi": "item_bias"}
BOOK = {"n_factors": 50, "y_range": (0, 5.5)}


class Recorded(Batches):
    """The batches of a recording, in its order."""

    recording: dict

    def epoch(self):
        columns = (self.recording[name].ravel() for name in ("user", "item", "rating"))
        users, items, rating = (
            column.astype(dtype)
            for column, dtype in zip(columns, (np.int32, np.int32, np.float32), strict=True)
        )
        return Epoch(users, items, rating, np.arange(len(self) + 1) * self.batch_size)


@pytest.fixture(scope="module")
def frame():
    """The chapter's table: ratings, and the title of each film."""
    path = movielens()
    names = {"delimiter": "\t", "header": None, "names": ["user", "movie", "rating", "timestamp"]}
    titles = {"delimiter": "|", "encoding": "latin-1", "usecols": (0, 1), "header": None}
    movies = pd.read_csv(path / "u.item", names=("movie", "title"), **titles)
    return pd.read_csv(path / "u.data", **names).merge(movies)


@pytest.fixture(scope="module")
def recording():
    with np.load(fixture("adam_emb_f32_1ep"), allow_pickle=False) as found:
        return {name: found[name] for name in found.files}


def loaders(frame, seed, **options):
    """Return the chapter's loaders, split by fastai's seed 42 and sampled as fastai does."""
    rng = np.random.default_rng(seed)
    options |= {"sampling": "replacement", "drop_last": True}
    return CollabDataLoaders.from_df(frame, item_name="title", bs=64, seed=42, rng=rng, **options)


def test_an_epoch_from_fastais_start_over_its_batches_has_its_losses(frame, recording):
    dls = loaders(frame, 0)
    dls.train = Recorded(dls.train.ratings, 64, "replacement", drop_last=True, rng=dls.train.rng)
    dls.train.recording = recording
    learn = collab_learner(dls, **BOOK)
    for theirs, ours in TABLES.items():
        table = learn.model.params[ours]
        table[...] = recording[f"{theirs}_init"].reshape(table.shape)
    learn.fit_one_cycle(1, 5e-3, wd=0.1)
    assert np.abs(learn.steps["loss"] - recording["step_loss"]).max() <= STEP_LOSS["f32"].limit
    difference = np.abs(np.array(learn.recorder.values) - recording["epoch_train_valid"])
    assert difference.max() <= RECORDED_LOSS.limit


def test_its_start_has_the_moments_of_fastais(frame, recording):
    """Mean, square and fourth power of all numbers, within six standard errors of the recorded."""
    model = collab_learner(loaders(frame, 0), **BOOK, rng=np.random.default_rng(0)).model
    for theirs, ours in TABLES.items():
        got, want = (
            table.ravel().astype(float) * 100
            for table in (model.params[ours], recording[f"{theirs}_init"])
        )
        assert got.shape == want.shape
        for power in (1, 2, 4):
            error = np.sqrt((np.var(got**power) + np.var(want**power)) / got.size)
            assert abs(np.mean(got**power) - np.mean(want**power)) < 6 * error, (ours, power)


def test_five_epochs_end_in_fastais_spread(frame, capsys):
    losses = []
    for seed in range(3):
        learn = collab_learner(loaders(frame, seed), **BOOK, rng=np.random.default_rng(seed + 10))
        losses.append(learn.fit_one_cycle(5, 5e-3, wd=0.1)["valid_loss"].iloc[-1])
    band = LESSON_5["embedding", "replacement"]
    with capsys.disabled():
        print(f"\ncollab_learner: {np.mean(losses):.4f} +- {np.std(losses, ddof=1):.4f}")
    assert band.low <= np.mean(losses) <= band.high

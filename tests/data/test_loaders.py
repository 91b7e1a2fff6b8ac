"""fastai's way in: the first three columns, its split, its shapes, and whose vocabulary."""

import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf.data import Batch, CollabDataLoaders, split_indices
from npcf.errors import DataError, SettingError, UsageError
from npcf.verify import assert_same_bits
from npcf.verify.strategies import ratings_frames
from tests.data.reading import triples

MANY = pd.DataFrame(
    {
        "who": np.arange(200) % 9,
        "what": np.arange(200) % 11 + 100,
        "stars": np.arange(200) % 5 + 1,
        "title": [f"Title {i % 10}" for i in range(200)],
    }
)


def test_one_batch_is_the_lessons():
    """Seed 2: `xb, yb = dls.one_batch(); xb.shape, yb.shape` is (64, 2), (64, 1)."""
    dls = CollabDataLoaders.from_df(MANY, item_name="title", bs=64)
    xb, yb = dls.one_batch()
    assert (xb.shape, yb.shape) == ((64, 2), (64, 1))
    assert (xb.dtype, yb.dtype) == (np.int64, np.float32)
    assert dls.classes == {
        "who": ["#na#", *range(9)],
        "title": ["#na#", *(f"Title {i}" for i in range(10))],
    }
    assert dls.valid.columns == ("who", "title", "stars")


def test_x_and_y_of_a_batch_are_its_columns():
    batch = Batch(np.array([3, 4], np.int32), np.array([5, 6], np.int32), np.ones(2, np.float32))
    assert batch.x.tolist() == [[3, 5], [4, 6]]
    assert batch.y.tolist() == [[1.0], [1.0]]


@given(frame=ratings_frames(min_size=4), seed=st.integers(0, 2**32 - 1), data=st.data())
def test_the_split_of_a_frame_is_fastais(frame, seed, data):
    """Columns by position, positions by `split_indices`; every rating in exactly one part."""
    frame = frame.rename(columns=dict(zip(frame.columns, ["x", "userId", "user"], strict=True)))
    pct = data.draw(st.sampled_from([0.25, 0.5]))
    dls = CollabDataLoaders.from_df(frame, pct, seed=seed, bs=1)
    rows = list(frame.itertuples(index=False, name=None))
    train, valid = split_indices(len(frame), pct, seed)
    assert triples(dls.train.ratings) == [rows[i] for i in train]
    assert triples(dls.valid) == [rows[i] for i in valid]


@given(frame=ratings_frames(min_size=4), seed=st.integers(0, 99))
def test_a_vocabulary_of_training_knows_nobody_else(frame, seed):
    """Unseen ids become row 0 in validation and are counted; all else stays what it was."""
    options = {"seed": seed, "bs": 1, "valid_pct": 0.5}
    both = CollabDataLoaders.from_df(frame, **options)
    dls = CollabDataLoaders.from_df(frame, vocabulary="train", **options)
    user, item = both.classes
    seen = triples(both.train.ratings)
    assert triples(dls.train.ratings) == seen
    assert dls.classes == {
        user: ["#na#", *sorted({u for u, _, _ in seen})],
        item: ["#na#", *sorted({i for _, i, _ in seen})],
    }
    known = [(u if u in dls.classes[user] else "#na#", i if i in dls.classes[item] else "#na#", r)
             for u, i, r in triples(both.valid)]  # fmt: skip
    assert triples(dls.valid) == known
    assert dls.n_unseen_users == sum(u == "#na#" for u, _, _ in known)
    assert dls.n_unseen_items == sum(i == "#na#" for _, i, _ in known)
    assert dls.valid.titles == [str(label) for label in dls.classes[item]]
    assert (both.n_unseen_users, both.n_unseen_items) == (0, 0)


def test_it_is_said_how_many_are_unseen(caplog):
    frame = pd.DataFrame({"u": range(10), "i": [1] * 10, "r": [1.0] * 10})
    with caplog.at_level(logging.INFO, "npcf.data"):
        dls = CollabDataLoaders.from_df(frame, seed=0, bs=2, vocabulary="train")
    assert (dls.n_unseen_users, dls.n_unseen_items) == (2, 0)
    assert "of 2 validation ratings, 2 name a user and 0 an item" in caplog.text


@pytest.mark.parametrize("sampling", ["permutation", "replacement"])
def test_the_seed_decides_split_and_batches(sampling):
    def first(**options):
        return CollabDataLoaders.from_df(MANY, sampling=sampling, **options).one_batch()[0]

    assert_same_bits(first(seed=5), first(seed=5))
    assert (first(seed=5) != first(seed=6)).any()
    assert (first() != first()).any()
    assert_same_bits(*(first(rng=np.random.default_rng(1)) for _ in range(2)))
    other = first(seed=5, rng=np.random.default_rng(1))
    assert (other != first(seed=5)).any()  # the same split, other batches


def test_a_csv_is_the_frame_it_holds(tmp_path):
    MANY.to_csv(tmp_path / "many.csv", index=False)
    for names in ({}, {"item_name": "title"}, {"user_name": "what", "item_name": "who"}):
        from_csv = CollabDataLoaders.from_csv(tmp_path / "many.csv", seed=3, **names)
        from_df = CollabDataLoaders.from_df(MANY, seed=3, **names)
        assert from_csv.classes == from_df.classes
        for a, b in zip(from_csv.one_batch(), from_df.one_batch(), strict=True):
            assert_same_bits(a, b)


BAD = [
    ({"seed": -1}, SettingError, "seed: must be a whole number >= 0"),
    ({"ratings": "many.csv"}, UsageError, "is text, 'many.csv', not a pandas DataFrame.*from_csv"),
    ({"ratings": MANY[["who", "what", "title"]]}, DataError, "title: has dtype .* not numbers"),
    ({"user_name": "user"}, DataError, "has no column 'user'; it has 'who'"),
    ({"vocabulary": "valid"}, SettingError, "Choose one of all, train"),
]


@pytest.mark.parametrize(("options", "error", "message"), BAD)
def test_wrong_arguments_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        CollabDataLoaders.from_df(**({"ratings": MANY} | options))

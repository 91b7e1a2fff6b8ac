"""fastai 0.7's way in: codes in order of appearance, and the loaders that come with them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf.data import ColumnarModelData
from npcf.errors import DataError, IdRangeError
from npcf.verify import assert_same_bits
from npcf.verify.strategies import ratings_frames

CATS = ["user", "item"]


def load(frame, val_idxs, **options):
    x, y = frame[CATS], frame["rating"]
    return ColumnarModelData.from_data_frame("anywhere", val_idxs, x, y, CATS, **options)


def by_appearance(column):
    known = list(dict.fromkeys(column))
    return [known.index(value) for value in column]


@given(frame=ratings_frames(min_size=2), data=st.data())
def test_cats_are_the_columns_in_order_of_appearance(frame, data):
    """Seed 0: `data.trn_ds.cats`; a column that is coded already stays as it is."""
    n = len(frame)
    val = data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=n - 1, unique=True))
    model_data = load(frame, val)
    codes = np.stack([by_appearance(frame[name]) for name in CATS], axis=1)
    rest = sorted(set(range(n)) - set(val))
    assert_same_bits(model_data.trn_ds.cats, codes[rest])
    assert_same_bits(model_data.val_ds.cats, codes[val])
    assert model_data.trn_ds.cats.dtype == np.int64
    for part, index in ((model_data.trn_ds, rest), (model_data.val_ds, val)):
        assert_same_bits(part.conts, np.zeros((len(index), 1), np.float32))
        assert_same_bits(part.y, frame["rating"].to_numpy(np.float32)[index, None])
    assert [model_data.vocabs["user"].labels[c] for c in codes[:, 0]] == frame["user"].tolist()
    coded = frame.assign(user=codes[:, 0], item=codes[:, 1])
    assert_same_bits(load(coded, val).trn_ds.cats, coded[CATS].to_numpy()[rest])


@given(frame=ratings_frames(min_size=3), bs=st.integers(1, 9), seed=st.integers(0, 99))
def test_an_epoch_is_the_data_set(frame, bs, seed):
    """trn_dl: bs, shuffled anew; val_dl: twice bs, in order."""
    data = load(frame, [0, 1], bs=bs, rng=np.random.default_rng(seed))
    for loader, dataset, size in (
        (data.trn_dl, data.trn_ds, bs),
        (data.val_dl, data.val_ds, 2 * bs),
    ):
        batches = list(loader)
        assert len(batches) == len(loader)
        assert all(len(batch.y) == size for batch in batches[:-1])
        cats, conts, y = (np.concatenate(parts) for parts in zip(*batches, strict=True))
        assert conts.shape == y.shape == (len(cats), 1)
        got, want = (
            np.concatenate(parts, axis=1) for parts in ((cats, y), (dataset.cats, dataset.y))
        )
        if loader is data.trn_dl:
            got, want = (table[np.lexsort(table.T)] for table in (got, want))
        assert_same_bits(got, want)


def test_training_is_shuffled_anew_and_the_rng_decides():
    frame = pd.DataFrame({"user": range(100), "item": 1, "rating": 1.0})
    first, second = (load(frame, [3], rng=np.random.default_rng(5)).trn_dl for _ in range(2))
    epochs = [np.concatenate([b.cats for b in dl])[:, 0].tolist() for dl in (first, second, first)]
    assert epochs[0] == epochs[1] != epochs[2]


def test_other_columns_are_conts():
    x = pd.DataFrame({"userId": [9, 8, 9], "age": [1, 2, 3], "movieId": [1, 1, 1]})
    data = ColumnarModelData.from_data_frame(None, [1], x, [5, 4, 3], ["userId", "movieId"])
    assert data.trn_ds.conts.tolist() == [[1.0], [3.0]]
    assert data.val_ds.y.tolist() == [[4.0]]


X = pd.DataFrame({"user": [1, 2, 2], "item": [5, 5, 6], "note": ["a", "b", "c"]})
GOOD = {"path": "", "val_idxs": [0], "x": X[CATS], "y": [1.0, 2, 3], "cats": CATS}
BAD = [
    ({"val_idxs": [3]}, IdRangeError, r"val_idxs\[0\]: id 3 is outside \[0, 3\)"),
    ({"x": X}, DataError, "note: has dtype .* not numbers. Name it in cats, or drop it"),
    ({"x": X[CATS].assign(user=[1, None, 2])}, DataError, r"user\[1\]: is missing"),
]


@pytest.mark.parametrize(("change", "error", "message"), BAD)
def test_wrong_arguments_are_refused(change, error, message):
    with pytest.raises(error, match=message):
        ColumnarModelData.from_data_frame(**(GOOD | change))

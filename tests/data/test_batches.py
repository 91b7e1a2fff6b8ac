"""Splits and batches: who is drawn, how often, and that seeds decide."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf.data import Batches, CollabDataLoaders, Ratings


def numbered(n):
    """Ratings whose user row tells which rating it is."""
    return Ratings.from_frame(
        pd.DataFrame({"user": np.arange(n), "item": np.arange(n) % 7, "rating": np.ones(n)})
    )


def drawn(batches):
    return [user - 1 for batch in batches for user in batch.users.tolist()]


def rng(seed=0):
    return np.random.default_rng(seed)


sizes = st.integers(1, 200)


@given(n=sizes, bs=st.integers(1, 70), drop_last=st.booleans())
def test_an_epoch_of_permutation_is_the_data_set(n, bs, drop_last):
    """Every rating once, minus a dropped tail; batches are full but the last."""
    batches = Batches(numbered(n), bs, drop_last=drop_last, rng=rng())
    epoch = list(batches)
    assert len(epoch) == len(batches)
    seen = drawn(epoch)
    assert len(set(seen)) == len(seen) == (n - n % bs if drop_last else n)
    assert all(len(batch.users) == bs for batch in epoch[:-1])
    for batch in epoch:
        assert len(batch.users) == len(batch.items) == len(batch.rating) > 0
        assert ((batch.users - 1) % 7 == batch.items - 1).all()  # rows stay together


@given(n=st.integers(60, 200), seed=st.integers(0, 2**32 - 1))
def test_each_epoch_is_shuffled_anew(n, seed):
    batches = Batches(numbered(n), 16, rng=rng(seed))
    first, second = drawn(batches), drawn(batches)
    assert sorted(first) == sorted(second)
    assert first != second
    assert first != sorted(first)


@pytest.mark.parametrize("sampling", ["permutation", "replacement"])
@given(n=sizes, seed=st.integers(0, 2**32 - 1))
def test_the_seed_decides(sampling, n, seed):
    first, second = (drawn(Batches(numbered(n), 8, sampling, rng=rng(seed))) for _ in range(2))
    assert first == second


def test_an_epoch_with_replacement_misses_37_percent():
    """n draws of n: each is missed with probability (1 - 1/n)**n, about 1/e."""
    n = 20_000
    seen = drawn(Batches(numbered(n), 64, "replacement", rng=rng()))
    assert len(seen) == n
    share = len(set(seen)) / n
    # the number of distinct draws has a standard deviation below sqrt(n) / 3
    assert abs(share - (1 - np.exp(-1))) < 5 / 3 / np.sqrt(n)


def test_loaders_split_label_and_batch():
    dls = CollabDataLoaders.from_ratings(numbered(50), bs=8, rng=rng())
    assert (len(dls.train.ratings), len(dls.valid)) == (40, 10)
    assert set(dls.classes) == {"user", "item"}
    assert len(dls.classes["user"]) == dls.n_users == 51
    assert len(dls.classes["item"]) == dls.n_items == 8
    assert len(dls.first_batch().rating) == 8

"""Splits: fastai's, and every other: each rating once, nothing leaks, the seed decides."""

import dataclasses
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from npcf.data import Ratings, splits
from npcf.data.splits import (
    by_time,
    by_user,
    k_fold,
    leave_one_out,
    split_indices,
    torch_randperm,
)
from npcf.errors import DataError, SettingError, UsageError


@st.composite
def rated(draw, min_size=1):
    """Few users and few moments, so that users repeat and timestamps tie."""
    n = draw(st.integers(min_size, 25))
    users = [draw(st.integers(1, 5)) for _ in range(n)]
    frame = pd.DataFrame({"user": users, "item": range(n), "rating": 3.0})
    ratings = Ratings.from_frame(frame)
    moments = np.array([draw(st.integers(0, 6)) for _ in range(n)], np.int64)
    return ratings, moments


def timed(ratings, moments):
    return dataclasses.replace(ratings, timestamps=moments)


def assert_partition(split, n):
    train, valid = split
    assert sorted([*train, *valid]) == list(range(n))
    assert list(train) == sorted(train)
    assert list(valid) == sorted(valid)
    assert len(valid) > 0
    assert len(train) > 0


def rng(seed=0):
    return np.random.default_rng(seed)


@given(case=rated(min_size=2), data=st.data(), seed=st.integers(0, 9))
def test_folds_validate_every_rating_once_in_parts_of_equal_size(case, data, seed):
    ratings, _ = case
    n = len(ratings)
    n_splits = data.draw(st.integers(2, n))
    splits = list(k_fold(ratings, n_splits, rng(seed)))
    assert len(splits) == n_splits
    for split in splits:
        assert_partition(split, n)
    assert sorted(i for _, valid in splits for i in valid) == list(range(n))
    sizes = [len(valid) for _, valid in splits]
    assert sizes == [n // n_splits + (part < n % n_splits) for part in range(n_splits)]
    again = k_fold(ratings, n_splits, rng(seed))
    assert all((a[1] == b[1]).all() for a, b in zip(splits, again, strict=True))


@given(case=rated(), seed=st.integers(0, 9))
def test_leave_one_out_takes_one_of_each_user_who_has_two(case, seed):
    ratings, _ = case
    count = np.bincount(ratings.users)
    assume((count > 1).any())
    train, valid = leave_one_out(ratings, rng(seed))
    assert_partition((train, valid), len(ratings))
    assert sorted(ratings.users[valid]) == np.flatnonzero(count > 1).tolist()
    assert set(ratings.users[train]) == set(ratings.users)
    assert (leave_one_out(ratings, rng(seed))[1] == valid).all()


def test_every_rating_of_a_user_may_be_the_one_left_out():
    """Each of 4 has probability 1/4; one is missed by 200 draws with less than 4 (3/4)**200."""
    frame = pd.DataFrame({"user": 1, "item": range(4), "rating": 3.0})
    ratings = Ratings.from_frame(frame)
    assert {int(leave_one_out(ratings, rng(seed))[1][0]) for seed in range(200)} == {0, 1, 2, 3}


@given(case=rated(min_size=2), pct=st.floats(0.05, 0.95))
def test_no_training_rating_is_as_late_as_a_validation_rating(case, pct):
    """And validation is as large as that and int(pct * n) allow."""
    ratings, moments = case
    n, n_valid = len(ratings), int(pct * len(ratings))
    assume(0 < n_valid)
    latest = np.sort(moments)[::-1]
    allowed = [size for size in range(1, n_valid + 1) if latest[size - 1] > latest[size]]
    if not allowed:
        with pytest.raises(DataError, match="are of one moment"):
            by_time(timed(ratings, moments), pct)
        return
    train, valid = by_time(timed(ratings, moments), pct)
    assert_partition((train, valid), n)
    assert moments[train].max() < moments[valid].min()
    assert len(valid) == max(allowed)


@given(case=rated(), pct=st.floats(0.05, 0.95), seed=st.integers(0, 9))
def test_no_user_is_on_both_sides(case, pct, seed):
    ratings, _ = case
    users = len(set(ratings.users))
    assume(int(pct * users) > 0)
    train, valid = by_user(ratings, pct, rng(seed))
    assert_partition((train, valid), len(ratings))
    assert not set(ratings.users[train]) & set(ratings.users[valid])
    assert len(set(ratings.users[valid])) == int(pct * users)
    assert (by_user(ratings, pct, rng(seed))[1] == valid).all()


MANY = Ratings.from_frame(
    pd.DataFrame({"user": np.arange(400) % 40, "item": np.arange(400), "rating": 3.0})
)


@pytest.mark.parametrize(
    "valid_of",
    [
        lambda rng: next(k_fold(MANY, 4, rng))[1],
        lambda rng: leave_one_out(MANY, rng)[1],
        lambda rng: by_user(MANY, 0.5, rng)[1],
    ],
)
def test_another_seed_splits_otherwise(valid_of):
    assert valid_of(rng(0)).tolist() != valid_of(rng(1)).tolist()
    generator = rng(0)
    assert valid_of(generator).tolist() != valid_of(generator).tolist()


ONE = MANY.take(np.array([0]))
LATER = timed(MANY, np.zeros(400, np.int64))
BAD = [
    (lambda: k_fold(MANY, 2, 0), UsageError, "rng: is no numpy.random.Generator: 0"),
    (lambda: leave_one_out(MANY, None), UsageError, "rng: is no numpy.random.Generator: None"),
    (lambda: k_fold(MANY, 1, rng()), SettingError, "n_splits: must be a whole number >= 2"),
    (lambda: by_time(LATER, 1), SettingError, "valid_pct: must be a finite number in"),
    (lambda: by_user(MANY, 0.01, rng()), DataError, "valid_pct: 0.01 of 40 users are 0"),
    (lambda: by_user(MANY, np.nan, rng()), SettingError, "valid_pct: must be a finite number"),
]


@pytest.mark.parametrize(("split", "error", "message"), BAD)
def test_splits_that_cannot_be_are_refused(split, error, message):
    with pytest.raises(error, match=message):
        split()


# ---- torch's permutation and fastai's split ------------------------------------------------------

# numbers of torch.randperm after torch.manual_seed, recorded once; compare/ asks torch itself
TORCH_RANDPERM = {(10, 42): [2, 6, 1, 8, 4, 5, 0, 9, 3, 7], (5, 0): [4, 0, 1, 3, 2]}


@given(n=st.integers(1, 200), seed=st.integers(0, 2**32 - 1))
def test_randperm_is_a_permutation(n, seed):
    assert sorted(torch_randperm(n, seed).tolist()) == list(range(n))


@given(n=st.integers(0, 3000), seed=st.integers(0, 2**32 - 1), few=st.sampled_from([1, 2, 50]))
def test_randperm_swaps_as_if_one_after_the_other(n, seed, few):
    """Many swaps at once are those of the plain loop, where they meet places again too."""
    draws = np.random.RandomState(seed).randint(0, 2**32, max(n - 1, 0), dtype=np.uint32)  # noqa: NPY002
    want = list(range(n))
    for i, draw in enumerate(draws.tolist()):
        j = i + draw % (n - i)
        want[i], want[j] = want[j], want[i]
    with mock.patch.object(splits, "FEW", few):
        assert torch_randperm(n, seed).tolist() == want


@pytest.mark.parametrize(("case", "want"), TORCH_RANDPERM.items())
def test_randperm_is_torchs(case, want):
    assert torch_randperm(*case).tolist() == want


@given(n=st.integers(1, 200), pct=st.sampled_from([0.0, 0.2, 0.5, 0.99]), seed=st.integers(0, 1000))
def test_split_parts_the_ratings(n, pct, seed):
    train, valid = split_indices(n, pct, seed)
    assert sorted([*train.tolist(), *valid.tolist()]) == list(range(n))
    assert len(valid) == int(pct * n)

"""Planted ratings: long-tailed, without repeats, and drawn from the truth they come with."""

import tracemalloc
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf.data import planted
from npcf.data import synthetic as pairs
from npcf.errors import SettingError
from npcf.models import dot_product_bias_forward
from npcf.verify import assert_same_bits, assert_within, bounds

EVERYTHING = np.arange(20_000)


@given(
    users=st.integers(1, 30), items=st.integers(1, 20), share=st.floats(0, 1),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_everybody_occurs_and_no_pair_twice(users, items, share, seed):
    low, high = users + items, users * items
    if low > high:
        with pytest.raises(SettingError, match="n_ratings"):
            planted(users, items, low, seed=seed)
        return
    n = low + int(share * (high - low))
    ratings = planted(users, items, n, seed=seed).ratings
    assert len(ratings) == n
    assert ratings.n_duplicates == 0
    assert (ratings.n_users, ratings.n_items) == (users + 1, items + 1)
    assert set(ratings.rating.tolist()) <= {1, 2, 3, 4, 5}
    assert len(set(ratings.titles)) == items + 1


def test_expected_ratings_are_the_model_on_the_truth():
    p = planted()
    problem = (p.params, p.ratings.users, p.ratings.items, (0, 5.5))
    pred, _ = dot_product_bias_forward(*problem)
    assert_within(pred, p.expected, 2 * bounds.dot_product_bias(*problem))
    assert not any(table[0].any() for table in p.params.values())


def test_without_noise_only_rounding_and_clipping_stand_between():
    p = planted(noise=0.0)
    assert_same_bits(p.ratings.rating, np.clip(np.round(p.expected), 1, 5).astype(np.float32))
    # the noise floor: rounding to whole stars is uniform in [-1/2, 1/2], variance 1/12, clipped
    assert p.truth_rmse(EVERYTHING) < 1.1 * np.sqrt(1 / 12)
    assert planted(noise=0.6).truth_rmse(EVERYTHING) > 0.6


def test_popularity_is_long_tailed():
    counts = np.sort(np.bincount(planted().ratings.items)[1:])
    assert counts[-30:].sum() > 4 * counts[:30].sum() * 0.8
    assert counts[-1] > 4 * np.median(counts)


def test_the_seed_decides():
    first, second, other = planted(seed=3), planted(seed=3), planted(seed=4)
    assert_same_bits(first.ratings.pairs, second.ratings.pairs)
    assert_same_bits(first.ratings.rating, second.ratings.rating)
    assert first.ratings.titles == second.ratings.titles
    assert (first.ratings.pairs != other.ratings.pairs).any()


@given(
    users=st.integers(1, 30), items=st.integers(1, 20), n=st.integers(60, 600),
    repeats=st.integers(0, 60), seed=st.integers(0, 99), large=st.booleans(),
)  # fmt: skip
def test_sizes_and_repeats_are_as_asked(users, items, n, repeats, seed, large):
    """Either way of drawing: n different pairs, some of them once more, everybody there."""
    n = max(users + items, min(n, users * items // (2 if large else 1)))
    if n > users * items // (2 if large else 1):
        return
    with mock.patch.object(pairs, "TABLE", 0 if large else pairs.TABLE):
        ratings = planted(users, items, n, seed=seed, duplicates=min(repeats, n)).ratings
    assert len(ratings) == n + min(repeats, n)
    assert ratings.n_duplicates == min(repeats, n)
    assert set(ratings.users.tolist()) == set(range(1, users + 1))
    assert set(ratings.items.tolist()) == set(range(1, items + 1))
    assert np.unique(ratings.pairs, axis=0, return_counts=True)[1].max() <= 2


def test_density_is_the_share_of_pairs():
    ratings = planted(50, 40, density=0.25).ratings
    assert (len(ratings), ratings.n_duplicates) == (500, 0)


def test_repeats_have_noise_of_their_own():
    p = planted(50, 40, 500, noise=2.0, duplicates=500)
    order = np.lexsort(p.ratings.pairs.T)
    first, second = order[::2], order[1::2]
    assert_same_bits(p.ratings.pairs[first], p.ratings.pairs[second])
    assert_same_bits(p.expected[first], p.expected[second])
    assert (p.ratings.rating[first] != p.ratings.rating[second]).mean() > 0.3


def test_both_ways_of_drawing_have_one_law(monkeypatch):
    """The share of the 20 most rated of 200 items, way against way: about 36 %, 10 % if uniform.

    The ways differ in the cells that make everybody occur: at most U + I of the n ratings.
    """
    shares = {}
    for table in (pairs.TABLE, 0):
        monkeypatch.setattr(pairs, "TABLE", table)
        draws = [pairs.draw_pairs(300, 200, 6_000, np.random.default_rng(s)) for s in range(20)]
        counts = [np.sort(np.bincount(items)[1:]) for _, items in draws]
        shares[table] = np.array([count[-20:].sum() / 6_000 for count in counts])
    few, many = shares.values()
    deviation = np.sqrt((few.var() + many.var()) / 20)
    assert abs(few.mean() - many.mean()) <= 500 / 6_000 + 5 * deviation


@pytest.mark.slow("a large table")
def test_a_large_table_is_never_made():
    """100,000 x 50,000 cells would be 40 GB of keys."""
    tracemalloc.start()
    ratings = planted(100_000, 50_000, 200_000, n_factors=2).ratings
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (len(ratings), ratings.n_duplicates) == (200_000, 0)
    assert (ratings.n_users, ratings.n_items) == (100_001, 50_001)
    assert peak < 200e6


BAD = [
    (dict(density=1.5), r"density: must be a finite number in \[0, 1\]"),
    (dict(density=0.0001), "density: must lie in"),
    (dict(n_ratings=2.5), "n_ratings: must be a whole number"),
    (dict(duplicates=-1), "duplicates: must be a whole number >= 0"),
]


@pytest.mark.parametrize(("options", "message"), BAD)
def test_sizes_that_cannot_be_are_refused(options, message):
    with pytest.raises(SettingError, match=message):
        planted(**options)

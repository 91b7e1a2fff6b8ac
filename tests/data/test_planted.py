"""Planted ratings: long-tailed, without repeats, and drawn from the truth they come with."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf.data import planted
from npcf.errors import SettingError
from npcf.models import dot_product_bias_forward
from npcf.verify import assert_same_bits

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
    pred, _ = dot_product_bias_forward(p.params, p.ratings.users, p.ratings.items, y_range=(0, 5.5))
    assert np.abs(pred - p.expected).max() < 20 * 2.0**-53 * 5.5  # one sigmoid each
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

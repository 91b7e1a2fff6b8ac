"""Rankings: by prediction, then by row; never the seen, never `#na#`, whatever the chunk."""

import sys
import time
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf.analysis import Predictor, recommend, recommend_all, top_items_by_count
from npcf.data import Ratings, planted
from npcf.errors import SettingError
from npcf.models import DotProductBiasCP, DotProductBiasEmb
from tests.analysis.asked import predictors


def brute_force(predictor, user, n, ratings=None):
    """Sort all items by (-prediction, row): the definition."""
    items = list(predictor.item_vocab.ids)
    prediction = predictor.predict([user] * len(items), items)
    seen = set()
    if ratings is not None:
        seen = set(ratings.items[ratings.users == ratings.user_vocab.rows([user])[0]].tolist())
    first = predictor.item_vocab.first_row
    rows = [row for row in range(first, first + len(items)) if row not in seen]
    rows.sort(key=lambda row: (-prediction[row - first], row))
    return rows[:n], [prediction[row - first] for row in rows[:n]]


@given(asked=predictors(), n=st.integers(1, 7), exclude=st.booleans())
def test_recommendations_are_the_sorted_predictions(asked, n, exclude):
    predictor, ratings = asked
    for user in predictor.user_vocab.ids:
        found = recommend(predictor, user, n, ratings if exclude else None)
        rows, prediction = brute_force(predictor, user, n, ratings if exclude else None)
        assert list(found.columns) == ["row", "item", "title", "prediction"]
        assert found["row"].tolist() == rows
        assert found["prediction"].tolist() == prediction
        assert found["item"].tolist() == [predictor.item_vocab.labels[row] for row in rows]
        assert found["title"].tolist() == [predictor.titles[row] for row in rows]


@given(asked=predictors(), n=st.integers(1, 4), pairs=st.integers(1, 20))
def test_all_users_at_once_get_what_each_gets_alone(asked, n, pairs):
    """The number of pairs held at once changes no bit; users come in the order asked."""
    predictor, ratings = asked
    users = [*predictor.user_vocab.ids[::-1], predictor.user_vocab.ids[0]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules[recommend_all.__module__], "PAIRS_AT_ONCE", pairs)
        everybody = recommend_all(predictor, users, n, ratings)
    alone = [recommend(predictor, user, n, ratings) for user in users]
    want = pd.concat(alone, ignore_index=True)
    for column in want.columns:
        assert everybody[column].tolist() == want[column].tolist()
    assert everybody["user"].tolist() == [
        u for u, a in zip(users, alone, strict=True) for _ in a["row"]
    ]
    assert everybody["rank"].tolist() == [r + 1 for a in alone for r in range(len(a))]


@given(asked=predictors())
def test_seen_ratings_are_understood_by_id_and_not_by_row(asked):
    """Ratings with vocabularies of their own name other rows for the same ids."""
    predictor, ratings = asked
    frame = pd.DataFrame(
        {
            "user": [ratings.user_vocab.labels[row] for row in ratings.users] + [1],
            "item": [ratings.item_vocab.labels[row] for row in ratings.items] + ["a stranger"],
            "rating": 3.0,
        }
    )
    other = Ratings.from_frame(frame)
    assert other.users.tolist()[:-1] != ratings.users.tolist()
    got, want = (recommend_all(predictor, None, 3, seen) for seen in (other, ratings))
    pd.testing.assert_frame_equal(got, want, check_exact=True)


def test_ties_go_to_the_smaller_row_and_everything_seen_leaves_nothing():
    data = planted(10, 50, 300)
    model = DotProductBiasCP(11, 51, 2, rng=np.random.default_rng(0))
    for table in model.params.values():
        table[:] = 0
    predictor = Predictor.of(model, data.ratings)
    assert recommend(predictor, 3, 7)["row"].tolist() == [1, 2, 3, 4, 5, 6, 7]
    frame = pd.DataFrame({"user": 3, "item": range(1, 51), "rating": 3.0})
    assert len(recommend(predictor, 3, 7, Ratings.from_frame(frame))) == 0
    assert recommend_all(predictor, [], 3).columns.tolist() == [
        "user", "rank", "row", "item", "title", "prediction",
    ]  # fmt: skip


@given(items=st.lists(st.integers(1, 6), min_size=1, max_size=20), n=st.integers(1, 7))
def test_top_by_count_is_unique_and_stable(items, n):
    ratings = Ratings.from_frame(pd.DataFrame({"user": 1, "item": items, "rating": 3.0}))
    for ascending in (False, True):
        found = top_items_by_count(ratings, n, ascending=ascending)
        sign = 1 if ascending else -1
        want = sorted(set(items), key=lambda item: (sign * items.count(item), item))[:n]
        assert [int(title) for title in found["title"]] == want
        assert found["ratings"].tolist() == [items.count(item) for item in want]


@pytest.fixture(scope="module")
def hundred_thousand():
    ratings = planted(943, 1682, 100_000).ratings
    model = DotProductBiasEmb(944, 1683, 50, rng=np.random.default_rng(0))
    return Predictor.of(model, ratings), ratings


def test_all_users_of_ml_100k_in_two_seconds(hundred_thousand):
    predictor, ratings = hundred_thousand
    start = time.process_time()
    found = recommend_all(predictor, seen=ratings)
    seconds = time.process_time() - start
    assert seconds < 2
    assert len(found) == 9430
    seen = set(map(tuple, ratings.pairs.tolist()))
    assert not seen & set(zip(found["user"], found["row"], strict=True))


def test_all_users_of_ml_100k_without_their_table(hundred_thousand):
    """The table of all users and items alone would take 6 MB, 50 factors of all pairs 300 MB."""
    predictor, ratings = hundred_thousand
    tracemalloc.start()
    recommend_all(predictor, seen=ratings)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50 * 2**20


SMALL = planted(4, 5, 12).ratings
ASKED = Predictor.of(DotProductBiasCP(5, 6, 2, rng=np.random.default_rng(0)), SMALL)
NAN = Predictor.of(DotProductBiasCP(5, 6, 2, rng=np.random.default_rng(0)), SMALL)
NAN.model.params["item_bias"][3] = np.nan
BAD = [
    (lambda: top_items_by_count(SMALL, 0), SettingError, "n: must be a whole number >= 1"),
]


@pytest.mark.parametrize(("ask", "error", "message"), BAD)
def test_questions_that_have_no_answer_are_refused(ask, error, message):
    with pytest.raises(error, match=message):
        ask()

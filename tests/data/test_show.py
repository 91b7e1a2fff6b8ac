"""What is said of ratings is what counting them by hand says."""

import json
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from npcf.data import Ratings, describe, planted
from npcf.errors import DataError
from npcf.verify.strategies import ratings_frames


@given(frame=ratings_frames())
def test_the_facts_are_those_of_the_frame(frame):
    facts = describe(Ratings.from_frame(frame))
    users, items = Counter(frame["user"]), Counter(frame["item"])
    assert facts["ratings"] == len(frame)
    assert (facts["users"], facts["items"]) == (len(users), len(items))
    assert facts["density"] == len(frame) / (len(users) * len(items))
    assert (facts["lowest"], facts["highest"]) == (frame["rating"].min(), frame["rating"].max())
    assert facts["mean"] == sum(frame["rating"]) / len(frame)  # half stars: every sum is exact
    assert facts["repeated_pairs"] == frame.duplicated(["user", "item"]).sum()
    assert facts["users_with_one_rating"] == list(users.values()).count(1)
    assert facts["items_with_one_rating"] == list(items.values()).count(1)
    assert facts["most_ratings_of_a_user"] == max(users.values())
    assert facts["bytes"] == 12 * len(frame)
    assert json.loads(json.dumps(facts)) == facts


def frame(user, item, rating=3.0):
    return pd.DataFrame({"user": user, "item": item, "rating": rating})


ODD = [
    (frame([1, 1, 2, 2], [5, 5, 6, 6], [1, 2, 3, 4]), "2 ratings repeat a"),
    (frame([1, 2], [5, 6]), "all ratings are the same"),
    (frame([1, 1], [5, 6]), "there is one user only"),
    (frame([1, 2], [5, 5]), "there is one item only"),
    (frame([1, 2, 3], [5, 5, 6]), "3 of 3 users have one rating only"),
    (frame([1, 1, 2], [5, 6, 7]), "3 of 3 items have one rating only"),
    (frame([1, 1, 1, 2], [5, 6, 7, 5]), "one user gives more than half"),
    (frame([1, 2, 3, 4], [5, 5, 5, 6]), "one item has more than half"),
    (frame([1, 2], [5, 6], [-1, 1]), "below 0"),
    (frame([1, 2], [5, 6], [1, 10]), "above 5"),
    (frame(range(20), range(20)), "are the columns right"),
]


@pytest.mark.parametrize(("odd", "sentence"), ODD)
def test_what_is_odd_is_said(odd, sentence):
    assert any(sentence in said for said in describe(Ratings.from_frame(odd))["odd"])


def test_nothing_is_odd_about_planted_ratings():
    assert describe(planted().ratings)["odd"] == []


def test_times_are_shown_where_they_are_known():
    known = frame([1, 2], [5, 6]).assign(when=[0, 86400])
    ratings = Ratings.from_frame(known, timestamp="when")
    assert describe(ratings)["first"] == "1970-01-01T00:00:00"
    assert describe(ratings)["last"] == "1970-01-02T00:00:00"
    with pytest.raises(DataError, match="when: has dtype float64, not whole numbers"):
        Ratings.from_frame(known.assign(when=0.5), timestamp="when")


def test_no_ratings_have_no_facts():
    nothing = planted().ratings.take(np.zeros(0, np.int64))
    with pytest.raises(DataError, match="has no rows"):
        describe(nothing)
    with pytest.raises(DataError, match="have no mean"):
        _ = nothing.mean_rating

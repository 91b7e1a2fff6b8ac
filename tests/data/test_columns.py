"""Columns by name: aliases, explicit names, and what is ambiguous."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf.data import Ratings, find_columns
from npcf.data.columns import ALIASES
from npcf.errors import DataError

USUAL = [names[0] for names in ALIASES.values()]
ONE_OTHER = [
    (*USUAL[:i], name, *USUAL[i + 1 :])
    for i, names in enumerate(ALIASES.values())
    for name in names
]


@pytest.mark.parametrize("names", dict.fromkeys(ONE_OTHER))
def test_every_alias_is_found_wherever_it_stands(names):
    user, item, rating = names
    frame = pd.DataFrame({"timestamp": [9], rating: [3.0], item: [7], "title": ["x"], user: [5]})
    assert find_columns(frame) == names
    ratings = Ratings.from_frame(frame)
    assert ratings.columns == names
    assert (ratings.user_vocab.labels, ratings.item_vocab.labels) == (["#na#", 5], ["#na#", 7])


@given(data=st.data())
def test_an_explicit_name_wins_over_aliases(data):
    """Whatever else the frame holds, also further aliases of the same meaning."""
    wanted = ("a", "b", "c")
    others = [name for names in ALIASES.values() for name in names]
    names = data.draw(st.permutations([*wanted, *data.draw(st.sets(st.sampled_from(others)))]))
    assert find_columns(names, *wanted) == wanted


BAD = [
    (["user", "userId", "item", "rating"], {}, "2 columns that could be the user: 'user', 'userId'"
                                               ".*Say which: user='user'"),
    (["user", "movie", "movieId", "item_id", "rating"], {}, "3 columns that could be the item: "
                                                            "'movie', 'item_id', 'movieId'"),
    (["user", "item", "rating", "stars"], {}, "could be the rating: 'rating', 'stars'"),
    ([], {}, "has no column 'user'"),
]  # fmt: skip


@pytest.mark.parametrize(("names", "given", "message"), BAD)
def test_missing_and_ambiguous_columns_are_refused_naming_them(names, given, message):
    with pytest.raises(DataError, match=message):
        find_columns(names, **given)

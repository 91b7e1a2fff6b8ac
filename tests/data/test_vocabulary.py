"""Both layouts of the sources: sorted behind `#na#`, and order of appearance from row 0."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf.data import Ratings, Vocabulary
from npcf.errors import SettingError, UnknownIdError, UsageError

some_ids = st.one_of(
    st.lists(st.integers(-3, 3), min_size=1, max_size=12),
    st.lists(st.integers(2**53, 2**53 + 3), min_size=1, max_size=12),
    st.lists(st.sampled_from(["7", "007", "NA", "", "é"]), min_size=1, max_size=12),
)
layouts = {"order": st.sampled_from(["sorted", "appearance"]), "na_row": st.booleans()}


@given(ids=some_ids, **layouts)
def test_rows_and_labels_are_inverse(ids, order, na_row):
    vocab = Vocabulary(ids, order, na_row)
    assert [vocab.labels[row] for row in vocab.rows(ids)] == ids
    assert len(vocab) == len(vocab.labels) == len(set(ids)) + na_row
    assert vocab.rows(ids).dtype == np.int32
    assert set(vocab.rows(ids).tolist()) == set(range(vocab.first_row, len(vocab)))


@given(ids=some_ids)
def test_the_two_layouts_of_the_sources(ids):
    """fastai sorts behind `#na#`; 0.7 counts different ids as they come."""
    assert Vocabulary(ids).labels == ["#na#", *sorted(set(ids))]
    assert Vocabulary(ids, order="appearance", na_row=False).labels == list(dict.fromkeys(ids))


@given(ids=some_ids, **layouts)
def test_frames_take_either_layout(ids, order, na_row):
    frame = pd.DataFrame({"user": ids, "item": ids[::-1], "rating": 1.0, "name": ids[::-1]})
    ratings = Ratings.from_frame(frame, title="name", order=order, na_row=na_row)
    assert [ratings.user_vocab.labels[row] for row in ratings.users] == ids
    assert [ratings.titles[row] for row in ratings.items] == [str(i) for i in ids[::-1]]
    assert (ratings.n_users, ratings.n_items) == (len(set(ids)) + na_row,) * 2
    assert len(ratings.titles) == ratings.n_items


def test_unknown_ids_are_nobody_only_where_there_is_a_row_for_nobody():
    assert Vocabulary([5, 7]).rows([7, 6, 5], unknown="na").tolist() == [2, 0, 1]
    with pytest.raises(UsageError, match="there is no row #na#"):
        Vocabulary([5], na_row=False).rows([6], unknown="na")
    with pytest.raises(UnknownIdError, match=r"ids\[0\]: 5 is not among the 0 known ids"):
        Vocabulary([]).rows([5])
    with pytest.raises(SettingError, match="Choose one of sorted, appearance"):
        Vocabulary([5], order="random")

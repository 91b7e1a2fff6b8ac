"""Ratings from frames: ids to rows and back, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf.data import Ratings, Vocabulary
from npcf.errors import DataError, UnknownIdError
from tests.data.reading import triples


@st.composite
def frames(draw):
    """Few ids, so that users, items and pairs repeat; integer or string ids."""
    n = draw(st.integers(1, 20))
    kind = draw(st.sampled_from([int, str]))
    users = [kind(draw(st.integers(100, 104))) for _ in range(n)]
    items = [kind(draw(st.integers(7, 12))) for _ in range(n)]
    rating = [draw(st.integers(1, 10)) / 2 for _ in range(n)]
    return pd.DataFrame({"user": users, "item": items, "rating": rating})


@given(frame=frames())
def test_rows_lead_back_to_ids(frame):
    ratings = Ratings.from_frame(frame)
    assert triples(ratings) == list(frame.itertuples(index=False, name=None))
    assert len(ratings) == len(frame)


@given(frame=frames())
def test_row_zero_is_nobody_and_the_rest_is_sorted(frame):
    ratings = Ratings.from_frame(frame)
    assert ratings.user_vocab.labels == ["#na#", *sorted(set(frame["user"]))]
    assert ratings.n_users == frame["user"].nunique() + 1
    assert ratings.n_items == frame["item"].nunique() + 1
    assert ratings.users.min() >= 1
    assert ratings.items.min() >= 1


@given(frame=frames())
def test_repeated_pairs_are_kept_and_counted(frame):
    ratings = Ratings.from_frame(frame)
    assert ratings.n_duplicates == int(frame.duplicated(["user", "item"]).sum())


@given(frame=frames(), data=st.data())
def test_take_keeps_the_vocabularies(frame, data):
    ratings = Ratings.from_frame(frame)
    index = np.array(data.draw(st.lists(st.integers(0, len(frame) - 1))), np.intp)
    part = ratings.take(index)
    assert part.pairs.tolist() == ratings.pairs[index].tolist()
    assert part.user_vocab is ratings.user_vocab
    assert part.n_items == ratings.n_items


def test_a_rating_takes_twelve_bytes():
    ratings = Ratings.from_frame(pd.DataFrame({"user": [1, 2], "item": [1, 1], "rating": [3, 4]}))
    assert [c.nbytes for c in (ratings.users, ratings.items, ratings.rating)] == [8, 8, 8]


def test_titles_label_items():
    frame = pd.DataFrame(
        {"u": [1, 1, 2], "m": [9, 4, 9], "r": [1.0, 2, 3], "name": ["Nine", "Four", "Nine"]}
    )
    ratings = Ratings.from_frame(frame, "u", "m", "r", title="name")
    assert ratings.titles == ["#na#", "Four", "Nine"]
    assert ratings.columns == ("u", "m", "r")
    for title in (None, "m"):
        assert Ratings.from_frame(frame, "u", "m", "r", title).titles == ["#na#", "4", "9"]


GOOD = {"user": [1, 2, 3], "item": [1, 1, 2], "rating": [3.0, 4.0, 5.0]}
BAD = [
    ({"rating": [3.0, np.nan, 5.0]}, r"rating\[1\]: is missing .* first at index 'b'"),
    ({"item": [1, 2, None]}, r"item\[2\]: is missing"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_frames_that_cannot_be_used_are_refused_naming_the_place(change, message):
    columns = {k: v for k, v in (GOOD | change).items() if v is not None}
    frame = pd.DataFrame({k: list(v) if k != "user" else v for k, v in columns.items()})
    frame.index = pd.Index(["a", "b", "c"])
    with pytest.raises(DataError, match=message):
        Ratings.from_frame(frame)


def test_an_unknown_id_is_named_and_its_type_minded():
    vocab = Vocabulary([196, 7])
    assert vocab.rows([7, 196, 7]).tolist() == [1, 2, 1]
    with pytest.raises(UnknownIdError) as raised:
        vocab.rows([7, "196"])
    assert (raised.value.position, raised.value.value) == (1, "196")
    assert "'196' is not among the 2 known ids" in str(raised.value)
    assert "type int" in str(raised.value)

"""The stage "data": what is right passes, each mistake is named and no other."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npcf.crosscheck.data_stage import (
    frame_facts,
    labels_of,
    learner_facts,
    rating_facts,
    row_facts,
    size_facts,
    split_facts,
    time_facts,
    vocabulary_facts,
)
from npcf.data import Vocabulary

IDS = np.array([3, 10, 7, 3, 200, 10])
ITEMS = np.array(["a", "c", "b", "a", "c", "c"])
RATING = np.array([1, 2.5, 3, 4, 5, 0.1])


def names(facts):
    assert all(fact.stage == "data" and fact.sentence and fact.cure for fact in facts)
    return [fact.name for fact in facts]


def batch():
    users, items = Vocabulary(IDS), Vocabulary(ITEMS)
    rows = users.rows(IDS), items.rows(ITEMS), RATING.astype(np.float32)
    return rows, (IDS, ITEMS, RATING), (users, items)


@settings(max_examples=25)
@given(st.integers(1, 9), st.integers(1, 9), st.data())
def test_rows_inside_their_tables_are_right(n_users, n_items, data):
    users = data.draw(st.lists(st.integers(0, n_users - 1), max_size=5))
    items = data.draw(st.lists(st.integers(0, n_items - 1), max_size=5))
    assert row_facts(np.array(users, int), np.array(items, int), n_users, n_items) == []


@pytest.mark.parametrize(
    ("users", "items", "name"),
    [
        ([0, 1], [6, 2], None),
        ([6, 2], [0, 1], "swapped-columns"),
        ([1, 4, 2], [0, 1, 2], "ids-from-1"),
        ([0, 1, 2], [1, 7, 3], "ids-from-1"),
        ([0, -1], [0, 1], "ids-beyond-table"),
        ([0, 900], [0, 1], "ids-beyond-table"),
    ],
)
def test_rows_outside_are_told_apart(users, items, name):
    found = row_facts(users, items, 4, 7)
    assert names(found) == ([name] if name else [])
    assert all(fact.wrong for fact in found)


def test_square_tables_are_never_called_swapped():
    assert names(row_facts([9, 2], [0, 1], 5, 5)) == ["ids-beyond-table"]


@pytest.mark.parametrize(
    ("rating", "y_range", "name", "wrong"),
    [
        ([0.5, 5.0], (0.5, 5.0), None, None),
        ([0.5, 50.0], None, None, None),
        ([0.5, np.nan], None, "rating-missing", True),
        ([0.5, -np.inf], (0, 5.5), "rating-missing", True),
        ([0.5, 6.0], (0, 5.5), "rating-outside-y-range", False),
        ([0.5, 1.0], (1, 5), "rating-outside-y-range", False),
    ],
)
def test_ratings(rating, y_range, name, wrong):
    found = rating_facts(rating, y_range)
    assert names(found) == ([name] if name else [])
    assert [fact.wrong for fact in found] == ([wrong] if name else [])


@pytest.mark.parametrize(
    ("given", "name"),
    [((4, 7), []), ((None, None), []), ((7, 4), ["sizes-swapped"]), ((5, 7), ["n_users"]),
     ((None, 8), ["n_items"]), ((5, 8), ["n_users", "n_items"])],
)  # fmt: skip
def test_sizes(given, name):
    assert names(size_facts(given, (4, 7))) == name


def test_vocabulary_of_npcf_and_of_a_list():
    vocabulary = Vocabulary([3, 10, 200])
    assert labels_of(vocabulary) == ["#na#", 3, 10, 200]
    assert vocabulary_facts(vocabulary, 4) == []
    assert vocabulary_facts([3, 10, 200], 3) == []


@pytest.mark.parametrize(
    ("labels", "n_rows", "name", "wrong"),
    [
        (["#na#", 3, 10], 2, "vocabulary-size", True),
        ([3, 10], 1, "vocabulary-size", True),
        (["#na#", 3, 10], 5, "rows-of-nobody", False),
        ([3, 10, 3], 3, "id-twice", True),
        (["#na#", "1", "10", "2"], 4, "sorted-as-text", False),
    ],
)
def test_vocabularies_that_are_not_right(labels, n_rows, name, wrong):
    found = vocabulary_facts(labels, n_rows)
    assert names(found) == [name]
    assert found[0].wrong == wrong


def test_the_row_of_na_is_named_where_it_is_what_is_missing():
    assert "#na#" in vocabulary_facts(["#na#", 3, 10], 2)[0].sentence
    assert "#na#" not in vocabulary_facts(["#na#", 3, 10], 1)[0].sentence


@pytest.mark.parametrize(
    "labels", [["1", "2", "3"], ["10", "9", "1"], ["1", "10", "x"], [1, 10, 2]]
)
def test_other_orders_are_not_that_of_text(labels):
    assert vocabulary_facts(labels, 3) == []


def test_a_learners_vocabularies_are_looked_at():
    def learner(**classes):
        return SimpleNamespace(dls=SimpleNamespace(classes=classes))

    right = learner(user=["#na#", 3, 10], title=["#na#", "a", "b"])
    assert learner_facts(right, 3, 3) == []
    text = learner(user=["#na#", "1", "10", "2"], title=["#na#", "a"])
    assert names(learner_facts(text, 4, 2)) == ["sorted-as-text"]
    assert names(learner_facts(right, 2, 3)) == ["vocabulary-size"]
    for other in (SimpleNamespace(), SimpleNamespace(dls=None), learner(user=["a"])):
        assert learner_facts(other, 9, 9) == []


def test_ids_remapped_for_each_split():
    assert split_facts([3, 7, 10], [3, 7]) == []
    found = split_facts([3, 7, 10], [3, 10])
    assert names(found) == ["remapped-for-each-split"]
    assert "Row 1 of the users is 10 in validation and 7 in training" in found[0].sentence
    assert names(split_facts([3], [3, 10])) == ["remapped-for-each-split"]


def test_a_batch_is_found_in_its_frame_whatever_its_order():
    rows, frame, labels = batch()
    order = np.array([4, 0, 5, 2])
    assert frame_facts(tuple(column[order] for column in rows), frame, labels) == []


def test_batches_that_are_not_their_frames():
    (users, items, rating), frame, labels = batch()
    off = frame_facts((users - 1, items - 1, rating), frame, labels)
    assert names(off) == ["rows-off-by-one"]
    assert off[0].cure == "x = x +1"
    other = frame_facts((users, items, rating[::-1].copy()), frame, labels)
    assert names(other) == ["batch-not-in-frame"]
    assert "first row 0: user" in other[0].sentence


def test_a_split_that_leaks_the_future_is_said_and_not_judged():
    assert time_facts([1, 2, 3], [3, 4]) == []
    found = time_facts([1, 2, 9, 10], [3, 4])
    assert names(found) == ["split-in-time"]
    assert not found[0].wrong
    assert found[0].sentence.startswith("50% of the training ratings are later")

"""Errors cross process borders: each pickles and copies with everything that it says."""

import concurrent.futures
import copy
import multiprocessing
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import GridSearchCV

from npcf import CollabRegressor, errors, ops

CLASSES = [errors.NpcfError, *errors.NpcfError.__subclasses__()]
WAYS = {
    **{f"pickle {n}": lambda e, n=n: pickle.loads(pickle.dumps(e, n))
       for n in range(pickle.HIGHEST_PROTOCOL + 1)},
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}  # fmt: skip


class OwnError(errors.DataError):
    """A subclass of somebody else's, with arguments of its own."""

    def __init__(self, line, *, column):
        super().__init__("table", f"line {line} is wrong", "Mend it.", position=line)
        self.column = column


def judge_same(after, before):
    assert type(after) is type(before)
    assert str(after) == str(before)
    assert after.args == before.args
    assert vars(after) == vars(before)


@pytest.mark.parametrize("cls", CLASSES)
@given(
    way=st.sampled_from([*WAYS.values()]),
    words=st.tuples(st.text(), st.text(), st.text()),
    position=st.none() | st.integers() | st.tuples(st.integers(), st.integers()),
    value=st.none() | st.integers() | st.text(),
    notes=st.lists(st.text(min_size=1)),
)
def test_an_error_arrives_as_it_left(cls, way, words, position, value, notes):
    error = cls(*words, position=position, value=value)
    for note in notes:
        error.add_note(note)
    judge_same(way(error), error)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_subclass_with_its_own_arguments_arrives_too(way):
    error = OwnError(7, column="rating")
    error.add_note("in the second file")
    judge_same(way(error), error)
    assert (way(error).column, way(error).position) == ("rating", 7)


@pytest.mark.parametrize("value", [lambda: 0, (n for n in range(3))], ids=type)
def test_a_value_that_cannot_travel_goes_as_its_repr(value):
    error = errors.UsageError("f", "is no array", "Pass an array.", value=value)
    after = pickle.loads(pickle.dumps(error))
    assert (str(after), after.value) == (str(error), repr(value))
    assert copy.copy(error).argument == "f"


def _fail(what):
    ops.embedding_forward(np.zeros((3, 2)), [0, what])


def test_an_error_in_a_worker_process_is_raised_here():
    with concurrent.futures.ProcessPoolExecutor(
        1, mp_context=multiprocessing.get_context("spawn")
    ) as pool:
        raised = pool.submit(_fail, 5).exception(timeout=120)
    assert isinstance(raised, errors.IdRangeError)
    assert (raised.argument, raised.position, raised.value) == ("ids", 1, 5)


@pytest.mark.slow("two processes that import scikit-learn")
def test_a_grid_search_on_two_processes_says_what_is_wrong():
    pairs, stars = [[7, "a"], [7, "b"], [8, "b"], [8, "a"]] * 5, [5, 4, 1, 2] * 5
    search = GridSearchCV(
        CollabRegressor(n_epochs=1), {"n_factors": [0]}, cv=2, n_jobs=2, error_score="raise"
    )
    with pytest.raises(errors.SettingError, match=r"n_factors: .*NPCF-E005") as raised:
        search.fit(pairs, stars)
    assert (raised.value.argument, raised.value.value) == ("n_factors", 0)

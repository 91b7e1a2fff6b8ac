"""Asking by ids: the model's own numbers, whatever the chunk; unknown ids by policy."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf.analysis import Predictor
from npcf.data import Ratings
from npcf.errors import (
    DTypeError,
    SettingError,
    ShapeError,
    UnknownIdError,
    UsageError,
)
from npcf.models import DotProductBiasCP, PairModel
from npcf.verify import PRECISION, assert_same_bits, assert_within
from tests.analysis.asked import predictors


@given(asked=predictors())
def test_predictions_are_the_models_for_the_rows_of_the_ids(asked):
    predictor, ratings = asked
    users = [ratings.user_vocab.labels[row] for row in ratings.users]
    items = [ratings.item_vocab.labels[row] for row in ratings.items]
    want = predictor.model(ratings.pairs).reshape(-1)
    for policy in ("raise", "mean", "na")[: 2 + predictor.user_vocab.na_row]:
        assert_same_bits(predictor.predict(users, items, unknown=policy), want, policy)


@given(asked=predictors(), chunk=st.integers(1, 9))
def test_the_chunk_changes_no_bit_and_the_frame_keeps_its_order(asked, chunk):
    predictor, ratings = asked
    frame = pd.DataFrame(
        {
            "item": [ratings.item_vocab.labels[row] for row in ratings.items],
            "extra": range(len(ratings)),
            "user": [ratings.user_vocab.labels[row] for row in ratings.users],
        },
        index=np.arange(len(ratings))[::-1],
    )
    before = frame.copy()
    want = predictor.predict(frame["user"], frame["item"])
    found = predictor.predict_frame(frame, chunk=chunk)
    assert_same_bits(found["prediction"].to_numpy(), want)
    pd.testing.assert_frame_equal(found.drop(columns="prediction"), before, check_exact=True)
    pd.testing.assert_frame_equal(frame, before, check_exact=True)


@given(asked=predictors())
def test_the_matrix_holds_the_pairs(asked):
    predictor, _ = asked
    users, items = predictor.user_vocab.ids, predictor.item_vocab.ids[::-1]
    matrix = predictor.predict_matrix(users, items)
    assert matrix.shape == (len(users), len(items))
    for row, user in zip(matrix, users, strict=True):
        assert_same_bits(row, predictor.predict([user] * len(items), items))


@given(asked=predictors())
def test_an_unknown_id_stands_for_the_mean_of_the_known(asked):
    """One known side still counts; none leaves the mean rating."""
    predictor, ratings = asked
    model = predictor.model
    user, item = predictor.user_vocab.ids[0], predictor.item_vocab.ids[0]
    first = predictor.user_vocab.first_row
    known = {name: table[first:].astype(np.float64) for name, table in model.core_params().items()}
    mean = {
        name: table.mean(axis=0).astype(model.params[name].dtype) for name, table in known.items()
    }
    core = model.core_params()
    for side, users, items in (("user", [-1], [item]), ("item", [user], ["nothing"])):
        tables = {
            name: np.array([mean[name] if name.startswith(side) else table[first]])
            for name, table in core.items()
        }
        want = PairModel(tables, model.y_range)(np.array([[0, 0]]))
        assert_same_bits(predictor.predict(users, items, unknown="mean"), want, side)
    both = predictor.predict([-1, user], ["nothing", item], unknown="mean")
    assert both[0] == both.dtype.type(ratings.rating.mean(dtype=np.float64))
    assert_same_bits(both[1:], predictor.predict([user], [item]))


@given(asked=predictors(na_row=True))
def test_na_is_row_zero(asked):
    predictor, _ = asked
    item = predictor.item_vocab.ids[-1]
    pairs = np.array([[0, len(predictor.item_vocab) - 1], [0, 0]])
    got = predictor.predict([-1, -1], [item, "nothing"], unknown="na")
    assert_same_bits(got, predictor.model(pairs).reshape(-1))


@given(asked=predictors(), low=st.integers(-3, 3), height=st.integers(0, 4))
def test_clipping_cuts_off_and_cuts_once(asked, low, height):
    predictor, ratings = asked
    clip = low / 2, low / 2 + height
    users = predictor.user_vocab.ids
    items = predictor.item_vocab.ids[:1].repeat(len(users))
    free, cut = predictor.predict(users, items), predictor.predict(users, items, clip=clip)
    assert cut.dtype == free.dtype
    assert ((cut >= clip[0]) & (cut <= clip[1])).all()
    inside = (free >= clip[0]) & (free <= clip[1])
    assert_same_bits(cut[inside], free[inside])
    assert_same_bits(np.clip(cut, *clip), cut)


FRAME = pd.DataFrame({"u": [3, 4, 4], "m": ["a", "a", "b"], "r": [3.0, 4.0, 5.0]})
RATINGS = Ratings.from_frame(FRAME, "u", "m", "r")
MODEL = DotProductBiasCP(3, 3, 2, rng=np.random.default_rng(0))
ASKED = Predictor.of(MODEL, RATINGS)
BAD = [
    (lambda: ASKED.predict_matrix([5], ["a"]), UnknownIdError, r"users\[0\]: .*5.* is not among"),
    (lambda: ASKED.predict([3, 4], ["b", "c"]), UnknownIdError, r"items\[1\]: 'c' is not among"),
    (lambda: ASKED.predict([3.0], ["a"], unknown="na"), DTypeError, "users: ids are of type float"),
    (lambda: ASKED.predict([True], ["a"]), DTypeError, "users: ids are of type boolean"),
    (lambda: ASKED.predict([3], [1], unknown="mean"), DTypeError, "items: ids are of type integer"),
    (lambda: ASKED.predict([[3]], ["a"]), ShapeError, r"users: must be a list of ids"),
    (lambda: ASKED.predict([3], ["a"], clip=(0, np.nan)), SettingError, "clip: must be a finite"),
    (lambda: ASKED.predict([3], ["a"], chunk=0), SettingError, "chunk: must be a whole number"),
    (
        lambda: Predictor(MODEL, RATINGS.user_vocab, RATINGS.item_vocab, RATINGS.titles, np.nan),
        SettingError,
        "mean_rating: must be a finite number",
    ),
]


@pytest.mark.parametrize(("ask", "error", "message"), BAD)
def test_questions_that_have_no_answer_are_refused(ask, error, message):
    with pytest.raises(error, match=message):
        ask()


def test_frames_are_asked_under_the_names_the_ratings_had():
    assert ASKED.columns == ("u", "m")
    got = ASKED.predict_frame(FRAME)["prediction"]
    assert_same_bits(got.to_numpy(), ASKED.predict(FRAME["u"], FRAME["m"]))
    with pytest.raises(UnknownIdError, match=r"users\[2\]: .*5.* is not among"):
        ASKED.predict_frame(FRAME.assign(u=[3, 4, 5]), chunk=2)


def test_na_needs_a_row_and_missing_ids_are_unknown_ids():
    ids = pd.array([3, None], dtype="Int64")
    assert ASKED.predict(ids, ["a", "a"], unknown="na").shape == (2,)
    ratings = Ratings.from_frame(FRAME, "u", "m", "r", na_row=False)
    bare = Predictor.of(DotProductBiasCP(2, 2, 2), ratings)
    with pytest.raises(UsageError, match="unknown: there is no row #na#"):
        bare.predict([3], ["a"], unknown="na")
    assert bare.predict([9, 9], ["a", "b"], unknown="mean").shape == (2,)


@pytest.mark.parametrize("policy", ["raise", "mean", "na"])
def test_ids_may_come_in_any_container(policy):
    want = ASKED.predict(FRAME["u"], FRAME["m"])
    for kind in ("category", object):
        frame = FRAME.astype({"u": kind, "m": kind})
        got = ASKED.predict_frame(frame, unknown=policy)["prediction"]
        assert_same_bits(got.to_numpy(), want)
    for make in (list, tuple, iter, pd.Index, np.array):
        assert_same_bits(ASKED.predict(make(FRAME["u"]), make(FRAME["m"]), unknown=policy), want)


def test_no_pairs_no_predictions():
    assert ASKED.predict([], []).shape == (0,)
    assert ASKED.predict_matrix([], ["a"]).shape == (0, 1)


@given(asked=predictors(y_range=st.just((0.0, 5.5)), bias=True))
def test_predictions_stay_in_the_range(asked):
    predictor, _ = asked
    users, items = predictor.user_vocab.ids, predictor.item_vocab.ids
    matrix = predictor.predict_matrix([*users, -1], [*items, "nothing"], unknown="mean")
    rounding = 5.5 * PRECISION[matrix.dtype].gamma(4)
    assert_within(np.clip(matrix, 0, 5.5), matrix, rounding)

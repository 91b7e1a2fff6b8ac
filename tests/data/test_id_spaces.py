"""Ids of two sources meet under one rule: the same type or a refusal, and strangers are nobody."""

import datetime
import decimal
import re
import uuid

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import npcf
from npcf.analysis import Predictor, fold_in, recommend
from npcf.data import CollabDataLoaders, Ratings, Vocabulary, by_user, describe, leave_one_out
from npcf.errors import DataError, DTypeError, UnknownIdError, UsageError
from npcf.training import Learner, PerRatingSGD, RankingMetric
from npcf.training.ranking import ndcg_at_k, precision_at_k, recall_at_k
from npcf.verify import assert_same_bits

FRAME = pd.DataFrame({"user": [7, 7, 8, 9], "item": [*"abcc"], "rating": [5.0, 3, 4, 2]})
RATINGS = Ratings.from_frame(FRAME)


def predictor(ratings=RATINGS):
    rng = np.random.default_rng(0)
    model = npcf.models.DotProductBiasEmb(ratings.n_users, ratings.n_items, 2, rng=rng)
    return Predictor.of(model, ratings)


def as_text(frame, *names):
    return frame.astype(dict.fromkeys(names, str))


# ---- two vocabularies ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "argument"),
    [(as_text(FRAME, "user"), "exclude_seen.users"),
     (FRAME.assign(item=[1, 2, 3, 3]), "exclude_seen.items")],
)  # fmt: skip
def test_what_was_seen_under_ids_of_another_type_is_refused(frame, argument):
    """Not ignored: nothing would match, and everything seen would come back."""
    with pytest.raises(DTypeError, match=argument) as raised:
        recommend(predictor(), 7, exclude_seen=Ratings.from_frame(frame))
    cure = re.search(r"frame\.astype\(.*\)", raised.value.cure)[0]
    cured = Ratings.from_frame(eval(cure, {"frame": frame}))
    assert len(recommend(predictor(), 7, exclude_seen=cured)) in (1, 3)  # 3: no such item is known


def test_what_was_seen_elsewhere_is_left_out_by_id_not_by_row():
    other = pd.DataFrame({"user": [6, 7, 9], "item": [*"zba"], "rating": 1.0})
    found = recommend(predictor(), 7, exclude_seen=Ratings.from_frame(other))
    assert sorted(found["item"]) == ["a", "c"]


ANSWERS = {
    "predict": lambda p, ids: p.predict(ids, ["a"] * len(ids), unknown="mean"),
    "predict, na": lambda p, ids: p.predict(ids, ["a"] * len(ids), unknown="na"),
    "matrix": lambda p, ids: p.predict_matrix(ids, ["a"], unknown="mean"),
    "frame": lambda p, ids: p.predict_frame(
        pd.DataFrame({"user": pd.Series(ids, dtype=object), "item": "a"}), unknown="mean"
    ),
    "rows": lambda p, ids: p.user_vocab.rows(ids, "users", "na"),
}


@pytest.mark.parametrize("ask", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("stranger", ["7", 7.0, True, None, b"7", np.float32(7)])
@pytest.mark.parametrize("place", [0, 1])
def test_one_id_of_another_type_in_a_list_is_refused_under_every_policy(ask, stranger, place):
    ids = [8, 9]
    ids.insert(place, stranger)
    with pytest.raises(DTypeError) as raised:
        ask(predictor(), ids)
    assert raised.value.position == place
    assert raised.value.code == "NPCF-E002"


def test_numpy_s_integers_and_text_are_the_python_ones():
    ids = [np.int8(7), np.uint64(8), 9]
    assert predictor().user_vocab.rows_or_none(ids).tolist() == [1, 2, 3]
    assert predictor().item_vocab.rows_or_none(np.array(["a", "x"])).tolist() == [1, -1]
    with pytest.raises(DTypeError):
        fold_in(predictor(), [np.str_("a"), 1], [1.0, 2.0])


@given(data=st.data())
def test_predicting_ratings_is_predicting_their_ids(data):
    """Through the vocabularies, once an id, for any overlap of the two; the same bits."""
    ids = st.integers(1, 6)
    rows = st.lists(st.tuples(ids, ids.map(str)), min_size=1, max_size=9)
    frame = pd.DataFrame(data.draw(rows), columns=["user", "item"]).assign(rating=1.0)
    other = pd.DataFrame(data.draw(rows), columns=["user", "item"]).assign(rating=1.0)
    asked, mine = Ratings.from_frame(other), predictor(Ratings.from_frame(frame))
    for unknown in ("mean", "na"):
        want = mine.predict(other["user"], other["item"], unknown=unknown)
        assert_same_bits(mine.predict_ratings(asked, unknown=unknown), want)
    unknown_users = (~other["user"].isin(frame["user"])).to_numpy()
    unknown_items = (~other["item"].isin(frame["item"])).to_numpy()
    assert mine.unknown_counts(asked) == (unknown_users.sum(), unknown_items.sum())
    if unknown_users.any():
        with pytest.raises(UnknownIdError) as raised:
            mine.predict_ratings(asked)
        assert raised.value.position == unknown_users.argmax()
        assert raised.value.value == other["user"][raised.value.position]


@pytest.mark.parametrize(
    ("other", "error", "message"),
    [(as_text(FRAME, "user"), DTypeError, "valid.users: ids are of type string"),
     (FRAME.assign(user=[7, 7, 8, 8]), DataError, "row 3 is 'nobody', there 9"),
     (FRAME.assign(item=[*"abcd"]), DataError, "other items .*row 4 is 'd', there 'nobody'"),
     (FRAME.assign(item=[*"aabb"]), DataError, "other items")],
)  # fmt: skip
def test_training_and_validation_are_of_one_vocabulary(other, error, message):
    """Rows of one are the rows of the other only if both name the same ids."""
    valid = Ratings.from_frame(other)
    with pytest.raises(error, match=message):
        CollabDataLoaders(RATINGS, valid, 2, rng=np.random.default_rng(0))
    with pytest.raises(error, match=message):
        PerRatingSGD(n_factors=2).fit(RATINGS, 1, valid=valid)
    again = Ratings.from_frame(FRAME)  # another object, the same ids
    CollabDataLoaders(RATINGS, again, 2, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    ("other", "error"),
    [(as_text(FRAME, "user"), DTypeError), (FRAME.assign(user=[5, 5, 8, 9]), DataError)],
)
def test_a_run_is_not_resumed_under_other_ids(tmp_path, other, error):
    """The rows are the same numbers; the people are not."""

    def learner(frame):
        ratings, rng = Ratings.from_frame(frame), np.random.default_rng(0)
        dls = CollabDataLoaders(ratings, ratings, 2, rng=rng)
        model = npcf.models.DotProductBiasEmb(ratings.n_users, ratings.n_items, 2, rng=rng)
        return Learner(dls, model, progress=False)

    first = learner(FRAME)
    first.fit(1)
    first.save(tmp_path / "run")
    with pytest.raises(error, match=r"dls"):
        learner(other).resume(tmp_path / "run")
    learner(FRAME).resume(tmp_path / "run")


# ---- what an id may be --------------------------------------------------------------------------

NO_IDS = [
    b"7", (1, 2), 7.5, True, datetime.date(2020, 1, 1), np.datetime64("2020"), decimal.Decimal(7),
    uuid.UUID(int=7), 1j, frozenset({7}), pd.Timestamp("2020"), pd.Interval(0, 1),
]  # fmt: skip


@pytest.mark.parametrize("value", NO_IDS, ids=repr)
@pytest.mark.parametrize("good", [[], [3], ["x"]], ids=repr)
def test_what_could_not_be_saved_is_refused_where_it_comes_in(value, good):
    ids = pd.Series([*good, value, value], dtype=object)
    frame = pd.DataFrame({"user": ids, "item": 1, "rating": 1.0})
    for build in (lambda: Vocabulary(list(ids)), lambda: Ratings.from_frame(frame)):
        with pytest.raises(DataError) as raised:
            build()
        assert raised.value.position == len(good)
        assert type(raised.value.value) is type(value) or raised.value.value == value
    cured = frame.astype({"user": str}) if not isinstance(value, bytes) else frame.assign(
        user=[i.decode() if isinstance(i, bytes) else str(i) for i in ids])  # fmt: skip
    assert Ratings.from_frame(cured).user_vocab.kind == "text"


@pytest.mark.parametrize("column", [["85123A", 71053, "84406B"], ["a", "b", 3]])
def test_mixed_ids_name_the_column_the_row_and_a_cure_that_works(column):
    frame = pd.DataFrame({"user": [1, 1, 2], "StockCode": column, "rating": [1.0, 2, 3]})
    place = next(i for i, value in enumerate(column) if isinstance(value, int))
    with pytest.raises(DataError, match="StockCode") as raised:
        Ratings.from_frame(frame, item="StockCode")
    assert (raised.value.position, raised.value.value) == (place, column[place])
    assert 'frame.astype({"StockCode": str})' in raised.value.cure
    cured = Ratings.from_frame(frame.astype({"StockCode": str}), item="StockCode")
    assert cured.item_vocab.labels[1:] == sorted(map(str, column))


@given(values=st.lists(st.integers(-(2**63), 2**64 - 1), min_size=1), na_row=st.booleans())
def test_ids_become_plain_numbers(values, na_row):
    vocab = Vocabulary(pd.Series(values, dtype=object), na_row=na_row)
    assert vocab.ids.tolist() == sorted(set(values))
    assert {type(i) for i in vocab.ids.tolist()} == {int}


# ---- None alone is not given --------------------------------------------------------------------


def test_columns_may_be_named_0():
    rows = [(11, 1, 1, 5), (12, 1, 2, 4), (13, 1, 3, 1), (14, 2, 1, 5), (15, 3, 3, 4)]
    frame = pd.DataFrame(rows, columns=[3, 0, 1, 2])
    names = {"user_name": 0, "item_name": 1, "rating_name": 2}
    dls = CollabDataLoaders.from_df(frame, **names, bs=2, seed=1)
    assert dls.classes == {0: ["#na#", 1, 2, 3], 1: ["#na#", 1, 2, 3]}
    exchanged = CollabDataLoaders.from_df(
        frame, user_name=1, item_name=0, rating_name=2, bs=2, seed=1
    )
    assert list(exchanged.classes) == [1, 0]
    mine = Predictor.of(predictor(RATINGS).model, RATINGS)
    mine.columns = ("user", "item")
    asked = pd.DataFrame({0: [7, 8], 1: ["a", "b"], "user": [9, 9]})
    want = mine.predict([7, 8], ["a", "b"])
    assert_same_bits(mine.predict_frame(asked, user=0, item=1)["prediction"].to_numpy(), want)


RNG = {
    "lesson layer": lambda rng: npcf.models.Embedding(3, 2, rng=rng),
    "model": lambda rng: npcf.models.DotProductBiasEmb(3, 3, 2, rng=rng),
    "loaders": lambda rng: CollabDataLoaders.from_df(FRAME, bs=1, valid_pct=0.5, rng=rng),
    "batches": lambda rng: npcf.data.Batches(RATINGS, rng=rng),
    "split": lambda rng: by_user(RATINGS, 0.5, rng),
}


@pytest.mark.parametrize("build", RNG.values(), ids=RNG)
@pytest.mark.parametrize("rng", [0, False, 7, "", np.random], ids=str)
def test_a_seed_in_the_place_of_a_generator_is_not_taken_for_nothing(build, rng):
    with pytest.raises(UsageError, match=r"rng: .*default_rng\("):
        build(rng)


# ---- strangers are nobody -----------------------------------------------------------------------

STRANGERS = Ratings(
    np.array([0, 0, 0, 1, 1, 2, 2], np.int32), np.array([1, 1, 2, 0, 0, 1, 2], np.int32),
    np.array([5, 5, 5, 5, 5, 5, 1], np.float32), Vocabulary([7, 8]), Vocabulary(["a", "b"]),
    ["#na#", "a", "b"], ("user", "item", "rating"),
)  # fmt: skip


def test_nothing_counts_strangers_as_one():
    facts = describe(STRANGERS)
    assert (facts["users"], facts["items"], facts["repeated_pairs"]) == (2, 2, 0)
    rng = np.random.default_rng(0)
    train, valid = leave_one_out(STRANGERS, rng)
    assert set(STRANGERS.users[valid]) == {1, 2}
    train, valid = by_user(STRANGERS, 0.5, rng)
    assert 0 not in STRANGERS.users[valid]


SCORES = {"precision": precision_at_k, "recall": recall_at_k, "ndcg": ndcg_at_k}


@given(data=st.data())
def test_ranking_metrics_are_those_of_the_people_that_are_known(data):
    """By the definition, user for user; strangers in any number change nothing."""
    ids, n = st.integers(1, 5), data.draw(st.integers(6, 30))
    rows = data.draw(st.lists(st.tuples(ids, ids, st.integers(1, 5)), min_size=n, max_size=n))
    frame = pd.DataFrame(rows, columns=["user", "item", "rating"])
    seed = data.draw(st.integers(0, 9))
    dls = CollabDataLoaders.from_df(frame, 0.5, seed=seed, bs=1, vocabulary="train")
    rng = np.random.default_rng(0)
    model = npcf.models.DotProductBiasEmb(dls.n_users, dls.n_items, 2, rng=rng)
    learner = Learner(dls, model, progress=False)
    train, valid, k = dls.train.ratings, dls.valid, 2
    relevant, ranked = [], []
    for user in range(1, dls.n_users):
        liked = {i for u, i, r in zip(valid.users, valid.items, valid.rating, strict=True)
                 if u == user and i and r >= 4}  # fmt: skip
        seen = {i for u, i in zip(train.users, train.items, strict=True) if u == user}
        left = [i for i in range(1, dls.n_items) if i not in seen]
        scores = dict(zip(left, learner.predict([[user, i] for i in left]).tolist(), strict=True)) \
            if left else {}  # fmt: skip
        if liked:
            relevant.append(liked)
            ranked.append(sorted(left, key=lambda i: (-scores[i], i))[:k])
    for kind, score in SCORES.items():
        metric = RankingMetric(kind, k, threshold=4)
        if relevant:
            assert metric.measure(learner) == score(relevant, ranked, k)
        else:
            with pytest.raises(npcf.errors.EmptyBatchError):
                metric.measure(learner)

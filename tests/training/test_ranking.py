"""Precision, recall and NDCG at k: the definitions, their laws, and scikit-learn."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from npcf.errors import DataError, EmptyBatchError, SettingError, ShapeError
from npcf.training.ranking import ndcg_at_k, precision_at_k, recall_at_k
from npcf.verify import PRECISION

METRICS = [precision_at_k, recall_at_k, ndcg_at_k]
K = st.integers(1, 8)
U = PRECISION[np.dtype(np.float64)]


@st.composite
def lists(draw, n_items=6):
    """Some users; relevant items that are ranked early, late or not at all; short lists."""
    n = draw(st.integers(1, 4))
    items = st.integers(0, n_items - 1)
    relevant = [draw(st.sets(items)) for _ in range(n - 1)] + [draw(st.sets(items, min_size=1))]
    ranked = [draw(st.lists(items, unique=True)) for _ in range(n)]
    return relevant, ranked


@pytest.mark.parametrize("metric", METRICS)
@given(case=lists(), k=K)
def test_scores_lie_between_zero_and_one(metric, case, k):
    assert 0 <= metric(*case, k) <= 1


@given(case=lists(), k=K)
def test_scores_are_their_definitions(case, k):
    """Word for word, user by user; users without a relevant item are left out."""
    precision, recall, ndcg = [], [], []
    for relevant, ranked in zip(*case, strict=True):
        if not relevant:
            continue
        hits = [item in relevant for item in ranked[:k]]
        precision.append(sum(hits) / k)
        recall.append(sum(hits) / len(relevant))
        dcg = sum(hit / math.log2(rank + 2) for rank, hit in enumerate(hits))
        ideal = sum(1 / math.log2(rank + 2) for rank in range(min(k, len(relevant))))
        ndcg.append(dcg / ideal)
    for metric, want in zip(METRICS, (precision, recall, ndcg), strict=True):
        # k sums, quotients and logarithms (2 u each) and a mean, on both sides
        allowed = 2 * U.gamma(2 * k + 10 + len(want))
        assert abs(metric(*case, k) - sum(want) / len(want)) <= allowed


@given(case=lists(), k=K)
def test_the_perfect_ranking_scores_one(case, k):
    relevant = [wanted for wanted in case[0] if wanted]
    ranked = [[*wanted, *(item + 100 for item in range(9))] for wanted in relevant]
    assert ndcg_at_k(relevant, ranked, k) == 1
    assert recall_at_k(relevant, ranked, max(map(len, relevant))) == 1
    assert precision_at_k(relevant, ranked, min(map(len, relevant))) == 1


@pytest.mark.parametrize("metric", METRICS)
@given(case=lists(), k=K, data=st.data())
def test_the_order_of_irrelevant_items_and_the_tail_do_not_count(metric, case, k, data):
    relevant, ranked = case
    other = []
    for wanted, places in zip(relevant, ranked, strict=True):
        wrong = data.draw(st.permutations([item for item in places if item not in wanted]))
        wrong = iter(wrong)
        mixed = [item if item in wanted else next(wrong) for item in places]
        other.append(mixed[:k] + data.draw(st.permutations(mixed[k:])))
    assert metric(relevant, other, k) == metric(relevant, ranked, k)


@given(case=lists(), k=K)
def test_a_hit_moved_up_never_lowers_ndcg(case, k):
    relevant, ranked = case
    better = [sorted(p, key=lambda i: i not in w) for w, p in zip(relevant, ranked, strict=True)]
    rounded = 1 - U.gamma(2 * 6 + 13)  # of two sums of up to 6 terms, as below
    assert ndcg_at_k(relevant, better, k) >= ndcg_at_k(relevant, ranked, k) * rounded


@given(case=lists(), k=K)
def test_recall_grows_with_k_and_all_items_recall_all(case, k):
    relevant, ranked = case
    assert recall_at_k(relevant, ranked, k + 1) >= recall_at_k(relevant, ranked, k)
    assert recall_at_k(relevant, [list(range(6))] * len(relevant), 6) == 1


@given(data=st.data(), k=K)
def test_ndcg_is_scikit_learns(data, k):
    """For full rankings of one set of items with distinct scores and something relevant."""
    n_items = data.draw(st.integers(2, 7))
    ranked = [data.draw(st.permutations(range(n_items))) for _ in range(3)]
    relevant = [data.draw(st.sets(st.integers(0, n_items - 1), min_size=1)) for _ in range(3)]
    truth = np.array([[i in wanted for i in range(n_items)] for wanted in relevant], float)
    score = np.array([[-places.index(i) for i in range(n_items)] for places in ranked], float)
    want = ndcg_score(truth, score, k=k)
    assert abs(ndcg_at_k(relevant, ranked, k) - want) <= 2 * U.gamma(2 * n_items + 13)


HAND = [
    # relevant, ranked, k, precision, recall, ndcg
    ([{"a", "b"}], [["a", "x", "b"]], 3, 2 / 3, 1, 1.5 / (1 + 1 / math.log2(3))),
    ([{"a", "b"}], [["x", "a"]], 1, 0, 0, 0),
    ([{"a"}], [["x", "a"]], 2, 1 / 2, 1, 1 / math.log2(3)),
    ([{"a"}], [["a"]], 4, 1 / 4, 1, 1),
    ([{"a"}], [[]], 2, 0, 0, 0),
    ([{"a"}, set()], [["a"], ["b"]], 1, 1, 1, 1),
    ([{"a"}, {"b"}], [["a"], ["c"]], 1, 1 / 2, 1 / 2, 1 / 2),
]


@pytest.mark.parametrize(("relevant", "ranked", "k", "precision", "recall", "ndcg"), HAND)
def test_by_hand(relevant, ranked, k, precision, recall, ndcg):
    assert precision_at_k(relevant, ranked, k) == precision
    assert recall_at_k(relevant, ranked, k) == recall
    assert abs(ndcg_at_k(relevant, ranked, k) - ndcg) <= 8 * U.u


BAD = [
    (([{1}], [[1], [2]], 1), ShapeError, "ranked: 2 lists for 1 users"),
    (([{1}, {1}], [[1], [2, 3, 2]], 1), DataError, r"ranked\[1\]: names 2 twice"),
    (([set()], [[1]], 1), EmptyBatchError, "relevant: no user has a relevant item"),
    (([], [], 1), EmptyBatchError, "relevant: no user has a relevant item"),
    (([{1}], [[1]], 0), SettingError, "k: must be a whole number >= 1"),
    (([{1}], [[1]], 1.5), SettingError, "k: must be a whole number >= 1, got 1.5"),
]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("case", "error", "message"), BAD)
def test_lists_without_a_score_are_refused(metric, case, error, message):
    with pytest.raises(error, match=message):
        metric(*case)

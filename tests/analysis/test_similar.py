"""Similar items: by direction, product or distance; symmetric, sorted, never the item itself."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf.analysis import Predictor, similar_items
from npcf.data import planted
from npcf.errors import DivergenceError, SettingError
from npcf.models import DotProductBiasCP, PairModel
from npcf.verify import PRECISION, assert_same_bits, assert_within
from tests.analysis.asked import predictors


@given(asked=predictors(), by=st.sampled_from(["cosine", "dot"]))
def test_similarity_is_symmetric_bounded_and_sorted(asked, by):
    predictor, _ = asked
    items = predictor.item_vocab.ids
    found = {item: similar_items(predictor, item, len(items), by) for item in items}
    table = {}
    for item, frame in found.items():
        assert sorted(frame["item"]) == sorted(set(items) - {item})
        keys = list(zip(-frame["similarity"], frame["row"], strict=True))
        assert keys == sorted(keys)
        table |= {
            (item, other): s for other, s in zip(frame["item"], frame["similarity"], strict=True)
        }
    assert all(table[a, b] == table[b, a] for a, b in table)
    factors = predictor.model.params["item_factors"].astype(np.float64)
    precision, k = PRECISION[np.dtype(np.float64)], factors.shape[1]
    for (a, b), got in table.items():
        q, r = (factors[predictor.item_vocab.rows([item])[0]] for item in (a, b))
        size = np.abs(q * r).sum()
        if by == "cosine":
            assert -1 <= got <= 1
            norms = np.linalg.norm(q) * np.linalg.norm(r)
            q, r, size = q / (norms or 1), r, size / (norms or 1)
        # both: two lengths (gamma_(K + 3) each, twice over), the quotients and the dot
        assert abs(got - (q * r).sum()) <= precision.gamma(6 * (k + 4)) * size + k * precision.tiny


def test_the_direction_counts_and_not_the_length():
    data = planted(4, 5, 12)
    model = DotProductBiasCP(5, 6, 2, rng=np.random.default_rng(0))
    model.params["item_factors"][:] = [[9, 9], [1, 0], [3, 3], [0.5, 0], [0, 0], [-1, 0]]
    predictor = Predictor.of(model, data.ratings)
    assert similar_items(predictor, 1, 2)["item"].tolist() == [3, 2]
    assert similar_items(predictor, 1, 2, by="dot")["item"].tolist() == [2, 3]
    cosines = similar_items(predictor, 1)["similarity"]
    bound = PRECISION[np.dtype(np.float64)].gamma(6 * (2 + 4))  # as above; no cosine exceeds 1
    assert_within(cosines, [1, 0.5**0.5, 0, -1], 2 * bound)
    model.params["item_factors"] *= np.float32(1e37)  # squares overflow float32, not the answer
    assert_within(similar_items(predictor, 1)["similarity"], cosines, 2 * bound)


SMALL = planted(4, 5, 12).ratings
ASKED = Predictor.of(DotProductBiasCP(5, 6, 2, rng=np.random.default_rng(0)), SMALL)


@given(asked=predictors())
def test_distance_is_the_length_of_the_difference_nearest_first(asked):
    predictor, _ = asked
    factors = predictor.model.params["item_factors"].astype(np.float64)
    k = factors.shape[1]
    for item in predictor.item_vocab.ids:
        found = similar_items(predictor, item, 9, "euclidean")
        assert list(found) == ["row", "item", "title", "distance"]
        keys = list(zip(found["distance"], found["row"], strict=True))
        assert keys == sorted(keys) and item not in set(found["item"])
        away = factors[found["row"]] - factors[predictor.item_vocab.rows([item])[0]]
        exact = np.array([math.dist(row, np.zeros(k)) for row in away])  # correctly rounded
        assert_within(found["distance"], exact, PRECISION[np.dtype(float)].gamma(k + 3) * exact)


def test_what_is_too_far_apart_is_infinitely_far():
    table = ASKED.model.params["item_factors"].astype(np.float64)
    table[1:3] = [[1e200, 0], [-1e200, 0]]
    params = {**ASKED.model.params, "item_factors": table}
    params = {name: array.astype(np.float64) for name, array in params.items()}
    far = Predictor.of(PairModel(params), SMALL)
    assert similar_items(far, 1, 9, "euclidean")["distance"].tolist() == [np.inf] * 4


NAN = Predictor.of(DotProductBiasCP(5, 6, 2, rng=np.random.default_rng(0)), SMALL)
NAN.model.params["item_factors"][3] = np.nan
REFUSED = [
    (lambda: similar_items(ASKED, 1, 0), SettingError, "n: must be a whole number >= 1"),
    (lambda: similar_items(ASKED, 1, by="cosin"), SettingError, "Did you mean 'cosine'"),
    (lambda: similar_items(NAN, 1), DivergenceError, "NaN"),
    (lambda: similar_items(NAN, 1, by="euclidean"), DivergenceError, "NaN"),
]


@pytest.mark.parametrize(("ask", "error", "message"), REFUSED)
def test_questions_that_have_no_answer_are_refused(ask, error, message):
    with pytest.raises(error, match=message):
        ask()


def test_similarity_does_not_change_the_model():
    before = ASKED.model.params["item_factors"].copy()
    similar_items(ASKED, 1)
    assert_same_bits(ASKED.model.params["item_factors"], before)

"""One prediction, and what each factor and bias adds to it: the sum is the model's, to the bit."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf import ops
from npcf.analysis import Predictor, explain_prediction, residuals
from npcf.data import Ratings, planted
from npcf.errors import UnknownIdError, UsageError
from npcf.models import PairModel
from npcf.verify import assert_same_bits
from tests.analysis.asked import predictors

MEANS = st.sampled_from([0.0, 0.5, -3.25])


@given(asked=predictors(), mean=MEANS, data=st.data())
def test_contributions_add_up_to_the_logit_as_the_model_adds_them(asked, mean, data):
    """The row's dot, then the biases, then the mean; and behind the range, the prediction."""
    predictor, _ = asked
    model = predictor.model
    model.mean = mean if model.has_bias else 0.0
    user = data.draw(st.sampled_from(list(predictor.user_vocab.ids)))
    item = data.draw(st.sampled_from(list(predictor.item_vocab.ids)))
    found = explain_prediction(predictor, user, item)
    parts = found.table.set_index("part")["contribution"].to_dict()
    k = model.params["user_factors"].shape[1]
    products = np.array([[parts.pop(f"factor {i}") for i in range(k)]], found.logit.dtype)
    total = ops.row_dot_forward(products, np.ones_like(products))[0][0]
    if model.has_bias:
        bias = [np.array([parts.pop(name)], total.dtype) for name in ("user bias", "item bias")]
        row = np.zeros(1, int)
        total = ops.bias_forward(total[None], *bias, row, row)[0][0]
    if model.mean:
        total = total + total.dtype.type(parts.pop("mean"))
    assert not parts
    assert_same_bits(found.logit, total)
    assert_same_bits(found.prediction, predictor.predict([user], [item])[0])
    ranged = total
    if model.y_range is not None:
        ranged = ops.sigmoid_range_forward(total[None], *model.y_range)[0][0]
    assert_same_bits(found.prediction, ranged)


def lesson():
    """Return a predictor whose numbers are easily multiplied."""
    ratings = planted(4, 5, 12).ratings
    params = {
        "user_factors": np.outer(np.arange(5), [1.0, -2.0]),
        "item_factors": np.outer(np.arange(6), [0.5, 0.25]),
        "user_bias": np.arange(5.0),
        "item_bias": -np.arange(6.0),
    }
    return Predictor.of(PairModel(params, (0, 4), mean=0.5), ratings), ratings


def test_a_prediction_that_can_be_added_up_in_the_head():
    predictor, _ = lesson()
    found = explain_prediction(predictor, 2, 4)
    want = [
        ("factor 0", 2.0, 2.0, 4.0), ("factor 1", -4.0, 1.0, -4.0), ("user bias", 2.0, "", 2.0),
        ("item bias", "", -4.0, -4.0), ("mean", "", "", 0.5),
    ]  # fmt: skip
    table = found.table.astype(object).where(found.table.notna(), "")
    assert [*table.itertuples(index=False, name=None)] == want
    assert (found.user, found.item, found.logit) == (2, 4, -1.5)
    text = str(found)
    assert f"user 2, item 4: {predictor.titles[4]}" in text
    assert "factor 1      -4.00000  +1.00000      -4.00000\n" in text
    assert "-1.50000  their sum" in text and "0 + (4 - 0) sigmoid(logit)" in text
    assert "<td" in found._repr_html_() and "-4.00000" in found._repr_html_()
    predictor.model.y_range = None
    assert "the logit itself" in str(explain_prediction(predictor, 2, 4))


@given(asked=predictors())
def test_residuals_are_rating_less_prediction_in_the_order_of_the_ratings(asked):
    predictor, ratings = asked
    found = residuals(predictor, ratings)
    assert list(found) == ["user", "item", "rating", "prediction", "residual"]
    again = predictor.predict_frame(found[["user", "item"]])["prediction"]
    assert_same_bits(found["prediction"], again)
    assert_same_bits(found["rating"], ratings.rating)
    exact = found["rating"].astype(np.float64) - found["prediction"]
    assert_same_bits(found["residual"], exact)


def test_residuals_of_strangers_are_refused_unless_told_otherwise():
    predictor, ratings = lesson()
    frame = pd.DataFrame({"user": [1, 99], "item": [1, 2], "rating": [3.0, 4.0]})
    strange = Ratings.from_frame(frame)
    with pytest.raises(UnknownIdError, match="99"):
        residuals(predictor, strange)
    assert residuals(predictor, strange, unknown="mean")["user"].tolist() == [1, 99]
    assert len(residuals(predictor, ratings.take([]))) == 0


def test_strangers_and_what_is_no_predictor_are_refused():
    predictor, ratings = lesson()
    with pytest.raises(UnknownIdError, match="user"):
        explain_prediction(predictor, 99, 1)
    with pytest.raises(UnknownIdError, match="item"):
        explain_prediction(predictor, 1, 99)
    with pytest.raises(UsageError, match="Predictor.of"):
        explain_prediction(predictor.model, 1, 1)
    with pytest.raises(UsageError, match="Predictor.of"):
        residuals(predictor.model, ratings)

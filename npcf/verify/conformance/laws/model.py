"""Laws of the model's predictions."""

from fractions import Fraction
from typing import Any

import numpy as np

from npcf.verify import assert_within_exact, exact
from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.bounded import Bounded
from npcf.verify.conformance.law import Drawn, law
from npcf.verify.conformance.laws._model import (
    FORWARD,
    SIDES,
    bounded,
    calm,
    on_tables,
    predict,
    prediction_error,
    with_tables,
)
from npcf.verify.strategies import Problem, problems

ANY = Drawn(problems())
RANGED = ANY.map(lambda p: p._replace(y_range=p.y_range or (0.5, 5.25)))
LOGITS = ANY.map(lambda p: p._replace(y_range=None))


@law(
    "Predictions lie within the derived bound of exact arithmetic.",
    given=ANY,
    needs=FORWARD,
)
def model_predictions_are_exact_up_to_their_bound(impl: Any, p: Problem) -> None:
    want = exact.dot_product_bias(p.params, p.users, p.items, p.y_range)
    assert_within_exact(predict(impl, p), want, prediction_error(impl, p), "pred")


@law(
    "Without a range the prediction is the dot product of the rows plus both biases.",
    given=LOGITS,
    needs=FORWARD,
)
def model_without_a_range_predicts_logits(impl: Any, p: Problem) -> None:
    tables = {name: exact.fractions(table) for name, table in p.params.items()}
    rows = tables["user_factors"][p.users] * tables["item_factors"][p.items]
    want = rows.sum(axis=1) + tables["user_bias"][p.users] + tables["item_bias"][p.items]
    assert_within_exact(predict(impl, p), want, prediction_error(impl, p), "pred")


@law("Predictions lie within the running error of the formula.", given=ANY, needs=FORWARD)
def model_predictions_stay_within_the_running_error(impl: Any, p: Problem) -> None:
    want = bounded(p)
    assert_within(predict(impl, p), want.value, want.tolerance, "pred")


@law(
    "The range squashes the logits: low + (high - low) / (1 + exp(-logit)).",
    given=RANGED,
    needs=FORWARD,
)
def model_range_squashes_the_logits(impl: Any, p: Problem) -> None:
    plain = p._replace(y_range=None)
    logit = Bounded(predict(impl, plain), bounded(plain).error, bounded(plain).precision)
    low, high = p.y_range or (0.0, 0.0)
    want = logit.sigmoid_pair()[0] * logit.constant(high - low) + logit.constant(low)
    assert_within(predict(impl, p), want.value, want.tolerance, "pred")


@law("No prediction leaves the range by more than rounding.", given=RANGED, needs=FORWARD)
def model_predictions_stay_in_the_range(impl: Any, p: Problem) -> None:
    (low, high), error = p.y_range or (0.0, 0.0), prediction_error(impl, p)
    pred = predict(impl, p).astype(np.float64)
    assert (pred >= low - error).all(), f"{pred.min()} lies below {low}"
    assert (pred <= high + error).all(), f"{pred.max()} lies above {high}"


@law(
    "A range of no height predicts its only number.",
    given=ANY.map(lambda p: p._replace(y_range=(1.25, 1.25))),
    needs=FORWARD,
)
def model_range_of_no_height_predicts_one_number(impl: Any, p: Problem) -> None:
    pred = predict(impl, p)
    assert_within(pred, np.full_like(pred, 1.25), prediction_error(impl, p), "pred")


@law("Parameters of zero predict the middle of the range.", given=RANGED, needs=FORWARD)
def model_of_zeros_predicts_the_middle(impl: Any, p: Problem) -> None:
    at_zero = on_tables(p, lambda _, table: np.zeros_like(table))
    low, high = p.y_range or (0.0, 0.0)
    pred = predict(impl, at_zero)
    want = np.full_like(pred, (low + high) / 2)
    assert_within(pred, want, prediction_error(impl, at_zero), "pred")


@law(
    "A logit of a thousand predicts high, of minus a thousand low: nothing overflows.",
    given=RANGED.map(calm),
    needs=FORWARD,
)
def model_far_logits_predict_the_ends(impl: Any, p: Problem) -> None:
    low, high = p.y_range or (0.0, 0.0)
    for logit, end in ((1000, high), (-1000, low)):
        far = with_tables(p, user_bias=np.full_like(p.params["user_bias"], logit))
        pred = predict(impl, far)
        assert_within(pred, np.full_like(pred, end), prediction_error(impl, far), "pred")


@law(
    "Mirrored logits predict as far above low as the others below high.",
    given=RANGED,
    needs=FORWARD,
)
def model_mirrored_logits_mirror_predictions(impl: Any, p: Problem) -> None:
    names = ("user_factors", "user_bias", "item_bias")
    mirrored = with_tables(p, **{name: -p.params[name] for name in names})
    low, high = p.y_range or (0.0, 0.0)
    want = Fraction(low + high) - exact.fractions(predict(impl, p))
    error = prediction_error(impl, p) + prediction_error(impl, mirrored)
    assert_within_exact(predict(impl, mirrored), want, error, "pred")


@law("A larger bias never predicts less, by more than rounding.", given=ANY, needs=FORWARD)
def model_larger_biases_predict_no_less(impl: Any, p: Problem) -> None:
    for name in ("user_bias", "item_bias"):
        raised = with_tables(p, **{name: p.params[name] + p.dtype.type(0.75)})
        error = prediction_error(impl, p) + prediction_error(impl, raised)
        assert (predict(impl, raised) >= predict(impl, p) - error).all(), f"with a larger {name}"


@law("A user without factors gets predictions from the biases alone.", given=LOGITS, needs=FORWARD)
def model_without_factors_adds_biases(impl: Any, p: Problem) -> None:
    zero = np.zeros_like(p.params["user_factors"])
    plain = with_tables(p, user_factors=zero)
    biases = [exact.fractions(p.params[f"{side}_bias"])[getattr(p, ids)] for side, ids in SIDES]
    want, error = biases[0] + biases[1], prediction_error(impl, plain)
    assert_within_exact(predict(impl, plain), want, error, "pred")


@law(
    "One factor is enough: the logit is a product plus two biases.",
    given=LOGITS,
    needs=FORWARD,
)
def model_of_one_factor(impl: Any, p: Problem) -> None:
    one = on_tables(p, lambda _, table: table[:, :1] if table.ndim == 2 else table)
    (p_rows, p_bias), (q_rows, q_bias) = (
        [exact.fractions(one.params[f"{side}_{kind}"])[getattr(p, ids)]
         for kind in ("factors", "bias")] for side, ids in SIDES
    )  # fmt: skip
    want, error = p_rows[:, 0] * q_rows[:, 0] + p_bias + q_bias, prediction_error(impl, one)
    assert_within_exact(predict(impl, one), want, error, "pred")


@law(
    "A parameter that is not a number spoils its own predictions, and no other.",
    given=ANY,
    needs=FORWARD,
)
def model_nan_stays_with_its_row(impl: Any, p: Problem) -> None:
    for side, ids in SIDES:
        for name in (f"{side}_factors", f"{side}_bias"):
            table = p.params[name].copy()
            table[getattr(p, ids)[0]] = np.nan
            pred, spoiled = predict(impl, with_tables(p, **{name: table})), getattr(p, ids)
            spoiled = spoiled == spoiled[0]
            assert np.isnan(pred[spoiled]).all(), f"nan in {name} became a number"
            assert_same_bits(pred[~spoiled], predict(impl, p)[~spoiled], "pred of other rows")


@law("The range moved up moves predictions up by as much.", given=RANGED, needs=FORWARD)
def model_moved_range_moves_predictions(impl: Any, p: Problem) -> None:
    low, high = p.y_range or (0.0, 0.0)
    moved = p._replace(y_range=(low + 2, high + 2))
    error = prediction_error(impl, p) + prediction_error(impl, moved)
    assert_within_exact(predict(impl, moved), exact.fractions(predict(impl, p)) + 2, error, "pred")

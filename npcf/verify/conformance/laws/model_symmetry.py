"""Laws of what predictions do not depend on: numbering, order, signs and scales of factors."""

from typing import Any

import numpy as np

from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.bounded import Bounded
from npcf.verify.bounded_model import bounded_predictions, exact_params
from npcf.verify.conformance.law import Drawn, law
from npcf.verify.conformance.laws._model import (
    FORWARD,
    SIDES,
    bounded,
    calm,
    exchanged,
    of_batch,
    on_tables,
    predict,
    prediction_error,
    relabelled,
    with_tables,
)
from npcf.verify.strategies import Problem, problems

ANY = Drawn(problems())


@law("What user biases gain and item biases lose is not seen.", given=ANY, needs=FORWARD)
def model_shift_between_biases_is_not_seen(impl: Any, p: Problem) -> None:
    params = exact_params(p.params)
    params["user_bias"] = params["user_bias"] + params["user_bias"].constant(0.625)
    params["item_bias"] = params["item_bias"] + params["item_bias"].constant(-0.625)
    shifted = on_tables(p, lambda name, _: params[name].value.astype(p.dtype))
    error = bounded_predictions(params, p.users, p.items, p.y_range)[0].tolerance
    assert_within(predict(impl, shifted), predict(impl, p), error + bounded(p).tolerance, "pred")


@law(
    "Without factors on one side those of the other change no bit.",
    given=ANY,
    needs=FORWARD,
)
def model_factors_need_both_sides(impl: Any, p: Problem) -> None:
    for one, other in (("user_factors", "item_factors"), ("item_factors", "user_factors")):
        plain = with_tables(p, **{one: np.zeros_like(p.params[one])})
        moved = with_tables(plain, **{other: p.params[other] + p.dtype.type(1)})
        assert_same_bits(predict(impl, moved), predict(impl, plain), "pred")


@law("Factors in another order predict the same.", given=ANY, needs=FORWARD)
def model_order_of_factors_does_not_matter(impl: Any, p: Problem) -> None:
    turned = on_tables(p, lambda _, table: table[:, ::-1].copy() if table.ndim == 2 else table)
    assert_within(predict(impl, turned), predict(impl, p), 2 * prediction_error(impl, p), "pred")


@law("A factor negated on both sides changes no bit.", given=ANY, needs=FORWARD)
def model_signs_of_factors_do_not_matter(impl: Any, p: Problem) -> None:
    signs = (-p.dtype.type(1)) ** np.arange(p.params["user_factors"].shape[1])
    mirrored = on_tables(p, lambda _, t: t * signs.astype(p.dtype) if t.ndim == 2 else t)
    assert_same_bits(predict(impl, mirrored), predict(impl, p), "pred")


@law(
    "User factors times eight, item factors by eight: not a bit changes.",
    given=ANY.map(calm),
    needs=FORWARD,
)
def model_scale_between_factors_is_not_seen(impl: Any, p: Problem) -> None:
    eight = p.dtype.type(8)
    scaled = with_tables(p, user_factors=p.params["user_factors"] * eight,
                         item_factors=p.params["item_factors"] / eight)  # fmt: skip
    assert_same_bits(predict(impl, scaled), predict(impl, p), "pred")


@law(
    "Factors of users and items rotated alike predict the same.",
    given=ANY.filter(lambda p: p.params["user_factors"].shape[1] > 1),
    needs=FORWARD,
)
def model_rotated_factors_predict_the_same(impl: Any, p: Problem) -> None:
    params = exact_params(p.params)
    for name in ("user_factors", "item_factors"):
        params[name] = _rotated(params[name])
    rotated = on_tables(p, lambda name, _: params[name].value.astype(p.dtype))
    error = bounded_predictions(params, p.users, p.items, p.y_range)[0].tolerance
    assert_within(predict(impl, rotated), predict(impl, p), error + bounded(p).tolerance, "pred")


def _rotated(table: Bounded) -> Bounded:
    """Turn the first two factors by the angle whose cosine is 3/5 and whose sine is 4/5."""
    a, b = (Bounded(table.value[:, k], table.error[:, k], table.precision) for k in (0, 1))
    cosine, sine = table.constant(0.6), table.constant(0.8)
    value, error = table.value.copy(), table.error.copy()
    for k, turned in ((0, a * cosine - b * sine), (1, a * sine + b * cosine)):
        value[:, k], error[:, k] = turned.value, turned.error
    return Bounded(value, error, table.precision)


@law("A factor that is zero for everyone adds nothing.", given=ANY, needs=FORWARD)
def model_zero_factor_adds_nothing(impl: Any, p: Problem) -> None:
    padded = on_tables(p, lambda _, t: np.pad(t, ((0, 0), (0, 1))) if t.ndim == 2 else t)
    error = prediction_error(impl, p) + prediction_error(impl, padded)
    assert_within(predict(impl, padded), predict(impl, p), error, "pred")


@law("A rating is predicted alone as it is in a batch.", given=ANY, needs=FORWARD)
def model_ratings_are_predicted_alone(impl: Any, p: Problem) -> None:
    pred, error = predict(impl, p), 2 * prediction_error(impl, p)
    for b in range(len(p.users)):
        alone = slice(b, b + 1)
        assert_within(predict(impl, of_batch(p, alone)), pred[alone], error[alone], "pred")


@law("A batch in another order has its predictions in that order.", given=ANY, needs=FORWARD)
def model_batch_order_is_kept(impl: Any, p: Problem) -> None:
    order = np.arange(len(p.users))[::-1]
    error = 2 * prediction_error(impl, p)[order]
    assert_within(predict(impl, of_batch(p, order)), predict(impl, p)[order], error, "pred")


@law("A pair asked for twice is predicted twice alike.", given=ANY, needs=FORWARD)
def model_repeated_pairs_are_predicted_alike(impl: Any, p: Problem) -> None:
    batch = np.arange(len(p.users))
    pred = predict(impl, of_batch(p, np.concatenate([batch, batch])))
    assert pred.shape == (2 * len(batch),), f"shape {pred.shape} for {2 * len(batch)} pairs"
    first, second = np.split(pred, 2)
    assert_within(second, first, 2 * prediction_error(impl, p), "pred")


@law("Users numbered otherwise get the same bits; so do items.", given=ANY, needs=FORWARD)
def model_numbering_of_rows_does_not_matter(impl: Any, p: Problem) -> None:
    for side, ids in SIDES:
        assert_same_bits(predict(impl, relabelled(p, side, ids)), predict(impl, p), "pred")


@law("Users and items may change places.", given=ANY, needs=FORWARD)
def model_is_symmetric_in_users_and_items(impl: Any, p: Problem) -> None:
    error = prediction_error(impl, p) + prediction_error(impl, exchanged(p))
    assert_within(predict(impl, exchanged(p)), predict(impl, p), error, "pred")


@law("Rows that no rating names change no bit of a prediction.", given=ANY, needs=FORWARD)
def model_absent_rows_do_not_matter(impl: Any, p: Problem) -> None:
    def other(name: str, table: Any) -> Any:
        ids = p.users if name.startswith("user") else p.items
        moved = table + table.dtype.type(1)
        moved[ids] = table[ids]
        return moved

    assert_same_bits(predict(impl, on_tables(p, other)), predict(impl, p), "pred")

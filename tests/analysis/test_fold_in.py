"""A new user from a few ratings: ridge in closed form, and the minimum of the true loss."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from npcf.analysis import Predictor, fold_in
from npcf.data import Ratings, planted
from npcf.errors import (
    DTypeError,
    SettingError,
    ShapeError,
)
from npcf.models import DotProductBiasCP, PairModel
from npcf.verify import PRECISION, assert_same_bits, assert_within
from npcf.verify.strategies import values
from tests.analysis.asked import predictors

DOUBLE = PRECISION[np.dtype(np.float64)]
WD = st.sampled_from([0.01, 0.1, 1.0, 8.0])


@st.composite
def new_users(draw, y_range):
    """A predictor, and up to 6 ratings of its items: repeated, within the range and beyond."""
    predictor, _ = draw(predictors(y_range=y_range))
    items = list(
        draw(st.lists(st.sampled_from(list(predictor.item_vocab.ids)), min_size=1, max_size=6))
    )
    ratings = draw(arrays(np.float64, len(items), elements=st.integers(0, 11).map(lambda r: r / 2)))
    return predictor, items, ratings, draw(WD)


def design(predictor, items):
    """Return A (m, K + 1) and o (m,) as the derivation has them, in float64."""
    core = {name: t.astype(np.float64) for name, t in predictor.model.core_params().items()}
    rows = predictor.item_vocab.rows(items)
    a, offset = core["item_factors"][rows], np.zeros(len(rows))
    if "item_bias" in core:
        a = np.concatenate([a, np.ones((len(rows), 1))], axis=1)
        offset = core["item_bias"][rows]
    return a, offset


def both_ways(*case):
    """Return the new user in closed form, and by the gradient."""
    *case, wd = case
    return [fold_in(*case, weight_decay=wd, method=how) for how in ("closed", "gradient")]


def x_of(user):
    has_bias = user.predictor.model.has_bias
    return np.concatenate([user.factors, [user.bias]]) if has_bias else user.factors


def exact_gradient(a, offset, ratings, wd, x):
    """2 A^T (A x + o - r) + 2 wd x, in fractions."""
    rational = np.vectorize(Fraction, otypes=[object])
    a, offset, ratings, x = (rational(v) for v in (a, offset, ratings, x))
    error = a.dot(x) + offset - ratings
    return np.array([float(g) for g in 2 * a.T.dot(error) + 2 * Fraction(wd) * x])


@given(case=new_users(st.none()))
def test_without_a_range_both_methods_give_one_answer(case):
    """J is 2 wd-strongly convex: |x - y| <= (|grad J(x)| + |grad J(y)|) / (2 wd)."""
    predictor, items, ratings, wd = case
    a, offset = design(predictor, items)
    users = [
        fold_in(predictor, items, ratings, weight_decay=wd, method=m)
        for m in ("closed", "gradient")
    ]
    norms = [np.linalg.norm(exact_gradient(a, offset, ratings, wd, x_of(u))) for u in users]
    distance = np.linalg.norm(x_of(users[0]) - x_of(users[1]))
    assert distance <= sum(norms) / (2 * wd) * (1 + DOUBLE.gamma(a.shape[1] + 16))
    # A backward stable least squares solution has E, f of relative size p u with
    # (A + E)^T ((A + E) x - (y + f)) = 0, so |A^T r| <= 2 p u |A| (|A| |x| + |y|).
    m, n = a.shape
    stacked = np.sqrt((a**2).sum() + n * wd)
    wanted = np.linalg.norm(ratings - offset)
    p = 10 * (m + 2 * n) ** 2
    for user, norm in zip(users, norms, strict=True):
        size = stacked * (stacked * np.linalg.norm(x_of(user)) + wanted)
        assert norm <= 4 * p * DOUBLE.u * size
        assert abs(user.gradient_norm - norm) <= user.gradient_rounding


RANGES = st.sampled_from([(0.0, 5.5), (1.0, 5.0), (-1.0, 7.0)])


@given(case=new_users(RANGES))
def test_with_a_range_the_gradient_vanishes_at_the_answer(case):
    """The hand-written backward, the formula of the derivation, and nothing left but rounding."""
    predictor, items, ratings, wd = case
    start, user = (
        fold_in(predictor, items, ratings, weight_decay=wd, method=m)
        for m in ("closed", "gradient")
    )
    assert user.gradient_norm <= user.gradient_rounding
    problem, ends = (predictor, items, ratings, wd), (x_of(start), x_of(user))
    before, after = (loss(*problem, x) for x in ends)
    assert after <= before + sum(loss_rounding(*problem, x) for x in ends)
    for found in (start, user):
        gradient = np.linalg.norm(formula(predictor, items, ratings, wd, x_of(found)))
        # two evaluations of one formula may both be off by the rounding
        assert abs(gradient - found.gradient_norm) <= 2 * found.gradient_rounding


def squash(predictor, z):
    if predictor.model.y_range is None:
        return z, np.ones_like(z)
    low, high = predictor.model.y_range
    s = 1 / (1 + np.exp(-z))
    return low + (high - low) * s, (high - low) * s * (1 - s)


def loss(predictor, items, ratings, wd, x):
    a, offset = design(predictor, items)
    return ((squash(predictor, a @ x + offset)[0] - ratings) ** 2).sum() + wd * (x**2).sum()


def prediction_rounding(predictor, items, ratings, x, unit=DOUBLE):
    """What each f(z) - r may be off by: a logit of K + 1 terms, a sigmoid, a subtraction.

    z carries gamma (|A| |x| + |o|), at most a quarter of R of which reaches the range; the sigmoid
    carries gamma_8, the range and the ratings one rounding each.
    """
    a, offset = design(predictor, items)
    size = np.abs(a) @ np.abs(x) + np.abs(offset)
    ends = np.abs(squash(predictor, a @ x + offset)[0]) + np.abs(ratings)
    if predictor.model.y_range is not None:
        low, high = predictor.model.y_range
        size, ends = size * (high - low) / 4, ends + (high - low) + abs(low)
    return unit.gamma(a.shape[1] + 16) * (size + ends)


def loss_rounding(predictor, items, ratings, wd, x):
    """What the loss may be off by: the square of an error off by d by 2 |e| d + d**2, and sums."""
    off = prediction_rounding(predictor, items, ratings, x)
    a, offset = design(predictor, items)
    error = np.abs(squash(predictor, a @ x + offset)[0] - ratings)
    total = loss(predictor, items, ratings, wd, x)
    return (2 * error * off + off**2).sum() + DOUBLE.gamma(sum(a.shape) + 8) * total


def formula(predictor, items, ratings, wd, x):
    a, offset = design(predictor, items)
    f, slope = squash(predictor, a @ x + offset)
    return 2 * a.T @ (slope * (f - ratings)) + 2 * wd * x


def test_the_gradient_method_does_not_climb_into_a_higher_valley():
    """J has two here; a step that halves the gradient may lead uphill."""
    frame = pd.DataFrame({"user": 1, "item": ["m0", "m2", "m4"], "rating": 3.0})
    params = {
        "user_factors": np.zeros((2, 1)),
        "item_factors": np.array([[0.0], [0], [-0.1875], [0.0703125]]),
        "user_bias": np.zeros(2),
        "item_bias": np.array([0.0, 0, -2, 3.25]),
    }
    predictor = Predictor.of(PairModel(params, (-1.0, 7.0)), Ratings.from_frame(frame))
    case = predictor, ["m2", "m4", "m4", "m2", "m0", "m0"], np.array([0, 1, 1, 0, 3.5, 5.5]), 0.01
    before, after = (loss(*case, x_of(user)) for user in both_ways(*case))
    assert after < before


@given(case=new_users(st.one_of(st.none(), RANGES)), data=st.data())
def test_no_neighbour_is_better(case, data):
    """A minimum, not only a point where the gradient vanishes: J rises by ~ wd |d|**2 at least."""
    predictor, items, ratings, wd = case
    user = fold_in(predictor, items, ratings, weight_decay=wd)
    x = x_of(user)
    direction = data.draw(arrays(np.float64, len(x), elements=values()))
    step = 1e-5 * direction
    here, there = (loss(predictor, items, ratings, wd, y) for y in (x, x + step))
    rounding = sum(loss_rounding(predictor, items, ratings, wd, y) for y in (x, x + step))
    assert there >= here - rounding - user.gradient_rounding * np.linalg.norm(step)


@given(data=st.data(), wd=st.sampled_from([1e-8, 1e-4, 0.1]))
def test_a_user_of_the_model_is_found_again(data, wd):
    """J at the minimum <= J at the true x = wd |x|**2, so no rating is missed by more.

    What was found has a gradient g, not zero: J exceeds the least by at most |g|**2 / (4 wd).
    """
    predictor, _ = data.draw(predictors(y_range=st.none()))
    items = list(predictor.item_vocab.ids)
    a, offset = design(predictor, items)
    truth = data.draw(arrays(np.float64, a.shape[1], elements=values()))
    ratings = a @ truth + offset
    user = fold_in(predictor, items, ratings, weight_decay=wd)
    miss = np.linalg.norm(a @ x_of(user) + offset - ratings)
    g = np.linalg.norm(exact_gradient(a, offset, ratings, wd, x_of(user)))
    off = [
        np.linalg.norm(prediction_rounding(predictor, items, ratings, x))
        for x in (truth, x_of(user))
    ]
    least = np.sqrt(wd) * np.linalg.norm(truth) + g / (2 * np.sqrt(wd))
    assert miss <= (least + sum(off)) * (1 + DOUBLE.gamma(a.size + 16))


@given(case=new_users(st.one_of(st.none(), RANGES)))
def test_the_new_user_is_asked_like_any_other(case):
    """predict is the model with one row more; recommend sorts it and leaves out the rated."""
    predictor, items, ratings, wd = case
    user = fold_in(predictor, items, ratings, weight_decay=wd)
    core, ids = predictor.model.core_params(), list(predictor.item_vocab.ids)
    dtype = core["user_factors"].dtype
    tables = core | {"user_factors": user.factors[None].astype(dtype)}
    if predictor.model.has_bias:
        tables["user_bias"] = np.array([user.bias], dtype)
    first = predictor.item_vocab.first_row
    rows = np.arange(first, first + len(ids))
    want = PairModel(tables, predictor.model.y_range)(np.stack([0 * rows, rows], axis=1))
    assert_same_bits(user.predict(ids), want)
    order = sorted(set(rows) - set(user.rated), key=lambda row: (-want[row - first], row))
    assert user.recommend(3)["row"].tolist() == order[:3]
    everything = sorted(rows, key=lambda row: (-want[row - first], row))
    assert user.recommend(9, exclude_seen=False)["row"].tolist() == everything
    assert ((user.predict(ids, clip=(2, 3)) >= 2) & (user.predict(ids, clip=(2, 3)) <= 3)).all()


def test_much_decay_leaves_the_item_biases():
    """|x| <= (|grad J(0)| + |grad J(x)|) / (2 wd), because J is 2 wd-strongly convex."""
    wd, ratings = 1e12, np.array([5.0, 4.0])
    data = planted(20, 30, 200)
    params = {name: table.astype(np.float64) for name, table in data.params.items()}
    predictor = Predictor.of(PairModel(params), data.ratings)
    user = fold_in(predictor, [1, 2], ratings, weight_decay=wd)
    a, offset = design(predictor, [1, 2])
    ends = [exact_gradient(a, offset, ratings, wd, x) for x in (np.zeros(a.shape[1]), x_of(user))]
    bound = sum(map(np.linalg.norm, ends)) / (2 * wd) * (1 + DOUBLE.gamma(a.size + 16))
    assert np.linalg.norm(x_of(user)) <= bound
    allowed = prediction_rounding(predictor, [1, 2], ratings, x_of(user))
    assert_within(user.predict([1, 2]), offset, allowed + np.linalg.norm(a, axis=1) * bound)


def test_a_users_own_ratings_bring_them_back():
    """Folded in from all ratings of theirs, a user of the truth is predicted nearly as by it."""
    data = planted(60, 50, 1500, seed=3)
    params = {name: table.astype(np.float32) for name, table in data.params.items()}
    predictor = Predictor.of(PairModel(params, (0.0, 5.5)), data.ratings)
    excess, wd, single = [], 1e-3, PRECISION[np.dtype(np.float32)]
    for row in range(1, 61):
        mine = np.flatnonzero(data.ratings.users == row)
        items = data.ratings.items[mine].tolist()
        wanted = data.expected[mine]
        user = fold_in(predictor, items, wanted, weight_decay=wd)
        # the tables are rounded to float32, and so are its predictions
        rounding = 2 * prediction_rounding(predictor, items, wanted, x_of(user), single)
        excess.append((np.abs(user.predict(items) - wanted) - rounding).max())
    # J(min) <= wd |x|**2 if the global minimum is found; |x|**2 <= 6 here (largest seen: 5.8)
    largest = max((params["user_factors"] ** 2).sum(1) + params["user_bias"] ** 2)
    assert max(excess) <= np.sqrt(wd * largest)


ASKED = Predictor.of(
    DotProductBiasCP(5, 6, 2, rng=np.random.default_rng(0)), planted(4, 5, 12).ratings
)
FLAT = Predictor.of(DotProductBiasCP(5, 6, 2, (3, 3)), planted(4, 5, 12).ratings)
BAD = [
    (lambda: fold_in(ASKED, ["1"], [3]), DTypeError, "items: ids are of type string"),
    (lambda: fold_in(ASKED, [1], [[3]]), ShapeError, r"ratings: shape \(1, 1\) for 1 items"),
    (lambda: fold_in(ASKED, [1], ["5"]), DTypeError, "ratings: dtype <U1 is not a real number"),
    (
        lambda: fold_in(ASKED, [1], [3], weight_decay=-1),
        SettingError,
        "weight_decay: must be a finite number",
    ),
    (lambda: fold_in(ASKED, [1], [3], method="no"), SettingError, "method: 'no' is unknown"),
]


@pytest.mark.parametrize(("ask", "error", "message"), BAD)
def test_bad_folds_are_refused(ask, error, message):
    with pytest.raises(error, match=message):
        ask()

"""The strategies draw what they promise: the hard cases often, and nothing beyond their bounds."""

from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, seed, settings
from hypothesis import strategies as st

from npcf import ops
from npcf.data import Ratings
from npcf.errors import DataError
from npcf.models import dot_product_bias_backward, dot_product_bias_forward
from npcf.optim import SGD, Adam
from npcf.verify import strategies
from npcf.verify.strategies import (
    LAYOUTS,
    LIMIT,
    adam_steps,
    bias_inputs,
    epochs,
    hostile_problems,
    lookups,
    loss_inputs,
    problems,
    range_inputs,
    ratings_frames,
    row_pairs,
    runs,
    schedules,
    sgd_steps,
    special_numbers,
    vectors,
)
from npcf.verify.strategies.schedules import ARGUMENTS
from tests.verify.hostile_frames import hostile_frames

pytestmark = pytest.mark.slow("hundreds of inputs from every strategy")

N = 200
GENERATE = {
    "database": None,
    "deadline": None,
    "phases": [Phase.generate],
    "suppress_health_check": list(HealthCheck),
}


DRAWN = {}


def census(strategy, n=N):
    """Return a few hundred inputs, always the same; strategies are alike if written alike."""
    drawn = DRAWN.setdefault((repr(strategy), n), [])
    if drawn:
        return drawn

    @seed(0)
    @settings(**GENERATE, max_examples=n)
    @given(strategy)
    def collect(p):
        drawn.append(p)

    collect()
    return drawn


def smallest(strategy, holds):
    """Return what Hypothesis shrinks an input to for which `holds` is true."""
    options = settings(max_examples=N, database=None)
    return find(strategy, holds, settings=options, random=Random(0))


def share(drawn, holds):
    return sum(bool(holds(p)) for p in drawn) / len(drawn)


def repeats(ids):
    return len(set(ids.tolist())) < len(ids)


def misses(ids, n_rows):
    return len(set(ids.tolist())) < n_rows


def full_digits(array):
    """Whether some number needs all digits of its dtype."""
    bits = 10 if array.dtype == np.float32 else 40
    mantissa = np.frexp(array.astype(np.float64))[0] * 2.0**bits
    return array.size and (mantissa != np.round(mantissa)).any()


def test_every_public_name_is_there():
    assert sorted(strategies.__all__) == sorted(set(strategies.__all__))
    assert all(hasattr(strategies, name) for name in strategies.__all__)


@pytest.mark.parametrize(
    "strategy",
    [lookups(), row_pairs(), range_inputs(), loss_inputs(), bias_inputs(), problems(),
     hostile_problems(), sgd_steps(), adam_steps(), runs()],
)  # fmt: skip
def test_every_input_says_its_dtype_and_both_are_common(strategy):
    drawn = census(strategy)
    for dtype in (np.float32, np.float64):
        assert share(drawn, lambda p, dtype=dtype: p.dtype == dtype) > 0.25


def test_lookups_repeat_and_miss_rows_in_every_dtype():
    drawn = census(lookups())
    assert share(drawn, lambda p: repeats(p.ids)) > 0.4
    assert share(drawn, lambda p: misses(p.ids, len(p.weight))) > 0.2
    assert share(drawn, lambda p: len(p.ids) == 1) > 0.03
    assert share(drawn, lambda p: p.weight.shape[1] == 0) > 0.03
    assert share(drawn, lambda p: full_digits(p.weight)) > 0.5
    assert all(np.abs(a).max(initial=0) <= LIMIT for p in drawn for a in (p.weight, p.d_out))


def test_lookups_from_no_rows_draw_nothing():
    drawn = census(lookups(min_rows=0))
    assert share(drawn, lambda p: len(p.weight) == 0) > 0.01
    assert all(len(p.ids) == 0 for p in drawn if len(p.weight) == 0)
    assert all(len(p.ids) for p in census(lookups(min_batch=1, min_rows=0)))


def test_numbers_are_zero_plain_small_and_long():
    numbers = np.concatenate([p.d_out.ravel() for p in census(lookups())]).astype(np.float64)
    plain = numbers[numbers != 0] * 4 % 1 == 0
    assert np.mean(numbers == 0) > 0.08
    assert plain.mean() > 0.08
    assert np.mean((numbers != 0) & (np.frexp(numbers)[1] <= -6)) > 0.05
    assert np.signbit(numbers[numbers == 0]).any()


def test_row_pairs_have_any_width_and_cancel():
    drawn = census(row_pairs())
    assert {p.left.shape[1] for p in drawn} == set(range(10))

    def cancels(p):
        terms = p.left.astype(np.float64) * p.right
        total = np.abs(terms.sum(axis=1))
        return (total * 2**10 < np.abs(terms).sum(axis=1)).any()

    assert share(drawn, cancels) > 0.1
    assert all(p.left.shape[1] <= 3 for p in census(row_pairs(max_factors=3)))


def test_vectors_saturate_a_sigmoid_on_both_sides():
    drawn = census(vectors())
    assert share(drawn, lambda x: (x > 37).any()) > 0.2
    assert share(drawn, lambda x: (x < -89).any()) > 0.2
    assert all(-200 <= x.min(initial=0) <= x.max(initial=0) <= 200 for x in drawn)
    assert all(len(x) >= 3 for x in census(vectors(min_size=3)))


def test_ranges_do_not_start_at_zero_and_some_have_no_height():
    drawn = census(range_inputs())
    assert share(drawn, lambda p: p.low != 0) > 0.5
    assert 0.01 < share(drawn, lambda p: p.low == p.high) < 0.5
    assert share(drawn, lambda p: (p.x < -709).any()) > 0.01
    assert all(p.low <= p.high for p in drawn)


def test_losses_have_right_predictions_single_ratings_and_scales():
    drawn = census(loss_inputs())
    assert share(drawn, lambda p: (p.pred == p.rating).any()) > 0.3
    assert share(drawn, lambda p: len(p.pred) == 1) > 0.03
    assert share(drawn, lambda p: p.d_loss != 1) > 0.3
    for p in drawn:
        with np.errstate(all="raise", under="ignore"):
            assert np.isfinite(ops.mse_forward(p.pred, p.rating)[0])


def test_biases_have_sides_of_different_size():
    drawn = census(bias_inputs())
    assert all(len(p.item_bias) > len(p.user_bias) for p in drawn)
    assert share(drawn, lambda p: repeats(p.users)) > 0.3


def test_problems_are_fresh_mid_training_and_saturated():
    drawn = census(problems())
    assert share(drawn, lambda p: repeats(p.users) and repeats(p.items)) > 0.3
    assert share(drawn, lambda p: misses(p.items, len(p.params["item_factors"]))) > 0.5
    assert share(drawn, lambda p: len(p.users) == 1) > 0.03
    assert share(drawn, lambda p: p.params["user_factors"].shape[1] == 1) > 0.05
    assert share(drawn, lambda p: p.y_range is None) > 0.1
    assert share(drawn, lambda p: p.y_range is not None and p.y_range[0] != 0) > 0.1
    sizes = [max(np.abs(t).max() for t in p.params.values()) for p in drawn]
    assert np.mean(np.array(sizes) <= LIMIT / 2**7) > 0.1  # fresh
    assert np.mean(np.array(sizes) > LIMIT) > 0.1  # saturated
    assert max(sizes) <= 16 * LIMIT
    assert share(drawn, lambda p: (p.rating != np.float16(p.rating)).any()) > 0.3
    assert all(((p.rating >= 1) & (p.rating <= 5)).all() for p in drawn)


def test_problems_take_a_dtype_a_batch_size_and_no_factors():
    drawn = census(problems(dtype=np.float64, bias=False, max_batch=2, min_factors=0))
    assert all(p.dtype == np.float64 and len(p.users) <= 2 for p in drawn)
    assert all(set(p.params) == {"user_factors", "item_factors"} for p in drawn)
    assert share(drawn, lambda p: p.params["user_factors"].shape[1] == 0) > 0.05


def step(p):
    pred, cache = dot_product_bias_forward(p.params, p.users, p.items, p.y_range)
    loss, loss_cache = ops.mse_forward(pred, p.rating)
    grads = dot_product_bias_backward(ops.mse_backward(1.0, loss_cache), cache)
    return [pred, loss, *grads.values()]


def test_nothing_overflows_in_a_step_of_problems():
    for p in census(problems(min_factors=0)):
        with np.errstate(over="raise", invalid="raise"):
            assert all(np.isfinite(array).all() for array in step(p))


def test_hostile_inputs_have_every_special_number():
    arrays = [a for p in census(hostile_problems(), 2 * N) for a in p.params.values()]
    for dtype in (np.float32, np.float64):
        numbers = np.concatenate([a.ravel() for a in arrays if a.dtype == dtype])
        for special in special_numbers(dtype):
            same = np.isnan(numbers) if np.isnan(special) else numbers == special
            same &= np.signbit(numbers) == np.signbit(special)
            assert same.any(), special
        assert np.isfinite(numbers).mean() > 0.5


def test_sgd_steps_have_every_setting_first_and_later_steps_and_rows_at_rest():
    drawn = census(sgd_steps())
    assert share(drawn, lambda p: p.buf is not None) > 0.25
    assert share(drawn, lambda p: p.buf is None and p.settings["momentum"]) > 0.1
    assert share(drawn, lambda p: p.settings["nesterov"]) > 0.1
    assert share(drawn, lambda p: p.settings["dampening"] and p.buf is not None) > 0.05
    assert share(drawn, lambda p: (p.g == 0).any() and (p.g != 0).any()) > 0.3
    assert all(p.buf is None or p.settings["momentum"] for p in drawn)
    for p in drawn:
        SGD({"w": np.array(p.w)}, **p.settings)  # refuses what is not lawful


def test_adam_steps_have_states_that_steps_could_have_made():
    drawn = census(adam_steps())
    assert 0.05 < share(drawn, lambda p: p.t == 1) < 0.5
    for p in drawn:
        assert (p.v >= 0).all()
        assert not p.m[p.v == 0].any()
        assert p.t > 1 or not p.v.any()
        Adam({"w": np.array(p.w)}, **p.settings)


def test_runs_are_of_several_steps_and_stay_far_from_overflow():
    drawn = census(runs())
    assert share(drawn, lambda p: len(p.batches) > 1) > 0.5
    assert share(drawn, lambda p: p.rule == "adam") > 0.3
    assert share(drawn, lambda p: len({len(users) for users, _, _ in p.batches}) > 1) > 0.2
    assert all(p.rule == "sgd" for p in census(runs("sgd")))
    for p in drawn:
        assert len(p.batches) == len(p.lrs)
        params = {name: np.array(table) for name, table in p.params.items()}
        opt = {"sgd": SGD, "adam": Adam}[p.rule](params, **p.settings)
        for (users, items, rating), lr in zip(p.batches, p.lrs, strict=True):
            pred, cache = dot_product_bias_forward(params, users, items, p.y_range)
            _, loss_cache = ops.mse_forward(pred, rating)
            opt.lr = lr
            opt.step(dot_product_bias_backward(ops.mse_backward(1.0, loss_cache), cache))
        assert max(np.abs(table).max() for table in params.values()) < 2.0**40


def test_epochs_divide_or_do_not_and_batches_may_exceed_them():
    drawn = census(epochs())
    assert share(drawn, lambda p: p.n and p.n % p.bs == 0) > 0.05
    assert share(drawn, lambda p: p.n % p.bs) > 0.2
    assert share(drawn, lambda p: 0 < p.n < p.bs) > 0.03
    assert share(drawn, lambda p: p.drop_last) > 0.3
    assert all(p.n >= 16 for p in census(epochs(min_size=16)))


@pytest.mark.parametrize("name", ARGUMENTS)
def test_schedules_have_arguments_that_npcf_accepts(name):
    from npcf import optim

    drawn = census(schedules(name))
    assert len({p.settings["n_steps"] for p in drawn}) > 20
    for p in drawn[:50]:
        values = np.array(getattr(optim, name)(**p.settings))
        assert values.shape[-1] == p.settings["n_steps"]
        assert np.isfinite(values).all()


def test_frames_repeat_users_items_and_pairs():
    drawn = census(ratings_frames())
    assert share(drawn, lambda frame: frame.duplicated(["user", "item"]).any()) > 0.3
    assert share(drawn, lambda frame: frame["user"].dtype != "int64") > 0.2
    assert share(drawn, lambda frame: max(map(hash, frame["user"])) > 2**53) > 0.2
    assert all(frame["rating"].between(0.5, 5).all() for frame in drawn)
    assert all(len(Ratings.from_frame(frame)) == len(frame) for frame in drawn[:50])
    assert all(2 <= len(frame) <= 3 for frame in census(ratings_frames(2, 3)))


def test_hostile_frames_are_refused_by_the_column_and_the_row():
    drawn = census(hostile_frames(), 2 * N)
    assert len({(p.column, p.position is None) for p in drawn}) == 6
    for p in drawn:
        with pytest.raises(DataError) as refusal:
            Ratings.from_frame(p.frame)
        assert p.column in str(refusal.value)
        if p.position is not None:
            assert refusal.value.position == p.position


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts_keep_the_numbers(name):
    for array in (np.arange(6.0).reshape(2, 3), np.zeros((0, 3)), np.arange(4.0)):
        np.testing.assert_array_equal(strategies.lay_out(array, name), array)


def test_a_lost_repetition_shrinks_to_two_plain_ratings():
    """The bug of `d_weight[ids] += d_out`, as its smallest counter-example."""

    def loses(p):
        d_weight = np.zeros_like(np.array(p.weight))
        d_weight[p.ids] += p.d_out
        right = np.zeros_like(d_weight)
        np.add.at(right, p.ids, p.d_out)
        return (d_weight != right).any()

    p = smallest(lookups(), loses)
    assert p.ids.tolist() == [0, 0]
    assert len(p.weight) == 1
    assert sorted(np.abs(p.d_out).sum(axis=1).tolist()) == [0.0, 1.0]


def test_a_wrong_model_shrinks_to_one_plain_rating():
    """A forgotten user bias: one rating, and one number that is not zero: 1."""

    def forgets(p):
        pred = dot_product_bias_forward(p.params, p.users, p.items, None)[0]
        params = p.params | {"user_bias": np.zeros_like(p.params["user_bias"])}
        return (dot_product_bias_forward(params, p.users, p.items, None)[0] != pred).any()

    p = smallest(problems(), forgets)
    assert len(p.users) == 1
    bias = p.params["user_bias"]
    assert np.abs(bias[bias != 0]).tolist() == [1.0]
    assert not p.params["item_factors"].any()


def test_a_seed_alone_does_not_shrink_away_a_rounding():
    """Numbers with all digits remain drawable: a float32 product that is not exact."""

    def rounds(p):
        exact = p.left.astype(np.float64) * p.right
        return p.dtype == np.float32 and (exact != p.left * p.right).any()

    assert rounds(smallest(row_pairs(), rounds))


@given(frame=ratings_frames(min_size=3), data=st.data())
def test_frames_hold_at_least_what_was_asked(frame, data):
    row = data.draw(st.integers(0, 2))
    assert frame.iloc[row]["rating"] > 0

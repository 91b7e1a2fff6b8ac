"""Laws of the schedules."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf.errors import SettingError
from npcf.optim import (
    constant,
    cosine,
    cosine_restarts,
    exponential,
    exponential_range,
    flat_cosine,
    linear,
    one_cycle_fastai,
    one_cycle_torch,
    step_decay,
)

U = 2.0**-53
FLOAT32_POSITION = 4 * 2.0**-24  # of a position in [0, 1], after - and / in float32
DIV_FINAL = 1e5  # fastai's default


def half_cosine(start, end, position):
    return start + (1 + np.cos(np.pi * (1 - position))) * (end - start) / 2


@given(
    n=st.integers(2, 300), lr_max=st.sampled_from([5e-3, 1.0]),
    pct=st.sampled_from([0.25, 0.3, 0.5, 0.0, 1.0]),
)  # fmt: skip
def test_one_cycle_is_two_half_cosines(n, lr_max, pct):
    """The float64 curve, from which the float32 position strays by less than its rounding."""
    lr, mom = one_cycle_fastai(n, lr_max, pct_start=pct)
    position = np.arange(n) / n
    rising = position < pct
    with np.errstate(divide="ignore", invalid="ignore"):
        up = half_cosine(lr_max / 25, lr_max, position / pct)
        down = half_cosine(lr_max, lr_max / 1e5, (position - pct) / (1 - pct))
        want = np.where(rising, up, down)
        mom_want = np.where(
            rising,
            half_cosine(0.95, 0.85, position / pct),
            half_cosine(0.85, 0.95, (position - pct) / (1 - pct)),
        )
    # the steepest half cosine has slope pi / 2 * height per phase, a phase lasts min(pct, 1 - pct)
    shortest = min(x for x in (pct, 1 - pct) if x)
    slope = np.pi / 2 / shortest
    assert np.abs(lr - want).max() <= lr_max * slope * FLOAT32_POSITION
    assert np.abs(mom - mom_want).max() <= 0.1 * slope * FLOAT32_POSITION


@given(n=st.integers(4, 500))
def test_one_cycle_rises_to_its_maximum_then_falls(n):
    lr, mom = one_cycle_fastai(n, 1.0)
    top = int(lr.argmax())
    assert (np.diff(lr[: top + 1]) > 0).all()
    assert (np.diff(lr[top:]) < 0).all()
    assert int(mom.argmin()) in (top - 1, top, top + 1)  # the peak may fall between two steps
    assert lr[0] == 1.0 / 25
    assert lr[-1] > 1.0 / DIV_FINAL  # the end itself is never used


@given(n_epochs=st.integers(1, 6), per_epoch=st.integers(1, 40))
def test_epochs_reset_the_position_by_less_than_float32_sees_twice(n_epochs, per_epoch):
    n = n_epochs * per_epoch
    one, many = one_cycle_fastai(n, 1.0)[0], one_cycle_fastai(n, 1.0, n_epochs=n_epochs)[0]
    assert np.abs(one - many).max() <= np.pi / 2 / 0.25 * FLOAT32_POSITION


@given(n=st.integers(1, 100), top=st.sampled_from([1.0, 5e-3]), low=st.sampled_from([0.0, 1e-3]))
def test_cosine_falls_from_maximum_through_the_middle(n, top, low):
    lr = cosine(n, top, low)
    assert len(lr) == n
    assert lr[0] == top
    assert (np.diff(lr) < 0).all()
    if n % 2 == 0:
        assert abs(lr[n // 2] - (top + low) / 2) <= 4 * 2.0**-53 * top
    assert (lr > low).all()


def test_constant_is_constant():
    assert constant(3, 0.5).tolist() == [0.5] * 3


@given(n=st.integers(1, 200), start=st.sampled_from([1.0, 1e-4]), end=st.sampled_from([0.0, 0.1]))
def test_linear_goes_in_equal_steps_and_through_the_middle(n, start, end):
    lr = linear(n, start, end)
    assert len(lr) == n
    assert lr[0] == start
    size = max(start, end)
    assert np.abs(np.diff(lr) - (end - start) / n).max(initial=0) <= 8 * U * size
    if n % 2 == 0:
        assert abs(lr[n // 2] - (start + end) / 2) <= 4 * U * size
    assert abs(lr[-1] + (end - start) / n - end) <= 8 * U * size  # the end is one step further


@given(n=st.integers(1, 200), start=st.sampled_from([1.0, 1e-7]), end=st.sampled_from([10.0, 0.1]))
def test_exponential_has_one_quotient_and_the_geometric_mean_in_the_middle(n, start, end):
    lr = exponential(n, start, end)
    assert len(lr) == n
    assert lr[0] == start
    # a power x**y carries u |y log x| of its exponent, and 2 u of its own
    relative = 2 * U * (4 + abs(np.log(end / start)))
    assert np.abs(lr[1:] / lr[:-1] / (end / start) ** (1 / n) - 1).max(initial=0) <= 2 * relative
    if n % 2 == 0:
        assert abs(lr[n // 2] / np.sqrt(start * end) - 1) <= relative


def test_exponential_range_tries_eight_decades():
    lr = exponential_range()
    assert (len(lr), lr[0]) == (100, 1e-7)
    assert (np.diff(lr) > 0).all()
    assert lr[-1] < 10.0
    np.testing.assert_array_equal(lr, exponential(100, 1e-7, 10.0))


@given(
    n=st.integers(1, 120), length=st.integers(1, 20), mult=st.integers(1, 3),
    low=st.sampled_from([0.0, 1e-3]),
)  # fmt: skip
def test_cosine_restarts_are_cosines_one_after_another(n, length, mult, low):
    want, cycle = [], length
    while len(want) < n:
        want.extend(cosine(cycle, 1.0, low))
        cycle *= mult
    got = cosine_restarts(n, 1.0, length, mult, low)
    assert np.abs(got - want[:n]).max() <= 8 * U
    assert got[0] == 1.0
    if n > length:
        assert got[length] == 1.0


@given(n=st.integers(1, 100), size=st.integers(1, 30), gamma=st.sampled_from([0.1, 0.5, 1.0, 0.0]))
def test_step_decay_is_a_staircase(n, size, gamma):
    lr, stair = step_decay(n, 0.3, size, gamma), np.arange(n) // size
    want = 0.3 * gamma**stair
    assert (np.abs(lr - want) <= 2 * (stair + 2) * U * want + 2.0**-1074).all()
    assert lr[0] == 0.3
    assert (np.diff(lr)[np.diff(stair) == 0] == 0).all()


@given(n=st.integers(2, 300), pct=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]))
def test_flat_cosine_is_flat_and_then_half_a_cosine(n, pct):
    lr, position = flat_cosine(n, 0.1, pct_start=pct), np.arange(n) / n
    flat = position < pct - FLOAT32_POSITION
    assert (lr[flat] == 0.1).all()
    assert lr[0] == 0.1
    if pct < 1:
        want = half_cosine(0.1, 0.1 / 1e5, np.maximum(position - pct, 0) / (1 - pct))
        slope = np.pi / 2 / (1 - pct)
        assert np.abs(lr - want).max() <= 0.1 * slope * FLOAT32_POSITION
    assert (np.diff(lr) <= 0).all()
    assert lr[-1] > 0.1 / DIV_FINAL  # the end itself is never used


@given(
    n=st.integers(2, 300), pct=st.sampled_from([0.25, 0.3, 0.5]),
    anneal=st.sampled_from(["cos", "linear"]), three=st.booleans(),
)  # fmt: skip
def test_torchs_one_cycle_reaches_its_ends_in_monotone_pieces(n, pct, anneal, three):
    lr, mom = one_cycle_torch(n, 1.0, pct, anneal=anneal, three_phase=three)
    assert len(lr) == len(mom) == n
    assert lr[-1] == pytest.approx(1 / 25 / 1e4, abs=4 * U)
    assert mom[-1] == pytest.approx(0.95, abs=4 * U)
    peak = pct * n - 1
    if peak > 0:
        assert (lr[0], mom[0]) == (pytest.approx(1 / 25, abs=4 * U), pytest.approx(0.95, abs=4 * U))
    rising = np.arange(n) <= peak
    assert (np.diff(lr[rising]) > 0).all()
    assert (np.diff(mom[rising]) < 0).all()
    assert (np.diff(lr[~rising]) < 0).all()
    assert (np.diff(mom[~rising]) >= -4 * U).all()


@pytest.mark.parametrize("anneal", ["cos", "linear"])
def test_torchs_one_cycle_by_hand(anneal):
    """21 steps, peak at step 4: the middle of the rise is step 2, of the fall step 12."""
    lr, mom = one_cycle_torch(21, 1.0, 5 / 21, 4.0, 4.0, anneal)
    assert (lr[0], lr[2], lr[4]) == (0.25, pytest.approx(0.625, rel=8 * U), 1.0)
    assert [lr[i] for i in (12, 20)] == pytest.approx([17 / 32, 1 / 16], rel=32 * U)
    assert [mom[i] for i in (2, 12)] == pytest.approx([0.9, 0.9], rel=8 * U)
    lr, mom = one_cycle_torch(21, 1.0, 5 / 21, 4.0, 4.0, anneal, three_phase=True)
    assert (lr[4], lr[8]) == (1.0, pytest.approx(0.25, rel=8 * U))  # 2 * 5 - 2
    assert lr[6] == pytest.approx(0.625, rel=8 * U)
    assert lr[14] == pytest.approx((1 / 4 + 1 / 16) / 2, rel=8 * U)
    assert (mom[8:] == 0.95).all()


def test_a_phase_without_length_is_at_its_end():
    """torch divides by zero: its first phase ends at step 0."""
    lr, mom = one_cycle_torch(4, 1.0, 0.25)
    assert (lr[0], mom[0]) == (1.0, 0.85)


@pytest.mark.parametrize(
    ("call", "name"),
    [(lambda: linear(0, 1, 0), "n_steps"), (lambda: linear(2, -1, 0), "start"),
     (lambda: linear(2, 1, np.nan), "end"), (lambda: exponential(2, 0, 1), "start: must be > 0"),
     (lambda: exponential(2, 1, 0), "end: must be > 0, got 0. Use linear"),
     (lambda: exponential_range(0), "n_steps"), (lambda: cosine_restarts(3, 1, 0), "cycle_len"),
     (lambda: cosine_restarts(3, 1, 2, 0.5), "cycle_mult"), (lambda: step_decay(3, 1, 0), "step"),
     (lambda: cosine_restarts(3, 1, 2, lr_min=-1), "lr_min"),
     (lambda: step_decay(3, 1, 2, -1), "gamma"), (lambda: flat_cosine(10, 1, 0.5), "div_final"),
     (lambda: flat_cosine(10, 1, n_epochs=3), "n_epochs: 10 steps are not 3 equal epochs"),
     (lambda: one_cycle_torch(0, 1), "n_steps"), (lambda: one_cycle_torch(5, np.inf), "max_lr"),
     (lambda: one_cycle_torch(5, 1, 1.2), "pct_start"),
     (lambda: one_cycle_torch(5, 1, anneal="step"), "anneal: 'step' is unknown. Choose one of cos"),
     (lambda: one_cycle_torch(5, 1, div_factor=0), "div_factor"),
     (lambda: one_cycle_torch(5, 1, final_div_factor=0), "final_div_factor"),
     (lambda: one_cycle_torch(5, 1, base_momentum=2), "base_momentum"),
     (lambda: one_cycle_torch(5, 1, max_momentum=-1), "max_momentum")],
)  # fmt: skip
def test_settings_outside_their_range_are_refused_by_name(call, name):
    with pytest.raises(SettingError, match=name):
        call()


@pytest.mark.parametrize(
    "call",
    [lambda: one_cycle_fastai(0, 1.0), lambda: one_cycle_fastai(10, 1.0, n_epochs=3),
     lambda: one_cycle_fastai(10, np.nan), lambda: one_cycle_fastai(10, 1.0, pct_start=1.5),
     lambda: one_cycle_fastai(10, 1.0, div=0), lambda: cosine(2.5, 1.0), lambda: constant(1, -1)],
)  # fmt: skip
def test_settings_outside_their_range_are_refused(call):
    with pytest.raises(SettingError):
        call()

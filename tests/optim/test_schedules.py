"""Laws of the schedules."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf.errors import SettingError
from npcf.optim import constant, cosine, one_cycle_fastai

FLOAT32_POSITION = 2.0**-22  # a position in [0, 1] after a subtraction and a division in float32


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
    assert abs(int(mom.argmin()) - top) <= 1  # the peak may fall between two steps
    assert lr[0] == 1.0 / 25
    assert lr[-1] > 1e-5  # the end itself is never used


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


@pytest.mark.parametrize(
    "call",
    [lambda: one_cycle_fastai(0, 1.0), lambda: one_cycle_fastai(10, 1.0, n_epochs=3),
     lambda: one_cycle_fastai(10, np.nan), lambda: one_cycle_fastai(10, 1.0, pct_start=1.5),
     lambda: one_cycle_fastai(10, 1.0, div=0), lambda: cosine(2.5, 1.0), lambda: constant(1, -1)],
)  # fmt: skip
def test_settings_outside_their_range_are_refused(call):
    with pytest.raises(SettingError):
        call()

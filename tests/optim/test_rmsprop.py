"""Laws of RMSProp."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf.errors import SettingError, ShapeError
from npcf.optim import RMSProp
from npcf.verify import Formulas, RunningError, assert_same_bits, assert_within
from tests.optim.runs import rmsprop_settings, run, runs


def bounded(r, name, setting):
    """Return w after all steps, as Bounded."""
    f, w = Formulas(RunningError(r.params[name].dtype)), r.params[name]
    v = a = buf = np.zeros_like(w)
    for grads in r.grads:
        w, v, a, buf = f.rmsprop(w, grads[name], v, a, buf, **setting)
    return w


@given(r=runs(), setting=rmsprop_settings())
def test_every_step_lies_within_the_running_error(r, setting):
    got = run(RMSProp, r, setting)
    for name, start in r.params.items():
        want = bounded(r, name, setting)
        assert got[name].dtype == start.dtype
        assert_within(got[name], want.value, want.tolerance, name)


@given(n=st.integers(1, 300), g=st.sampled_from([1e-3, 0.3, 7.0]))
def test_a_constant_gradient_never_makes_the_variance_nan(n, g):
    """v - a**2 tends to zero and rounds to either side of it."""
    w = np.zeros(1, np.float32)
    opt = RMSProp({"w": w}, alpha=0.5, eps=1e-2, centered=True)
    for _ in range(n):
        opt.step({"w": np.full(1, g, np.float32)})
    assert np.isfinite(w).all()
    assert w[0] < 0


def test_an_absent_row_stands_still_without_decay_and_momentum():
    w = np.ones(2)
    opt = RMSProp({"w": w})
    opt.step({"w": np.array([1.0, 0.0])})
    after = w.copy()
    opt.step({"w": np.zeros(2)})
    assert_same_bits(w, after)


@pytest.mark.parametrize(
    ("setting", "name"),
    [({"lr": -1}, "lr"), ({"alpha": 1.1}, "alpha"), ({"alpha": -0.1}, "alpha"),
     ({"eps": -1e-8}, "eps"), ({"weight_decay": np.nan}, "weight_decay"),
     ({"momentum": -0.5}, "momentum"), ({"momentum": np.inf}, "momentum")],
)  # fmt: skip
def test_settings_outside_their_range_are_refused_at_once_and_between_steps(setting, name):
    with pytest.raises(SettingError, match=f"{name}: must be a finite number"):
        RMSProp({"w": np.ones(1)}, **setting)
    opt = RMSProp({"w": np.ones(1)})
    setattr(opt, *next(iter(setting.items())))
    with pytest.raises(SettingError, match=name):
        opt.step({"w": np.ones(1)})
    assert opt.params["w"].tolist() == [1]


def test_gradients_that_do_not_fit_are_refused_before_anything_moves():
    params = {"a": np.zeros(2), "b": np.zeros(3)}
    with pytest.raises(ShapeError, match=r"grads\['b'\]"):
        RMSProp(params).step({"a": np.ones(2), "b": np.ones(2)})
    assert not params["a"].any()

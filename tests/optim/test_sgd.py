"""Laws of stochastic gradient descent."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf.errors import DTypeError, SettingError, ShapeError, UsageError
from npcf.optim import SGD, fastai_sgd
from npcf.verify import Formulas, RunningError, assert_within
from tests.optim.runs import run, runs


@given(r=runs(steps=4), momentum=st.sampled_from([0.5, 0.9]))
def test_momentum_by_average_is_classic_momentum_with_lr_times_one_minus_m(r, momentum):
    """Seed 1: the spreadsheet averages, m buf + (1 - m) g; from a zero buffer both agree."""
    lr = 0.25
    classic = run(SGD, r, {"lr": lr * (1 - momentum), "momentum": momentum})
    for name, start in r.params.items():
        w, average = start.astype(np.float64), np.zeros(start.shape)
        for grads in r.grads:
            average = momentum * average + (1 - momentum) * grads[name]
            w = w - lr * average
        f, bound, buf = Formulas(RunningError(start.dtype)), start, None
        setting = {"lr": lr * (1 - momentum), "momentum": momentum}
        for grads in r.grads:
            bound, buf = f.sgd(bound, grads[name], buf, **setting)
        assert_within(classic[name], w, 2 * bound.tolerance, name)


def test_steps_change_the_callers_arrays_in_place():
    w = np.ones(3)
    SGD({"w": w}, 0.5).step({"w": np.ones(3)})
    assert w.tolist() == [0.5, 0.5, 0.5]


def test_settings_may_change_between_steps():
    w = np.ones(1)
    opt = SGD({"w": w}, lr=1.0)
    opt.lr, opt.momentum, opt.weight_decay = 0.25, 0.5, 2.0
    opt.step({"w": np.ones(1)})
    assert w.tolist() == [0.25]  # 1 - .25 (1 + 2)


def test_fastai_decouples_by_default_and_torch_couples():
    coupled, decoupled = np.ones(1), np.ones(1)
    SGD({"w": coupled}, 0.5, weight_decay=0.5, momentum=0.5).step({"w": np.ones(1)})
    fastai_sgd({"w": decoupled}, 0.5, mom=0.5, wd=0.5).step({"w": np.ones(1)})
    assert coupled.tolist() == [1 - 0.5 * 1.5]
    assert decoupled.tolist() == [1 * 0.75 - 0.5]


@pytest.mark.parametrize(
    ("name", "value"),
    [("lr", -1), ("lr", np.nan), ("lr", np.inf), ("momentum", -0.1), ("weight_decay", -1),
     ("weight_decay", np.nan), ("dampening", np.nan), ("nesterov", True), ("lr", "fast")],
)  # fmt: skip
def test_settings_outside_their_range_are_refused_at_once_and_between_steps(name, value):
    with pytest.raises(SettingError, match=name):
        SGD({"w": np.ones(1)}, **{name: value})
    opt = SGD({"w": np.ones(1)})
    setattr(opt, name, value)
    with pytest.raises(SettingError, match=name):
        opt.step({"w": np.ones(1)})
    assert opt.params["w"].tolist() == [1]


@pytest.mark.parametrize(
    ("grads", "error", "message"),
    [({}, UsageError, "no gradient for 'a'"),
     ({"a": np.ones(2), "b": np.ones(3), "c": np.ones(1)}, UsageError, "unknown parameter 'c'"),
     ({"a": np.ones(2), "b": np.ones((3, 1))}, ShapeError, r"grads\['b'\]"),
     ({"a": np.ones(2), "b": np.ones(3, np.float32)}, DTypeError, r"grads\['b'\]")],
)  # fmt: skip
def test_gradients_that_do_not_fit_are_refused_before_anything_moves(grads, error, message):
    params = {"a": np.zeros(2), "b": np.zeros(3)}
    with pytest.raises(error, match=message):
        SGD(params, 1.0).step(grads)
    assert not params["a"].any()


def test_parameters_that_cannot_be_trained_are_refused():
    frozen = np.ones(2)
    frozen.flags.writeable = False
    for bad, error in ((frozen, UsageError), (np.ones(2, int), DTypeError), ([1.0], DTypeError)):
        with pytest.raises(error, match="params"):
            SGD({"w": bad})

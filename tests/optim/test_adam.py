"""Laws of Adam and AdamW."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf.errors import SettingError, ShapeError
from npcf.optim import Adam, adamw, fastai_adam
from npcf.verify import Formulas, RunningError, assert_same_bits, assert_within, bounds
from npcf.verify.strategies import adam_settings
from tests.optim.runs import run, runs


def bounded(r, name, setting):
    """Return (w, m, v) after all steps, as Bounded."""
    f, w = Formulas(RunningError(r.params[name].dtype)), r.params[name]
    m = v = np.zeros_like(w)
    for t, grads in enumerate(r.grads, 1):
        w, m, v = f.adam(w, grads[name], m, v, t, **setting)
    return w, m, v


@given(r=runs(), setting=adam_settings())
def test_every_step_lies_within_the_running_error(r, setting):
    """Against the formula in float64 with the error of any float evaluation."""
    got = run(Adam, r, setting)
    for name, start in r.params.items():
        want, _, _ = bounded(r, name, setting)
        assert got[name].dtype == start.dtype
        assert_within(got[name], want.value, want.tolerance, name)


@given(r=runs(), setting=adam_settings())
def test_the_written_formula_step_by_step(r, setting):
    """The docstring's five lines with plain numbers, for each entry."""
    got = run(Adam, r, setting)
    (beta1, beta2), lr, wd = setting["betas"], setting["lr"], setting["weight_decay"]
    for name, start in r.params.items():
        bound, _, _ = bounded(r, name, setting)
        for index in np.ndindex(start.shape):
            w, m, v = float(start[index]), 0.0, 0.0
            for t, grads in enumerate(r.grads, 1):
                g = float(grads[name][index])
                if setting["decoupled"]:
                    w *= 1 - lr * wd
                else:
                    g += wd * w
                m = beta1 * m + (1 - beta1) * g
                v = beta2 * v + (1 - beta2) * g**2
                w -= lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + setting["eps"])
            assert_within(got[name][index], w, bound.tolerance[index], name)


@given(r=runs(), setting=adam_settings())
def test_a_rate_of_zero_moves_nothing(r, setting):
    got = run(Adam, r, setting | {"lr": 0.0})
    for name, start in r.params.items():
        assert_same_bits(got[name], start, name)


@given(r=runs(), setting=adam_settings())
def test_without_decay_adam_is_adamw(r, setting):
    setting = setting | {"weight_decay": 0.0}
    coupled, decoupled = (run(Adam, r, setting | {"decoupled": d}) for d in (False, True))
    for name, table in coupled.items():
        assert_same_bits(decoupled[name], table, name)


@given(r=runs(steps=1), setting=adam_settings())
def test_the_first_step_is_lr_g_over_abs_g_plus_eps(r, setting):
    """Bias correction makes m_hat = g and v_hat = g**2 whatever the betas."""
    setting = setting | {"weight_decay": 0.0}
    got = run(Adam, r, setting)
    for name, start in r.params.items():
        g = r.grads[0][name].astype(np.float64)
        want = start - setting["lr"] * g / (np.abs(g) + setting["eps"])
        assert_within(got[name], want, bounded(r, name, setting)[0].tolerance, name)


def squarable(g):
    """Zero where a square, scaled down by some powers of two, would leave the normal numbers."""
    smallest = np.sqrt(np.finfo(g.dtype).tiny) * 2**20
    return np.where(np.abs(g) < smallest, g.dtype.type(0), g)


@given(r=runs(), setting=adam_settings(), power=st.integers(-6, 6))
def test_scaling_gradients_and_eps_by_a_power_of_two_changes_no_bit(r, setting, power):
    """Steps depend on m / sqrt(v): the scale of the loss drops out, if eps scales with it."""
    setting = setting | {"weight_decay": 0.0, "eps": 2.0**-20}
    two = 2.0**power
    scaled = r._replace(
        grads=[
            {n: g * g.dtype.type(two) for n, g in gs.items()}
            for gs in ({n: squarable(g) for n, g in grads.items()} for grads in r.grads)
        ]
    )
    plain = scaled._replace(
        grads=[{n: g / g.dtype.type(two) for n, g in gs.items()} for gs in scaled.grads]
    )
    got, want = run(Adam, scaled, setting | {"eps": 2.0**-20 * two}), run(Adam, plain, setting)
    for name in want:
        assert_same_bits(got[name], want[name], name)


@given(r=runs(), setting=adam_settings())
def test_negating_parameters_and_gradients_negates_the_result(r, setting):
    mirrored = r._replace(
        params={n: -w for n, w in r.params.items()},
        grads=[{n: -g for n, g in grads.items()} for grads in r.grads],
    )
    got, want = run(Adam, mirrored, setting), run(Adam, r, setting)
    for name in want:
        assert_same_bits(got[name], -want[name], name)


def test_a_row_once_touched_goes_on_moving():
    """Dense Adam: an absent row has no gradient, but its running average is not zero."""
    w = np.ones(2)
    opt = Adam({"w": w}, lr=0.1)
    opt.step({"w": np.array([1.0, 0.0])})
    after = w.copy()
    opt.step({"w": np.zeros(2)})
    assert w[0] < after[0] < 1
    assert w[1] == 1


def test_decoupled_decay_shrinks_every_row_alike_and_coupled_by_the_sign():
    """Seed 1: coupled decay passes through the division by sqrt(v), decoupled does not."""
    start, zeros = np.array([100.0, 1.0]), np.zeros(2)
    coupled, decoupled, still = start.copy(), start.copy(), {"w": zeros}
    setting = {"lr": 0.1, "weight_decay": 0.1}
    bound = bounds.adam_step(start, zeros, zeros, zeros, 1, decoupled=True, **setting)[0]
    Adam({"w": coupled}, 0.1, weight_decay=0.1).step(still)
    Adam({"w": decoupled}, 0.1, weight_decay=0.1, decoupled=True).step(still)
    assert_within(decoupled, np.array([99.0, 0.99]), 2 * bound)
    # a first coupled step is lr * wd w / (wd |w| + eps): about lr for both
    want = start - 0.1 * (0.1 * start) / (0.1 * start + 1e-8)
    assert_within(coupled, want, 2 * bounds.adam_step(start, zeros, zeros, zeros, 1, **setting)[0])


def test_presets_have_the_sources_defaults():
    """torch.optim.Adam, torch.optim.AdamW, fastai's Adam."""

    def settings(opt):
        return opt.lr, opt.betas, opt.eps, opt.weight_decay, opt.decoupled

    params = {"w": np.ones(1)}
    assert settings(Adam(params)) == (1e-3, (0.9, 0.999), 1e-8, 0.0, False)
    assert settings(adamw(params)) == (1e-3, (0.9, 0.999), 1e-8, 0.01, True)
    assert settings(fastai_adam(params)) == (1e-3, (0.9, 0.99), 1e-5, 0.01, True)


def test_momentum_is_beta1_and_may_change_between_steps():
    opt = Adam({"w": np.ones(1)})
    assert opt.momentum == opt.betas[0]
    opt.momentum = 0.5
    assert opt.betas == (0.5, 0.999)
    opt.step({"w": np.ones(1)})
    assert opt.m["w"].tolist() == [0.5]


def test_without_eps_a_zero_gradient_is_nan_as_in_torch():
    w = np.ones(1)
    opt = Adam({"w": w}, eps=0.0)
    with np.errstate(invalid="ignore"):
        opt.step({"w": np.zeros(1)})
    assert np.isnan(w).all()


@pytest.mark.parametrize(
    ("setting", "name"),
    [({"lr": -1}, "lr"), ({"betas": (1.0, 0.9)}, r"betas\[0\]"), ({"eps": -1e-8}, "eps"),
     ({"betas": 0.9}, "betas: must be a pair"), ({"betas": (0.9,)}, "betas: must be a pair"),
     ({"betas": (0.9, np.nan)}, r"betas\[1\]"), ({"weight_decay": np.inf}, "weight_decay")],
)  # fmt: skip
def test_settings_outside_their_range_are_refused(setting, name):
    with pytest.raises(SettingError, match=name):
        Adam({"w": np.ones(1)}, **setting)


def test_gradients_that_do_not_fit_are_refused_before_anything_moves():
    params = {"a": np.zeros(2), "b": np.zeros(3)}
    opt = Adam(params)
    with pytest.raises(ShapeError):
        opt.step({"a": np.ones(2), "b": np.ones(2)})
    assert not params["a"].any()
    assert opt.t == 0

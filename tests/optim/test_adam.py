"""Laws of Adam and AdamW."""

import numpy as np
import pytest

from npcf.errors import SettingError, ShapeError
from npcf.optim import Adam, adamw, fastai_adam
from npcf.verify import assert_within, bounds


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
     ({"betas": 0.9}, "betas: must be 2 numbers"), ({"betas": (0.9,)}, "betas: must be 2 numbers"),
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

"""Laws of settings: defaults are those of the sources, and a range ends where it says it ends."""

import decimal
import inspect

import numpy as np
import pytest

from npcf.errors import SettingError, ShapeError
from npcf.optim import (
    SGD,
    Adam,
    RMSProp,
    SparseAdam,
    adamw,
    constant,
    cosine,
    cosine_restarts,
    exponential,
    exponential_range,
    fastai_adam,
    fastai_sgd,
    flat_cosine,
    linear,
    one_cycle_fastai,
    one_cycle_torch,
    renormalise_rows,
    step_decay,
)
from npcf.optim.optimizer import Optimizer

U = 2.0**-53


def optimizer(cls, **fixed):
    return lambda **setting: cls({"w": np.ones(1)}, **fixed | setting)


def betas(cls):
    """The two numbers of `betas` as settings of their own."""
    return lambda **setting: cls(
        {"w": np.ones(1)}, betas=(setting.get("betas[0]", 0.5), setting.get("betas[1]", 0.5))
    )


def schedule(function, *args, **fixed):
    return lambda **setting: function(*args, **fixed | setting)


# torch 2.13's signatures (amsgrad and the choices of implementation left out), with npcf's options
# that torch has not: decoupled, rows
TORCH = {
    SGD: {"lr": 1e-3, "momentum": 0, "dampening": 0, "nesterov": False, "weight_decay": 0,
          "decoupled": False, "rows": "all_rows"},
    Adam: {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0, "decoupled": False},
    adamw: {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.01},
    SparseAdam: {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8},
    RMSProp: {"lr": 1e-2, "alpha": 0.99, "eps": 1e-8, "weight_decay": 0, "momentum": 0,
              "centered": False, "decoupled": False},
    one_cycle_torch: {"pct_start": 0.3, "div_factor": 25, "final_div_factor": 1e4, "anneal": "cos",
                      "base_momentum": 0.85, "max_momentum": 0.95, "three_phase": False},
    step_decay: {"gamma": 0.1},
    cosine: {"lr_min": 0},
    cosine_restarts: {"cycle_mult": 1, "lr_min": 0},
}  # fmt: skip
FASTAI = {
    fastai_sgd: {"lr": 1e-3, "mom": 0, "wd": 0, "decouple_wd": True},
    fastai_adam: {"lr": 1e-3, "mom": 0.9, "sqr_mom": 0.99, "eps": 1e-5, "wd": 0.01,
                  "decouple_wd": True},
    one_cycle_fastai: {"div": 25, "div_final": 1e5, "pct_start": 0.25, "moms": (0.95, 0.85, 0.95),
                       "n_epochs": 1},
    flat_cosine: {"div_final": 1e5, "pct_start": 0.75, "n_epochs": 1},
    exponential_range: {"num_it": 100, "start_lr": 1e-7, "end_lr": 10},
}  # fmt: skip


@pytest.mark.parametrize("function", [*TORCH, *FASTAI], ids=lambda f: f.__name__)
def test_defaults_are_those_of_the_source(function):
    """A run that names no setting is the source's run."""
    signature = inspect.signature(function).parameters.values()
    got = {p.name: p.default for p in signature if p.default is not p.empty}
    assert got == (TORCH | FASTAI)[function]


FROM_ZERO = [
    (schedule(constant, 2), "lr"),
    (schedule(linear, 2, end=1), "start"),
    (schedule(linear, 2, 1), "end"),
    (schedule(cosine, 2), "lr_max"),
    (schedule(cosine, 2, 1), "lr_min"),
    (schedule(cosine_restarts, 2, cycle_len=1), "lr_max"),
    (schedule(cosine_restarts, 2, 1, 1), "lr_min"),
    (schedule(step_decay, 2, step_size=1), "lr"),
    (schedule(step_decay, 2, 1, 1), "gamma"),
    (schedule(one_cycle_fastai, 4), "lr_max"),
    (schedule(flat_cosine, 4), "lr"),
    (schedule(one_cycle_torch, 4), "max_lr"),
    *((optimizer(SGD), name) for name in ("lr", "momentum", "weight_decay")),
    *((optimizer(Adam), name) for name in ("lr", "eps", "weight_decay")),
    *((optimizer(RMSProp), name) for name in ("lr", "eps", "momentum", "weight_decay")),
]
FROM_ONE = [
    (schedule(one_cycle_fastai, 4, 1.0), "div"),
    (schedule(one_cycle_fastai, 4, 1.0), "div_final"),
    (schedule(flat_cosine, 4, 1.0), "div_final"),
    (schedule(one_cycle_torch, 4, 1.0), "div_factor"),
    (schedule(one_cycle_torch, 4, 1.0), "final_div_factor"),
]
FROM_ZERO_TO_ONE = [
    (schedule(one_cycle_fastai, 4, 1.0), "pct_start"),
    (schedule(flat_cosine, 4, 1.0), "pct_start"),
    (schedule(one_cycle_torch, 4, 1.0), "pct_start"),
    (schedule(one_cycle_torch, 4, 1.0), "base_momentum"),
    (schedule(one_cycle_torch, 4, 1.0), "max_momentum"),
    (optimizer(RMSProp), "alpha"),
]
BELOW_ONE = [(betas(cls), f"betas[{i}]") for cls in (Adam, SparseAdam) for i in (0, 1)]
ABOVE_ZERO = [
    (schedule(exponential, 2, end=1), "start"),
    (schedule(exponential, 2, 1), "end"),
    (optimizer(SparseAdam), "lr"),
    (optimizer(SparseAdam), "eps"),
    (schedule(renormalise_rows, np.ones((1, 1)), [0]), "max_norm"),
]
WITH_STEPS = [
    schedule(constant, lr=1),
    schedule(linear, start=1, end=1),
    schedule(exponential, start=1, end=1),
    schedule(cosine, lr_max=1),
    schedule(cosine_restarts, lr_max=1, cycle_len=1),
    schedule(step_decay, lr=1, step_size=1),
    schedule(one_cycle_fastai, lr_max=1),
    schedule(flat_cosine, lr=1),
    schedule(one_cycle_torch, max_lr=1, pct_start=0.5),
]
COUNTS = [
    *((call, "n_steps") for call in WITH_STEPS),
    (schedule(one_cycle_fastai, 4, 1.0), "n_epochs"),
    (schedule(flat_cosine, 4, 1.0), "n_epochs"),
    (schedule(cosine_restarts, 2, 1), "cycle_len"),
    (schedule(cosine_restarts, 2, 1, 1), "cycle_mult"),
    (schedule(step_decay, 2, 1), "step_size"),
]
before, after = (lambda x: np.nextafter(x, -np.inf)), (lambda x: np.nextafter(x, np.inf))
ENDS = [  # (call, setting, the last value inside, the first outside)
    *((*one, 0.0, before(0.0)) for one in [*FROM_ZERO, *FROM_ZERO_TO_ONE, *BELOW_ONE]),
    *((*one, 1.0, before(1.0)) for one in FROM_ONE),
    *((*one, 1.0, after(1.0)) for one in FROM_ZERO_TO_ONE),
    *((*one, before(1.0), 1.0) for one in BELOW_ONE),
    *((*one, after(0.0), 0) for one in ABOVE_ZERO),
    *((*one, after(0.0), 0.0) for one in ABOVE_ZERO),
    *((*one, 1, 0) for one in COUNTS),
]


@pytest.mark.parametrize(("call", "name", "inside", "outside"), ENDS)
def test_a_range_ends_where_it_says(call, name, inside, outside):
    """Its end is accepted, and the next number is refused, by name and with the value."""
    with np.errstate(all="ignore"):  # the smallest of all floats is no useful rate
        call(**{name: inside})
    with pytest.raises(SettingError) as refusal:
        call(**{name: outside})
    assert refusal.value.argument == name
    assert refusal.value.value == outside


@pytest.mark.parametrize("value", [-1e300, -1.0, 0.0, 1.0, 2.0, 1e300])
def test_any_finite_dampening_will_do_but_not_with_nesterov(value):
    """torch does not judge dampening; (1 - dampening) g grows where it is negative."""
    SGD({"w": np.ones(1)}, dampening=value)
    opt = optimizer(SGD, nesterov=True, momentum=0.5)
    if value:
        with pytest.raises(SettingError, match="nesterov: needs momentum > 0 and dampening = 0"):
            opt(dampening=value)
    else:
        assert opt(dampening=value).dampening == 0


def test_nesterov_needs_momentum():
    with pytest.raises(SettingError, match="nesterov: needs momentum > 0"):
        SGD({"w": np.ones(1)}, nesterov=True)
    assert SGD({"w": np.ones(1)}, nesterov=True, momentum=5e-324).nesterov


@pytest.mark.parametrize("name", ["a", "defaul", "defaults", "z"])
def test_a_mapping_may_name_default_and_nothing_else_that_is_unknown(name):
    with pytest.raises(SettingError, match=f"lr: names an unknown parameter '{name}'"):
        SGD({"w": np.ones(1)}, lr={"default": 1.0, name: 1.0})


def test_an_optimizer_without_a_rule_is_none():
    with pytest.raises(TypeError, match="abstract"):
        Optimizer({"w": np.ones(1)})


@pytest.mark.parametrize("cls", [SGD, Adam, RMSProp, SparseAdam])
def test_the_state_before_the_first_step_is_zero(cls):
    """And buffers that not every setting needs are not there."""
    opt = cls({"w": np.full(2, 3.0, np.float32)})
    assert opt.state_arrays().keys() == {
        *cls.COUNTS, *(f"{state}/w" for state in cls.STATES),
    }  # fmt: skip
    assert not any(array.any() for array in opt.state_arrays().values())


@pytest.mark.parametrize(
    ("anneal", "quarter"), [("cos", (1 - np.cos(np.pi / 4)) / 2), ("linear", 1 / 4)]
)
def test_a_quarter_of_torchs_way_tells_the_curves_apart(anneal, quarter):
    """In the middle they meet.  21 steps, the peak at step 4: a quarter is step 1, and step 8."""
    lr, mom = one_cycle_torch(21, 1.0, 5 / 21, 4.0, 4.0, anneal)
    assert lr[1] == pytest.approx(0.25 + 0.75 * quarter, rel=16 * U)
    assert lr[8] == pytest.approx(1 - (1 - 1 / 16) * quarter, rel=16 * U)
    assert mom[1] == pytest.approx(0.95 - 0.1 * quarter, rel=16 * U)
    assert mom[8] == pytest.approx(0.85 + 0.1 * quarter, rel=16 * U)


@pytest.mark.parametrize("value", [-1, -5e-324, 5e-324, 0.1, np.nan, {"w": 0.1}])
def test_sparse_adam_takes_no_decay_of_either_sign(value):
    opt = SparseAdam({"w": np.ones(1)})
    opt.weight_decay = 0
    with pytest.raises(SettingError, match="weight_decay: SparseAdam has none") as refusal:
        opt.weight_decay = value
    assert refusal.value.value is value


@pytest.mark.parametrize("alpha", [0.0, 0.25, 0.5, 0.75])
def test_a_step_of_rmsprop_from_rest(alpha):
    """v = (1 - alpha) g**2 and a = (1 - alpha) g, exact for these numbers."""
    opt = RMSProp({"w": np.zeros(1)}, alpha=alpha, centered=True)
    opt.step({"w": np.array([4.0])})
    assert opt.v["w"].tolist() == [16 * (1 - alpha)]
    assert opt.averages["w"].tolist() == [4 * (1 - alpha)]


def test_a_restart_after_many_steps_is_one_too():
    lr = cosine_restarts(1001, 1.0, 1000)
    assert lr[1000] == 1
    assert (np.diff(lr[:1000]) < 0).all()


def test_a_row_as_long_as_allowed_keeps_its_bits():
    weight = np.array([[3.0, 4.0], [3.0, np.nextafter(4.0, 5.0)], [0.0, 0.0]])
    before = weight.copy()
    renormalise_rows(weight, [0, 1, 2], 5.0)
    assert weight[[0, 2]].tolist() == before[[0, 2]].tolist()
    renormalise_rows(weight, [0], np.nextafter(5.0, 0.0))
    assert (weight[0] < before[0]).all()


@pytest.mark.parametrize("shape", [(), (2,), (2, 2, 1), (1, 2, 2)])
def test_rows_are_those_of_a_table(shape):
    with pytest.raises(ShapeError, match="weight: needs 2 dimension"):
        renormalise_rows(np.ones(shape), [0], 1.0)


def test_state_of_an_equal_dtype_is_taken_though_it_be_another_object():
    """Readers of files may hang notes on a dtype."""
    opt = Adam({"w": np.ones(2)})
    noted = np.dtype(np.float64, metadata={"from": "a file"})
    assert noted is not np.dtype(np.float64)
    opt.load_state_arrays(opt.state_arrays() | {"m/w": np.full(2, 7, noted)})
    assert opt.m["w"].tolist() == [7, 7]


@pytest.mark.parametrize("table", ["a", "lr", "z"])
def test_sparse_adam_names_the_setting_and_not_the_table(table):
    for name in ("lr", "eps"):
        with pytest.raises(SettingError, match="must be > 0, got 0") as refusal:
            SparseAdam({table: np.ones(1)}, **{name: 0.0})
        assert refusal.value.argument == name


@pytest.mark.parametrize("make", [decimal.Decimal, np.float64, np.array])
@pytest.mark.parametrize(("cls", "settings"), [
    (SGD, ("lr", "momentum", "dampening", "weight_decay")), (SparseAdam, ("lr", "eps")),
    (Adam, ("lr", "eps", "weight_decay")), (RMSProp, ("lr", "alpha", "eps", "momentum")),
])  # fmt: skip
def test_a_number_of_any_kind_is_that_number(cls, settings, make):
    """0.25 as a Decimal, NumPy's or an array: no float32 becomes float64, and no step fails."""
    plain, foreign = (cls({"w": np.ones(2, np.float32)}) for _ in range(2))
    for name in settings:
        setattr(plain, name, 0.25)
        setattr(foreign, name, make("0.25") if make is decimal.Decimal else make(0.25))
    for opt in (plain, foreign, plain, foreign):
        opt.step({"w": np.array([0.5, -3], np.float32)}, {"w": [0, 1]})
    assert plain.params["w"].tolist() == foreign.params["w"].tolist()
    assert {name: type(getattr(foreign, name)) for name in settings} == dict.fromkeys(
        settings, float
    )

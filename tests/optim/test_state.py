"""Laws of all optimisers: state that can be saved, and settings for each parameter."""

import json

import numpy as np
import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from npcf.errors import DTypeError, SettingError, ShapeError, UsageError
from npcf.optim import SGD, Adam, RMSProp, SparseAdam
from npcf.verify import assert_same_bits
from tests.optim.runs import touched_runs

LAYERED = {"lr": {"bias": 0.3, "default": 0.05}}
DECAYS = {"weight_decay": {"factors": 0.1, "bias": 0.0}}
CASES = {
    "sgd": (SGD, {"lr": 0.1}),
    "sgd layered": (SGD, LAYERED | DECAYS | {"momentum": 0.9, "dampening": 0.3}),
    "sgd nesterov": (SGD, {"momentum": 0.9, "nesterov": True, "decoupled": True} | DECAYS),
    "sgd touched": (SGD, LAYERED | DECAYS | {"momentum": 0.5, "rows": "touched_rows"}),
    "adam": (Adam, LAYERED | DECAYS),
    "adamw": (Adam, LAYERED | DECAYS | {"decoupled": True, "betas": (0.8, 0.9)}),
    "sparse adam": (SparseAdam, LAYERED | {"eps": 1e-5}),
    "rmsprop": (RMSProp, LAYERED | DECAYS),
    "rmsprop centered": (RMSProp, LAYERED | DECAYS | {"centered": True}),
    "rmsprop momentum": (RMSProp, LAYERED | {"centered": True, "momentum": 0.9, "decoupled": True}),
}


def each_case():
    """Yield every case within one test: drawing a run takes longer than its steps."""
    for case, (cls, setting) in CASES.items():
        note(case)
        yield cls, setting


def copies(params):
    return {name: table.copy() for name, table in params.items()}


def steps(opt, r, start, stop):
    for i in range(start, stop):
        opt.step(r.grads[i], r.touched[i])


@given(r=touched_runs(steps=4), cut=st.integers(0, 4))
def test_saved_at_any_step_and_loaded_it_goes_on_with_the_same_bits(r, cut):
    for cls, setting in each_case():
        saved_and_loaded(cls, setting, r, cut)


def saved_and_loaded(cls, setting, r, cut):
    whole = cls(copies(r.params), **setting)
    steps(whole, r, 0, cut)
    text = json.dumps({name: getattr(whole, name) for name in cls.SETTINGS})
    saved, arrays = copies(whole.params), copies(whole.state_arrays())
    steps(whole, r, cut, 4)

    fresh = cls(saved)
    for name, value in json.loads(text).items():
        setattr(fresh, name, tuple(value) if isinstance(value, list) else value)
    fresh.load_state_arrays(arrays)
    kept = copies(arrays)
    steps(fresh, r, cut, 4)
    for name, table in whole.params.items():
        assert_same_bits(saved[name], table, name)
    assert fresh.state_arrays().keys() == whole.state_arrays().keys()
    for name, array in whole.state_arrays().items():
        assert_same_bits(fresh.state_arrays()[name], array, name)
    for name, array in kept.items():  # loading copied
        assert_same_bits(arrays[name], array, name)


@given(r=touched_runs(steps=3), momentum=st.sampled_from([0.5, 0.8]))
def test_loading_forgets_what_was_there_before(r, momentum):
    """An optimiser that has already moved becomes the saved one, lazy buffers included."""
    for cls, setting in each_case():
        used, new = cls(copies(r.params), **setting), cls(copies(r.params), **setting)
        used.momentum = momentum
        steps(used, r, 0, 2)
        used.load_state_arrays(new.state_arrays())
        assert used.state_arrays().keys() == new.state_arrays().keys()
        for name, array in new.state_arrays().items():
            assert_same_bits(used.state_arrays()[name], array, name)


def test_names_are_flat_and_counts_are_int64():
    for cls, setting in CASES.values():
        opt = cls({"factors": np.ones((3, 2)), "bias": np.ones(3)}, **setting)
        everything = {"factors": np.arange(3), "bias": np.arange(3)}
        opt.step({"factors": np.ones((3, 2)), "bias": np.ones(3)}, everything)
        for key, array in opt.state_arrays().items():
            if key in cls.COUNTS:
                assert (array.dtype, array.shape, int(array)) == (np.int64, (), 1)
            else:
                state, name = key.split("/")
                assert array is getattr(opt, state)[name]


def adam_state(**changes):
    params = {"a": np.ones(2), "b": np.ones((3, 1))}
    arrays = Adam(params).state_arrays() | changes
    return {key: array for key, array in arrays.items() if array is not None}


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [({"t": None}, UsageError, "arrays: has no 't'"),
     ({"m/a": None}, UsageError, "arrays: has no 'm/a'"),
     ({"m/c": np.ones(2)}, UsageError, "arrays: names an unknown state 'm/c'"),
     ({"buffers/a": np.ones(2)}, UsageError, "names an unknown state 'buffers/a'"),
     ({"m/a": np.ones(3)}, ShapeError, r"arrays\['m/a'\]: shape \(3,\) is not \(2,\)"),
     ({"v/b": np.ones(3)}, ShapeError, r"arrays\['v/b'\]"),
     ({"v/b": np.ones((3, 1), np.float32)}, DTypeError, r"arrays\['v/b'\]: is not .* float64"),
     ({"m/a": [1.0, 1.0]}, DTypeError, r"arrays\['m/a'\]"),
     ({"t": np.array(1.0)}, DTypeError, r"arrays\['t'\]: is not .* int64"),
     ({"t": np.array([1])}, ShapeError, r"arrays\['t'\]: shape \(1,\) is not \(\)"),
     ({"t": np.array(-1)}, SettingError, "t: must be a whole number >= 0")],
)  # fmt: skip
def test_state_that_does_not_fit_is_refused_before_anything_is_loaded(changes, error, message):
    opt = Adam({"a": np.ones(2), "b": np.ones((3, 1))})
    opt.step({"a": np.ones(2), "b": np.ones((3, 1))})
    before = copies(opt.state_arrays())
    with pytest.raises(error, match=message):
        opt.load_state_arrays(adam_state(**changes))
    for name, array in before.items():
        assert_same_bits(opt.state_arrays()[name], array, name)


def test_half_of_the_buffers_is_refused():
    opt = SGD({"a": np.ones(2), "b": np.ones(3)}, momentum=0.9)
    with pytest.raises(UsageError, match="arrays: has no 'buffers/b'"):
        opt.load_state_arrays({"buffers/a": np.ones(2)})


@given(r=touched_runs())
def test_a_mapping_is_a_number_for_each_table_alone(r):
    for cls, setting in each_case():
        together = cls(copies(r.params), **setting)
        steps(together, r, 0, len(r.touched))
        for name, table in r.params.items():
            own = {
                key: value.get(name, value.get("default")) if isinstance(value, dict) else value
                for key, value in setting.items()
            }
            alone = cls({name: table.copy()}, **own)
            for grads, touched in zip(r.grads, r.touched, strict=True):
                alone.step({name: grads[name]}, {name: touched[name]})
            assert_same_bits(alone.params[name], together.params[name], name)


def test_rates_of_single_tables_may_change_between_steps():
    params = {"a": np.ones(1), "b": np.ones(1)}
    opt, ones = SGD(params), {"a": np.ones(1), "b": np.ones(1)}
    opt.lr = {"a": 0.5, "default": 0.25}
    opt.step(ones)
    opt.lr["a"] = 0.0
    opt.step(ones)
    assert (params["a"].tolist(), params["b"].tolist()) == ([0.5], [0.5])


@pytest.mark.parametrize("cls", [SGD, Adam, RMSProp, SparseAdam])
@pytest.mark.parametrize(
    ("value", "message"),
    [({}, "has no number for 'a'. Add it, or the key 'default'"), ({"a": 1}, "has no number for"),
     ({"default": 1, "c": 1}, "names an unknown parameter 'c'. The parameters are a, b"),
     ({"a": -1, "b": 1}, r"\['a'\]: must be a finite number"),
     ({"default": np.nan}, r"\['default'\]: must be a finite number"),
     ({"a": "fast", "b": 1}, r"\['a'\]: must be"), ([0.1, 0.2], "must be a finite number")],
)  # fmt: skip
def test_mappings_that_do_not_fit_are_refused(cls, value, message):
    params = {"a": np.ones(1), "b": np.ones(1)}
    for name in ("lr", "weight_decay")[: 1 if cls is SparseAdam else 2]:
        with pytest.raises(SettingError, match=f"{name}.*{message}"):
            cls(params, **{name: value})

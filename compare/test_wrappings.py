"""State dicts in the wrappings of torch, Lightning and fastai, made by torch itself."""

import copy
import logging

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from npcf import models
from npcf.errors import DTypeError, ShapeError, UsageError
from npcf.interop import LAYOUTS, convert, detect_layout


class FastaiModel(torch.nn.Module):
    """The layers of fastai's EmbeddingDotBias, under its names."""

    def __init__(self):
        super().__init__()
        self.u_weight, self.i_weight = torch.nn.Embedding(3, 2), torch.nn.Embedding(4, 2)
        self.u_bias, self.i_bias = torch.nn.Embedding(3, 1), torch.nn.Embedding(4, 1)


class Task(torch.nn.Module):
    """A module that holds the model, as Lightning's do."""

    def __init__(self, name="model"):
        super().__init__()
        setattr(self, name, FastaiModel())


MODEL = FastaiModel()
STATE = MODEL.state_dict()
WANT = convert(STATE, "npcf")
AVERAGED = torch.optim.swa_utils.AveragedModel(MODEL).state_dict()


def under(prefix, state=STATE):
    return {prefix + key: value for key, value in state.items()}


WRAPPED = {
    "module itself": lambda: MODEL,
    "DataParallel": lambda: torch.nn.DataParallel(MODEL).state_dict(),
    "compiled": lambda: torch.compile(MODEL).state_dict(),
    "DataParallel of compiled": lambda: torch.nn.DataParallel(torch.compile(MODEL)).state_dict(),
    "compiled of DataParallel": lambda: torch.compile(torch.nn.DataParallel(MODEL)).state_dict(),
    "averaged, with its counter": lambda: AVERAGED,
    "fastai's Learner.save": lambda: {
        "model": STATE,
        "opt": {"state": [{"mom": STATE}], "hypers": []},
    },
    "torch's tutorial": lambda: {"epoch": 3, "model_state_dict": STATE, "optimizer_state_dict": {}},
    "Lightning": lambda: {
        "state_dict": under("model."),
        "hyper_parameters": {"lr": 0.1},
        "epoch": 4,
    },
    "Lightning of compiled": lambda: {"state_dict": under("model._orig_mod."), "global_step": 1},
    "any attribute": lambda: under("net.recommender."),
    "deep": lambda: {"checkpoint": {"model": {"state_dict": under("module.")}}},
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch.compile's own
@pytest.mark.parametrize("make", WRAPPED.values(), ids=WRAPPED)
def test_a_wrapping_is_taken_off(make, caplog):
    state = make()
    with caplog.at_level(logging.WARNING, "npcf"):
        got = convert(state, "npcf")
    assert got.keys() == WANT.keys()
    for name, table in WANT.items():
        np.testing.assert_array_equal(got[name], table)
    assert detect_layout(state) == "fastai"
    assert bool(caplog.messages) == (state is not MODEL)


def test_it_is_said_what_was_taken(caplog):
    convert({"state_dict": under("module.")}, "npcf")
    assert caplog.messages == [
        "took the tables from state['state_dict'] under the prefix 'module.'"
    ]


@given(
    layout=st.sampled_from(list(LAYOUTS)),
    prefix=st.lists(st.sampled_from(["module", "_orig_mod", "model", "ema", "a.b"]), max_size=3),
    nest=st.lists(st.sampled_from(["model", "state_dict", "x"]), max_size=3),
    bias=st.booleans(),
)
def test_any_prefix_and_any_nesting_of_any_layout(layout, prefix, nest, bias):
    state = convert(WANT if bias else {k: WANT[k] for k in list(WANT)[:2]}, layout)
    wrapped = under("".join(f"{part}." for part in prefix), state)
    for key in nest:
        wrapped = {key: wrapped, "epoch": 1}
    assert detect_layout(wrapped) == layout
    got = convert(wrapped, layout)
    assert got.keys() == state.keys()
    assert all((got[key] == state[key]).all() for key in state)


TWO = {
    "ema_pytorch": (under("online_model.") | under("ema_model."), "'ema_model.'.*'online_model.'"),
    "timm": ({"state_dict": STATE, "state_dict_ema": STATE}, "'state_dict'.*'state_dict_ema'"),
}


@pytest.mark.parametrize(("state", "named"), TWO.values(), ids=TWO)
def test_two_models_are_named_and_the_cure_takes_one(state, named):
    with pytest.raises(UsageError, match=named) as raised:
        convert(state, "npcf")
    code = raised.value.cure.removeprefix("Pass one of them, such as ").rstrip(".")
    got = convert(eval(code, {"state": state}), "npcf")
    np.testing.assert_array_equal(got["user_bias"], WANT["user_bias"])


def test_what_is_missing_is_named_under_the_wrapping_too():
    lacking = copy.copy(STATE)
    del lacking["i_bias.weight"]
    for state in (
        under("module.", lacking),
        {"model": lacking},
        {"state_dict": under("a.", lacking)},
    ):
        with pytest.raises(UsageError, match="'fastai', but lacks 'i_bias.weight'"):
            convert(state, "npcf")


def test_tables_beside_the_prefix_are_not_left_out_in_silence():
    state = under("model.") | {"head.weight": torch.ones(2, 2)}
    with pytest.raises(UsageError, match="state: "):
        convert(state, "npcf")
    with pytest.raises(UsageError, match="in addition 'ema"):
        convert(STATE | under("ema."), "npcf")


def test_dtypes_and_places_of_tensors():
    for dtype in (torch.bfloat16, torch.float16):
        wide = convert({key: value.to(dtype) for key, value in STATE.items()}, "npcf")
        for key, table in STATE.items():
            name = {v: k for k, v in LAYOUTS["fastai"].keys.items()}[key]
            exact = table.to(dtype).double().numpy().reshape(wide[name].shape)
            np.testing.assert_array_equal(wide[name].astype(np.float64), exact)
            assert wide[name].dtype == np.float32
    with pytest.raises(DTypeError, match=r"torch tensor of dtype float8\w+\. Widen it"):
        convert({key: value.to(torch.float8_e5m2) for key, value in STATE.items()}, "npcf")
    with pytest.raises(DTypeError, match="layout sparse_coo.*to_dense"):
        convert(STATE | {"u_weight.weight": STATE["u_weight.weight"].to_sparse()}, "npcf")
    with pytest.raises(DTypeError, match="device meta"):
        convert(FastaiModel().to("meta").state_dict(), "npcf")
    parameters = convert(dict(MODEL.named_parameters()), "npcf")  # these require grad
    np.testing.assert_array_equal(parameters["user_factors"], WANT["user_factors"])


NO_STATES = {"none": None, "number": 3, "list": [STATE], "path": "model.pth",
             "array": np.ones((2, 2)), "class": FastaiModel}  # fmt: skip


@pytest.mark.parametrize("state", NO_STATES.values(), ids=NO_STATES)
def test_what_is_no_state_is_refused(state):
    with pytest.raises(UsageError, match="state: is .*state_dict"):
        convert(state, "npcf")
    with pytest.raises(UsageError, match="state: is .*state_dict"):
        detect_layout(state)


def test_a_model_of_npcf_is_its_tables():
    model = models.DotProductBiasEmb(3, 4, 2)
    got = convert(model, "npcf")
    np.testing.assert_array_equal(got["user_factors"], model.params["user_factors"])
    assert got["user_bias"].shape == (3,)


def test_a_table_of_text_is_named():
    with pytest.raises(DTypeError, match="u_weight"):
        convert(STATE | {"u_weight.weight": np.array([["a"]])}, "npcf")
    with pytest.raises(ShapeError, match="u_bias"):
        convert(under("m.", STATE | {"u_bias.weight": torch.ones(9, 1)}), "npcf")

"""Layouts: there and back gives the same bits; what does not fit is named."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from npcf import models
from npcf.errors import DTypeError, ShapeError, UsageError
from npcf.interop import LAYOUTS, convert, detect_layout
from npcf.verify import assert_same_bits
from npcf.verify.strategies import dtypes, lay_out, layouts

ANY_LAYOUT = st.sampled_from(list(LAYOUTS))


@st.composite
def states(draw, layout=None, bias=None):
    """Tables of any bits, NaN and subnormal included, in any layout of memory; 0 rows too."""
    name = layout or draw(ANY_LAYOUT)
    keys, column = LAYOUTS[name].keys, LAYOUTS[name].column
    sizes = {"user": draw(st.integers(0, 3)), "item": draw(st.integers(0, 3))}
    k, dtype = draw(st.integers(0, 3)), draw(dtypes)
    has_bias = draw(st.booleans()) if bias is None else bias
    state = {}
    for table, key in keys.items():
        n = sizes[table.split("_")[0]]
        shape = (n, k) if table.endswith("factors") else (n, 1) if column else (n,)
        if has_bias or table.endswith("factors"):
            state[key] = lay_out(draw(arrays(dtype, shape)), draw(layouts))
    return name, state


def bits(array):
    return np.ascontiguousarray(array).tobytes()


@given(case=states(), middle=ANY_LAYOUT)
def test_there_and_back_gives_the_same_bits(case, middle):
    name, state = case
    there = convert(state, middle)
    back = convert(there, name)
    assert detect_layout(state) == name
    assert back.keys() == state.keys()
    for key, table in state.items():
        assert (back[key].dtype, back[key].shape) == (table.dtype, table.shape)
        assert bits(back[key]) == bits(table)


@given(case=states(), way=st.permutations(list(LAYOUTS)))
def test_any_way_leads_to_one_result(case, way):
    _, state = case
    direct = convert(state, way[-1])
    for layout in way:
        state = convert(state, layout)
    assert state.keys() == direct.keys()
    assert all(bits(state[key]) == bits(table) for key, table in direct.items())


@given(case=states(bias=True), to=ANY_LAYOUT)
def test_the_result_is_a_copy_in_the_shapes_of_its_layout(case, to):
    _, state = case
    before = {key: bits(table) for key, table in state.items()}
    result = convert(state, to)
    for name, key in LAYOUTS[to].keys.items():
        assert result[key].ndim == (2 if "factors" in name or LAYOUTS[to].column else 1)
        result[key][...] = 7
    assert {key: bits(table) for key, table in state.items()} == before


@pytest.mark.parametrize(
    ("layout", "cls"),
    [
        ("embedding", models.DotProductBiasEmb),
        ("create_params", models.DotProductBiasCP),
        ("lesson", models.EmbeddingDotBias),
        ("fastai", models.DotProductBiasEmb),
    ],
)
def test_a_foreign_state_predicts_the_same_in_npcf(layout, cls):
    model = cls(4, 5, 3, rng=np.random.default_rng(0))
    state = convert(model.core_params(), layout)
    pairs = np.array(list(itertools.product(range(4), range(5))))
    again = models.PairModel(convert(state, "npcf"), model.y_range)
    assert_same_bits(again(pairs), model(pairs).reshape(-1))


class Tensor:
    """What is used of a torch tensor that wants a gradient and lives on a device."""

    def __init__(self, array):
        self.array, self.steps = array, []

    def detach(self):  # noqa: D102
        self.steps.append("detach")
        return self

    def cpu(self):  # noqa: D102
        self.steps.append("cpu")
        return self

    def numpy(self):  # noqa: D102
        assert self.steps == ["detach", "cpu"]
        return self.array

    def __array__(self, *args, **kwargs):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.")


@given(case=states(), to=ANY_LAYOUT)
def test_tensors_are_read_through_their_own_methods(case, to):
    _, state = case
    want = convert(state, to)
    got = convert({key: Tensor(table) for key, table in state.items()}, to)
    assert all(bits(got[key]) == bits(table) for key, table in want.items())


GOOD = {
    "u_weight.weight": np.ones((2, 3), np.float32),
    "i_weight.weight": np.ones((4, 3), np.float32),
    "u_bias.weight": np.ones((2, 1), np.float32),
    "i_bias.weight": np.ones((4, 1), np.float32),
}
BAD = [
    ({"u_bias.weight": None}, UsageError, r"'fastai', but lacks 'u_bias.weight'\. That layout has"),
    ({"optimizer": 1}, UsageError, "'fastai', but has in addition 'optimizer'"),
    (
        {"i_bias.weight": None, "i_bias": 1},
        UsageError,
        "lacks 'i_bias.weight' and has in addition 'i_bias'",
    ),
    (dict.fromkeys(GOOD), UsageError, "has none of the known keys; it has none at all"),
    ({"u_bias.weight": np.ones(2, np.float32)}, ShapeError, r"'u_bias.weight'.*\(n, 1\).*\(2,\)"),
    ({"i_bias.weight": np.ones((4, 2), np.float32)}, ShapeError, r"must be \(n, 1\).*\(4, 2\)"),
    ({"u_bias.weight": np.ones((3, 1), np.float32)}, ShapeError, "has 3 rows for 2 rows of fac"),
    ({"i_weight.weight": np.ones((4, 2), np.float32)}, ShapeError, r"shape \(4, 2\) does not"),
    ({"u_weight.weight": np.ones(2, np.float32)}, ShapeError, r"shape \(2,\) does not match"),
    ({"i_bias.weight": np.ones((4, 1))}, DTypeError, "dtype float64 is not float32 of 'u_weight"),
    ({"i_bias.weight": np.ones((4, 1), int)}, DTypeError, "dtype int64 is not one npcf computes"),
    ({"i_bias.weight": np.ones((4, 1), np.float16)}, DTypeError, "dtype float16 is not one"),
    ({"i_bias.weight": np.ones((4, 1), np.complex64)}, DTypeError, "holds complex numbers"),
    ({"i_bias.weight": np.ones((4, 1), ">f4").astype(object)}, DTypeError, "dtype object"),
]


@pytest.mark.parametrize(("change", "error", "message"), BAD)
def test_states_that_fit_no_model_are_refused(change, error, message):
    state = {key: table for key, table in (GOOD | change).items() if table is not None}
    with pytest.raises(error, match=message):
        convert(state, "npcf")

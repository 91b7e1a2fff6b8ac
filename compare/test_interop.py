"""State dicts of live torch models become npcf's parameters and back, bit for bit."""

import numpy as np
import pytest
from hypothesis import given

from compare import torch_models as oracle
from npcf import interop, models
from npcf.verify import Formulas, RunningError, assert_same_bits, assert_within
from npcf.verify.strategies import problems

LIVE = ["EmbeddingDotBias", "DotProductBiasEmb", "DotProductBiasCP"]


@pytest.mark.parametrize("name", LIVE)
@given(p=problems())
def test_a_live_models_state_predicts_the_same_here(name, p):
    twin = oracle.build(getattr(oracle, name), p.params, p.y_range)
    state = twin.state_dict()
    params = interop.convert(state, "npcf")
    for key, table in p.params.items():
        assert_same_bits(params[key], table, key)
    pred, _ = models.dot_product_bias_forward(params, p.users, p.items, p.y_range)
    x = oracle.to_torch(np.stack([p.users, p.items], axis=1))
    f = Formulas(RunningError(p.dtype))
    bound, _ = f.forward(p.params, p.users, p.items, p.y_range)
    assert_within(pred, twin(x).detach().numpy().reshape(-1), bound.tolerance)


@pytest.mark.parametrize("name", LIVE)
@given(p=problems())
def test_npcfs_parameters_load_into_a_live_model(name, p):
    """`load_state_dict` is strict: every name and shape must be the model's own."""
    zeros = {key: np.zeros_like(table) for key, table in p.params.items()}
    twin = oracle.build(getattr(oracle, name), zeros, p.y_range)
    layout = interop.detect_layout(twin.state_dict())
    state = interop.convert(p.params, layout)
    twin.load_state_dict({key: oracle.to_torch(array) for key, array in state.items()})
    for key, table in twin.tables().items():
        assert_same_bits(table.detach().numpy().reshape(p.params[key].shape), p.params[key], key)

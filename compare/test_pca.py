"""Principal components as fastai's `Tensor.pca` computes them, step by step in PyTorch."""

import numpy as np
import pytest
import torch

from npcf.analysis import pca
from npcf.verify import assert_within
from npcf.verify.precision import DOUBLE
from tests.analysis.components import aligned, backward_error, vectors_apart


def tensor_pca(x, k=2):
    """Centre over rows; U of the transpose; the first k columns; a product."""
    centred = x - torch.mean(x, 0)
    left = torch.linalg.svd(centred.T, full_matrices=False).U
    return centred @ left[:, :k]


@pytest.mark.parametrize("shape", [(300, 50), (9, 4), (5, 8)])
def test_fastais_components_up_to_the_sign(shape):
    table = np.random.default_rng(0).normal(size=shape)
    want = tensor_pca(torch.from_numpy(table), 3).numpy().T
    a = table - table.mean(axis=0)
    rounding = DOUBLE.gamma(sum(shape)) * np.linalg.norm(table)
    apart = vectors_apart(a, 3, rounding) * np.linalg.norm(a) + 2 * (backward_error(a) + rounding)
    assert np.isfinite(apart).all()
    assert_within(aligned(pca(table, 3, "fastai").T, want), want, apart[:, None])


def test_more_components_than_factors_are_fewer_there_and_refused_here():
    table = np.random.default_rng(0).normal(size=(9, 2))
    assert tensor_pca(torch.from_numpy(table), 3).shape == (9, 2)
    with pytest.raises(ValueError, match="Ask for n_components=2"):
        pca(table, 3, "fastai")

"""The names that the lesson's notebooks use: `from npcf.interop.lesson import *`.

With this line in place of `from fastai.collab import *` and `from fastai.tabular.all import *`, the
cells of "Comparing PyTorch Embeddings with Custom Embeddings" and of chapter 8 of the book run as
they stand, except those that define a model's class: fastai's `Module` would derive its gradients,
and here they are written by hand, so the class comes from here.

    the book's class                       here
    DotProduct                             TwoTableDotProduct(n_users, n_movies, n_factors)
    DotProduct with y_range                TwoTableDotProduct(..., y_range=(0, 5.5))
    DotProductBias on Embedding            DotProductBiasEmb
    DotProductBias on create_params        DotProductBiasCP
    collab_learner(dls, ...).model         FastaiDotBias

`DotProduct` is the module without parameters of lesson 5, as it was in 2017.  `torch` and `nn` are
as much of torch as the cells need (`npcf.interop.torch_names`); `np`, `pd` and `Path` come along as
they do from fastai.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from npcf import ops
from npcf.data import CollabDataLoaders, ColumnarModelData
from npcf.interop.collab import Learner, collab_learner
from npcf.interop.torch_names import L, Module, T, nn, one_hot, tensor, torch
from npcf.models import (
    DotProduct,
    DotProductBiasCP,
    DotProductBiasEmb,
    Embedding,
    EmbeddingDot,
    EmbeddingDotBias,
    FastaiDotBias,
    LessonArray,
    TwoTableDotProduct,
    create_params,
)
from npcf.training import MSELossFlat


def sigmoid_range(x: LessonArray, low: float, high: float) -> LessonArray:
    """Return sigmoid(x) * (high - low) + low."""
    return ops.sigmoid_range_forward(np.asarray(x), low, high)[0].view(LessonArray)


__all__ = [
    "CollabDataLoaders",
    "ColumnarModelData",
    "DotProduct",
    "DotProductBiasCP",
    "DotProductBiasEmb",
    "Embedding",
    "EmbeddingDot",
    "EmbeddingDotBias",
    "FastaiDotBias",
    "L",
    "Learner",
    "MSELossFlat",
    "Module",
    "Path",
    "T",
    "TwoTableDotProduct",
    "collab_learner",
    "create_params",
    "nn",
    "np",
    "one_hot",
    "pd",
    "sigmoid_range",
    "tensor",
    "torch",
]

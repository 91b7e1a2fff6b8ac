"""The names that the lesson's notebooks use: `from npcf.interop.lesson import *`.

With this line in place of `from fastai.collab import *` and `from fastai.tabular.all import *`, the
cells of "Comparing PyTorch Embeddings with Custom Embeddings" and of chapter 8 of the book run as
they stand, except those that define a model's class: fastai's `Module` would derive its gradients,
and here they are written by hand, so the class comes from here.

    the book's class                       here
    DotProduct, with y_range or without    TwoTableDotProduct(n_users, n_movies, n_factors, y_range)
    DotProductBias on Embedding            DotProductBiasEmb, also as DotProductBias
    DotProductBias on create_params        DotProductBiasCP
    collab_learner(dls, ...).model         FastaiDotBias

`DotProduct()` is the module without parameters of lesson 5, as it was in 2017; with sizes, as in
the book, it gives the book's.  `torch` and `nn` are as much of torch as the cells need
(`npcf.interop.torch_names`); `np`, `pd` and `Path` come along as they do from fastai.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from npcf import models, ops
from npcf.data import CollabDataLoaders, ColumnarModelData
from npcf.data.loaders import require_loaders
from npcf.interop.collab import Learner, collab_learner
from npcf.interop.torch_names import L, Module, T, nn, one_hot, tensor, torch
from npcf.models import (
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


class DotProduct(models.DotProduct):
    """Lesson 5's module without parameters; with sizes, the book's class of this name.

    `DotProduct(n_users, n_movies, n_factors, y_range)` returns a `TwoTableDotProduct`, and takes
    its options.
    """

    def __new__(cls, *sizes: Any, **options: Any) -> Any:
        """Return a module of its own, or two tables of `sizes`."""
        return TwoTableDotProduct(*sizes, **options) if sizes or options else super().__new__(cls)


DotProductBias = DotProductBiasEmb


def get_emb_sz(dls: Any, sz_dict: Mapping[str, int] | None = None) -> list[tuple[int, int]]:
    """Return (rows, width) of the user's and of the item's embedding: fastai's sizes for `dls`.

    `npcf.models.get_emb_sz` of its classes; `sz_dict` names other widths.
    """
    return models.get_emb_sz(require_loaders("dls", dls).classes, sz_dict)


def sigmoid_range(x: LessonArray, low: float, high: float) -> LessonArray:
    """Return sigmoid(x) * (high - low) + low."""
    return ops.sigmoid_range_forward(np.asarray(x), low, high)[0].view(LessonArray)


__all__ = [
    "CollabDataLoaders",
    "ColumnarModelData",
    "DotProduct",
    "DotProductBias",
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
    "get_emb_sz",
    "nn",
    "np",
    "one_hot",
    "pd",
    "sigmoid_range",
    "tensor",
    "torch",
]

"""The names that the lesson's notebooks use: `from npcf.interop.lesson import *`.

With this line in place of `from fastai.collab import *` and `from fastai.tabular.all import *`, the
cells of "Comparing PyTorch Embeddings with Custom Embeddings" run as they stand.  Only the two
model classes come from here, because their gradients are written by hand: fastai's `Module` would
derive them.  `torch.zeros` and `nn.Parameter` are as much of torch as `create_params` needs; `np`,
`pd` and `Path` come along as they do from fastai.
"""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

from npcf.data import CollabDataLoaders, ColumnarModelData
from npcf.models import (
    DotProduct,
    DotProductBiasCP,
    DotProductBiasEmb,
    Embedding,
    EmbeddingDot,
    EmbeddingDotBias,
    LessonArray,
    TwoTableDotProduct,
    create_params,
)
from npcf.training import Learner, MSELossFlat


def zeros(*size: int) -> LessonArray:
    """Return zeros in float32, as `torch.zeros` does."""
    return np.zeros(size, np.float32).view(LessonArray)


def T(rows: list[list[float]]) -> LessonArray:  # noqa: N802  (the lesson's name)
    """Return an array in float32: the lesson's shorthand for a tensor."""
    return np.array(rows, np.float32).view(LessonArray)


def parameter(array: LessonArray) -> LessonArray:
    """Return the array itself: what is trained is said by a model's `params`."""
    return array


torch = SimpleNamespace(zeros=zeros)
nn = SimpleNamespace(Parameter=parameter)

__all__ = [
    "CollabDataLoaders",
    "ColumnarModelData",
    "DotProduct",
    "DotProductBiasCP",
    "DotProductBiasEmb",
    "Embedding",
    "EmbeddingDot",
    "EmbeddingDotBias",
    "Learner",
    "MSELossFlat",
    "Path",
    "T",
    "TwoTableDotProduct",
    "create_params",
    "nn",
    "np",
    "pd",
    "torch",
]

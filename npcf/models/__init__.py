"""Compositions of ops: forward calls them downwards, backward is forward read upwards.

The functional core is `dot_product_forward`/`_backward` and `dot_product_bias_forward`/`_backward`;
the classes are the sources' models on top of it, each name meaning one thing.
"""

from typing import TYPE_CHECKING

from npcf.models.book import DotProductBiasCP, DotProductBiasEmb, TwoTableDotProduct
from npcf.models.dot_product import (
    DotProduct,
    DotProductCache,
    dot_product_backward,
    dot_product_forward,
)
from npcf.models.dot_product_bias import (
    PARAM_NAMES,
    DotProductBiasCache,
    dot_product_bias_backward,
    dot_product_bias_forward,
)
from npcf.models.fastai import FastaiDotBias
from npcf.models.full_matrix import (
    full_matrix_backward,
    full_matrix_forward,
    masked_mse_backward,
    masked_mse_forward,
    matmul_pairs,
    pair_costs,
    predict_matrix,
)
from npcf.models.initializers import fastai_normal, init_params, normal, uniform
from npcf.models.layers import Embedding, LessonArray, create_params
from npcf.models.lesson import EmbeddingDot, EmbeddingDotBias
from npcf.models.networks import (
    CollabNN,
    EmbeddingNet,
    EmbeddingNN,
    Network,
    NetworkCache,
    emb_sz_rule,
    get_emb_sz,
)
from npcf.models.pair_model import PairModel
from npcf.suggestions import suggesting

__all__ = [
    "PARAM_NAMES",
    "CollabNN",
    "DotProduct",
    "DotProductBiasCP",
    "DotProductBiasCache",
    "DotProductBiasEmb",
    "DotProductCache",
    "Embedding",
    "EmbeddingDot",
    "EmbeddingDotBias",
    "EmbeddingNN",
    "EmbeddingNet",
    "FastaiDotBias",
    "LessonArray",
    "Network",
    "NetworkCache",
    "PairModel",
    "TwoTableDotProduct",
    "create_params",
    "dot_product_backward",
    "dot_product_bias_backward",
    "dot_product_bias_forward",
    "dot_product_forward",
    "emb_sz_rule",
    "fastai_normal",
    "full_matrix_backward",
    "full_matrix_forward",
    "get_emb_sz",
    "init_params",
    "masked_mse_backward",
    "masked_mse_forward",
    "matmul_pairs",
    "normal",
    "pair_costs",
    "predict_matrix",
    "uniform",
]

if not TYPE_CHECKING:  # to a type checker every name would be there
    __getattr__ = suggesting(__name__, __all__)

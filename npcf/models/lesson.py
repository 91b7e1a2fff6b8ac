"""The models of the lesson notebooks (fastai, 2017): `forward(cats, conts)`; tables u, m, ub, mb.

Predictions are (B,).  The mathematics is in `npcf.models.dot_product` and `dot_product_bias`; these
classes say how each source shapes and fills its tables.
"""

from typing import Any

import numpy as np

from npcf._types import YRange
from npcf.errors import optional_rng, spell_checked
from npcf.models.initializers import uniform
from npcf.models.layers import Embedding, EmbeddingOf
from npcf.models.pair_model import PairModel


class EmbeddingDot(PairModel):
    """Two tables and their row-wise dot, `(u * m).sum(1)`; no biases, no range.

    The tables start uniform in [0, 0.05), as in the notebook.  `column=True` returns (B, 1), the
    post's `ret.view(ret.size()[0], 1)`.  `rng=None` draws from a fresh generator.
    """

    u, m = EmbeddingOf("user_factors"), EmbeddingOf("item_factors")

    @spell_checked
    def __init__(
        self,
        n_users: int,
        n_items: int,
        n_factors: int = 50,
        *,
        column: bool = False,
        rng: np.random.Generator | None = None,
        dtype: Any = np.float32,
    ):
        rng, init = optional_rng(rng), uniform(0, 0.05)
        options: dict[str, Any] = {"rng": rng, "dtype": dtype, "init": init}
        params = {
            "user_factors": Embedding(n_users, n_factors, **options).weight,
            "item_factors": Embedding(n_items, n_factors, **options).weight,
        }
        super().__init__(params, column=column)


class EmbeddingDotBias(PairModel):
    """`um + ub(users).squeeze() + mb(movies).squeeze()`, squashed into `y_range` unless None.

    Biases are `Embedding(n, 1)`, so `params["user_bias"]` is (U, 1).  `squeeze` does not
    broadcast: it removes the unit axis of the looked-up (B, 1), so that it fits the dot of shape
    (B,).  The tables start uniform in [-0.01, 0.01), as in the notebook.  fastai's library class of
    this name is the same mathematics with `fastai_normal` tables.
    """

    u, m = EmbeddingOf("user_factors"), EmbeddingOf("item_factors")
    ub, mb = EmbeddingOf("user_bias"), EmbeddingOf("item_bias")

    @spell_checked
    def __init__(
        self,
        n_users: int,
        n_items: int,
        n_factors: int = 50,
        y_range: YRange = None,
        *,
        mean: float = 0.0,
        rng: np.random.Generator | None = None,
        dtype: Any = np.float32,
    ):
        rng, init = optional_rng(rng), uniform(-0.01, 0.01)
        options: dict[str, Any] = {"rng": rng, "dtype": dtype, "init": init}
        params = {
            "user_factors": Embedding(n_users, n_factors, **options).weight,
            "item_factors": Embedding(n_items, n_factors, **options).weight,
            "user_bias": Embedding(n_users, 1, **options).weight,
            "item_bias": Embedding(n_items, 1, **options).weight,
        }
        super().__init__(params, y_range, mean=mean)

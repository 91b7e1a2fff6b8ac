"""The models of the lesson notebooks (fastai, 2017): `forward(cats, conts)`; tables u, m, ub, mb.

Predictions are (B,).  The mathematics is in `npcf.models.dot_product` and `dot_product_bias`; these
classes say how each source shapes and fills its tables.
"""

from typing import Any

import numpy as np

from npcf._types import YRange
from npcf.models.initializers import uniform
from npcf.models.layers import Embedding
from npcf.models.pair_model import PairModel


class EmbeddingDot(PairModel):
    """Two tables and their row-wise dot, `(u * m).sum(1)`; no biases, no range.

    The tables start uniform in [0, 0.05), as in the notebook.  `column=True` returns (B, 1), the
    post's `ret.view(ret.size()[0], 1)`.  `rng=None` draws from a fresh generator.
    """

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
        rng, init = rng or np.random.default_rng(), uniform(0, 0.05)
        self.u = Embedding(n_users, n_factors, rng=rng, dtype=dtype, init=init)
        self.m = Embedding(n_items, n_factors, rng=rng, dtype=dtype, init=init)
        params = {"user_factors": self.u.weight, "item_factors": self.m.weight}
        super().__init__(params, column=column)


class EmbeddingDotBias(PairModel):
    """`um + ub(users).squeeze() + mb(movies).squeeze()`, squashed into `y_range` unless None.

    Biases are `Embedding(n, 1)`, so `params["user_bias"]` is (U, 1).  `squeeze` does not
    broadcast: it removes the unit axis of the looked-up (B, 1), so that it fits the dot of shape
    (B,).  The tables start uniform in [-0.01, 0.01), as in the notebook.  fastai's library class of
    this name is the same mathematics with `fastai_normal` tables.
    """

    def __init__(
        self,
        n_users: int,
        n_items: int,
        n_factors: int = 50,
        y_range: YRange = None,
        *,
        rng: np.random.Generator | None = None,
        dtype: Any = np.float32,
    ):
        rng, init = rng or np.random.default_rng(), uniform(-0.01, 0.01)
        self.u = Embedding(n_users, n_factors, rng=rng, dtype=dtype, init=init)
        self.m = Embedding(n_items, n_factors, rng=rng, dtype=dtype, init=init)
        self.ub = Embedding(n_users, 1, rng=rng, dtype=dtype, init=init)
        self.mb = Embedding(n_items, 1, rng=rng, dtype=dtype, init=init)
        params = {
            "user_factors": self.u.weight,
            "item_factors": self.m.weight,
            "user_bias": self.ub.weight,
            "item_bias": self.mb.weight,
        }
        super().__init__(params, y_range)

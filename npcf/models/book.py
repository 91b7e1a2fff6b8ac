"""The models of the book (Howard & Gugger 2020, chapter 8): `forward(x)`, tables `user_factors`, ….

`DotProductBiasEmb` and `DotProductBiasCP` are the book's two classes `DotProductBias`, named as in
V. Bakshi, "Comparing PyTorch Embeddings with Custom Embeddings" (2024).  They differ in shapes:

                       bias table   bias looked up   dot                  prediction
    EmbeddingDotBias   (n, 1)       (B, 1) squeezed  (B,)                 (B,)
    DotProductBiasEmb  (n, 1)       (B, 1)           (B, 1) by keepdim    (B, 1)
    DotProductBiasCP   (n,)         (B,)             (B,)                 (B,)

With equal tables all three predict the same numbers.  The book says `movie` for item; the
attributes keep its names, `params` says item.
"""

from typing import Any

import numpy as np

from npcf._types import YRange
from npcf.models.layers import Embedding, create_params
from npcf.models.pair_model import PairModel


class TwoTableDotProduct(PairModel):
    """Two `Embedding` tables and `(users * movies).sum(dim=1)`: ids (B, 2) in, (B,) out.

    Source: the book's `class DotProduct(Module)`, quoted in the Stack Overflow question "Embedding
    against Linear".  Named apart from the lesson's parameter-free `DotProduct`.
    """

    def __init__(
        self,
        n_users: int,
        n_movies: int,
        n_factors: int,
        *,
        rng: np.random.Generator | None = None,
        dtype: Any = np.float32,
    ):
        rng = rng or np.random.default_rng()
        self.user_factors = Embedding(n_users, n_factors, rng=rng, dtype=dtype)
        self.movie_factors = Embedding(n_movies, n_factors, rng=rng, dtype=dtype)
        params = {
            "user_factors": self.user_factors.weight,
            "item_factors": self.movie_factors.weight,
        }
        super().__init__(params)


class DotProductBiasEmb(PairModel):
    """The book's model on `Embedding` tables: biases (n, 1), `keepdim=True`, predictions (B, 1)."""

    def __init__(
        self,
        n_users: int,
        n_movies: int,
        n_factors: int,
        y_range: YRange = (0, 5.5),
        *,
        rng: np.random.Generator | None = None,
        dtype: Any = np.float32,
    ):
        rng = rng or np.random.default_rng()
        self.user_factors = Embedding(n_users, n_factors, rng=rng, dtype=dtype)
        self.user_bias = Embedding(n_users, 1, rng=rng, dtype=dtype)
        self.movie_factors = Embedding(n_movies, n_factors, rng=rng, dtype=dtype)
        self.movie_bias = Embedding(n_movies, 1, rng=rng, dtype=dtype)
        params = {
            "user_factors": self.user_factors.weight,
            "item_factors": self.movie_factors.weight,
            "user_bias": self.user_bias.weight,
            "item_bias": self.movie_bias.weight,
        }
        super().__init__(params, y_range, column=True)


class DotProductBiasCP(PairModel):
    """The book's model on `create_params` arrays: biases (n,), indexed, predictions (B,)."""

    def __init__(
        self,
        n_users: int,
        n_movies: int,
        n_factors: int,
        y_range: YRange = (0, 5.5),
        *,
        rng: np.random.Generator | None = None,
        dtype: Any = np.float32,
    ):
        rng = rng or np.random.default_rng()
        self.user_factors = create_params([n_users, n_factors], rng=rng, dtype=dtype)
        self.user_bias = create_params([n_users], rng=rng, dtype=dtype)
        self.movie_factors = create_params([n_movies, n_factors], rng=rng, dtype=dtype)
        self.movie_bias = create_params([n_movies], rng=rng, dtype=dtype)
        params = {
            "user_factors": self.user_factors,
            "item_factors": self.movie_factors,
            "user_bias": self.user_bias,
            "item_bias": self.movie_bias,
        }
        super().__init__(params, y_range)

"""The models of the book (Howard & Gugger 2020, chapter 8): `forward(x)`, tables `user_factors`, ….

`DotProductBiasEmb` and `DotProductBiasCP` are the book's two classes `DotProductBias`, named as in
V. Bakshi, "Comparing PyTorch Embeddings with Custom Embeddings" (2024).  They differ in shapes:

                       bias table   bias looked up   dot                  prediction
    EmbeddingDotBias   (n, 1)       (B, 1) squeezed  (B,)                 (B,)
    FastaiDotBias      (n, 1)       (B, 1) squeezed  (B,)                 (B,)
    DotProductBiasEmb  (n, 1)       (B, 1)           (B, 1) by keepdim    (B, 1)
    DotProductBiasCP   (n,)         (B,)             (B,)                 (B,)

With equal tables all of them predict the same numbers.  The book says `movie` for item; the
attributes keep its names, `params` says item.
"""

from typing import Any

import numpy as np

from npcf._types import YRange
from npcf.errors import optional_rng, spell_checked
from npcf.models.layers import ArrayOf, Embedding, EmbeddingOf, create_params
from npcf.models.pair_model import PairModel


class TwoTableDotProduct(PairModel):
    """Two `Embedding` tables and `(users * movies).sum(dim=1)`: ids (B, 2) in, (B,) out.

    With `y_range` the sum is squashed into it.  Source: the book's `class DotProduct(Module)`; the
    Stack Overflow question "Embedding against Linear" quotes its first form, which has no range.
    Named apart from the lesson's parameter-free `DotProduct`.
    """

    user_factors, movie_factors = EmbeddingOf("user_factors"), EmbeddingOf("item_factors")

    @spell_checked
    def __init__(
        self,
        n_users: int,
        n_movies: int,
        n_factors: int,
        y_range: YRange = None,
        *,
        rng: np.random.Generator | None = None,
        dtype: Any = np.float32,
    ):
        options: dict[str, Any] = {"rng": optional_rng(rng), "dtype": dtype}
        params = {
            "user_factors": Embedding(n_users, n_factors, **options).weight,
            "item_factors": Embedding(n_movies, n_factors, **options).weight,
        }
        super().__init__(params, y_range)


class DotProductBiasEmb(PairModel):
    """The book's model on `Embedding` tables: biases (n, 1), `keepdim=True`, predictions (B, 1)."""

    user_factors, movie_factors = EmbeddingOf("user_factors"), EmbeddingOf("item_factors")
    user_bias, movie_bias = EmbeddingOf("user_bias"), EmbeddingOf("item_bias")

    @spell_checked
    def __init__(
        self,
        n_users: int,
        n_movies: int,
        n_factors: int,
        y_range: YRange = (0, 5.5),
        *,
        mean: float = 0.0,
        rng: np.random.Generator | None = None,
        dtype: Any = np.float32,
    ):
        options: dict[str, Any] = {"rng": optional_rng(rng), "dtype": dtype}
        params = {
            "user_factors": Embedding(n_users, n_factors, **options).weight,
            "user_bias": Embedding(n_users, 1, **options).weight,
            "item_factors": Embedding(n_movies, n_factors, **options).weight,
            "item_bias": Embedding(n_movies, 1, **options).weight,
        }
        super().__init__(params, y_range, column=True, mean=mean)


class DotProductBiasCP(PairModel):
    """The book's model on `create_params` arrays: biases (n,), indexed, predictions (B,)."""

    user_factors, movie_factors = ArrayOf("user_factors"), ArrayOf("item_factors")
    user_bias, movie_bias = ArrayOf("user_bias"), ArrayOf("item_bias")

    @spell_checked
    def __init__(
        self,
        n_users: int,
        n_movies: int,
        n_factors: int,
        y_range: YRange = (0, 5.5),
        *,
        mean: float = 0.0,
        rng: np.random.Generator | None = None,
        dtype: Any = np.float32,
    ):
        options: dict[str, Any] = {"rng": optional_rng(rng), "dtype": dtype}
        params = {
            "user_factors": create_params([n_users, n_factors], **options),
            "user_bias": create_params([n_users], **options),
            "item_factors": create_params([n_movies, n_factors], **options),
            "item_bias": create_params([n_movies], **options),
        }
        super().__init__(params, y_range, mean=mean)

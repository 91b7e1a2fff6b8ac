"""Networks over a user and an item: the book's `CollabNN`, and `EmbeddingNet` of fastai 0.7."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from npcf._types import Params, YRange
from npcf.errors import (
    optional_rng,
    require_count,
    require_dtype,
    require_number,
    spell_checked,
)
from npcf.models.initializers import Initializer, drawn, fastai_normal, uniform
from npcf.models.networks.drawing import drawn_parts
from npcf.models.networks.network import Layout, Network
from npcf.models.networks.parts import LINEAR, RELU, Part, dropout
from npcf.models.networks.settings import checked_sizes
from npcf.models.networks.states import arrays_of, built


class CollabNN(Network):
    """The book's model: two embeddings side by side, one hidden layer, a range.

        pred = sigmoid_range(relu([U[u], I[i]] @ W0.T + b0) @ W2.T + b2)        (B, 1)

    `user_sz` and `item_sz` are (rows, width).  Source: fastbook chapter 8, `CollabNN`.
    """

    @spell_checked
    def __init__(
        self,
        user_sz: tuple[int, int],
        item_sz: tuple[int, int],
        y_range: YRange = (0, 5.5),
        n_act: int = 100,
        *,
        rng: np.random.Generator | None = None,
        dtype: Any = np.float32,
    ):
        sizes, n_act = checked_sizes([user_sz, item_sz]), require_count("n_act", n_act)
        rng = optional_rng(rng)
        params = _drawn(BOOK, sizes, n_act, fastai_normal, rng, require_dtype("dtype", dtype))
        super().__init__(params, {}, BOOK, y_range, rng)

    @classmethod
    @spell_checked
    def from_state(
        cls,
        state: Mapping[str, Any],
        y_range: YRange = (0, 5.5),
        *,
        rng: np.random.Generator | None = None,
    ) -> "CollabNN":
        """Return the model of the book's state dict, bit for bit; the range is not in it."""
        return built(cls, BOOK, arrays_of(state), y_range, rng)


class EmbeddingNet(Network):
    """The lesson's network of fastai 0.7: dropouts before and after the hidden layer.

        x    = drop1([U[u], M[i]])                              p1
        x    = drop2(relu(x @ lin1.T + b1))                     p2
        pred = sigmoid_range(x @ lin2.T + b2)                   (B, 1)

    The notebook's range is half a star wider than the ratings: (min - 0.5, max + 0.5).
    Source: fastai 0.7, `lesson5-movielens.ipynb`.
    """

    @spell_checked
    def __init__(
        self,
        n_users: int,
        n_movies: int,
        nh: int = 10,
        p1: float = 0.05,
        p2: float = 0.5,
        *,
        n_factors: int = 50,
        y_range: YRange = (0, 5.5),
        rng: np.random.Generator | None = None,
        dtype: Any = np.float32,
    ):
        sizes = checked_sizes([(n_users, n_factors), (n_movies, n_factors)])
        layout, rng = _lesson(p1, p2), optional_rng(rng)
        init, dtype = uniform(-0.01, 0.01), require_dtype("dtype", dtype)
        params = _drawn(layout, sizes, require_count("nh", nh), init, rng, dtype)
        super().__init__(params, {}, layout, y_range, rng)

    @classmethod
    @spell_checked
    def from_state(
        cls,
        state: Mapping[str, Any],
        y_range: YRange = (0, 5.5),
        p1: float = 0.05,
        p2: float = 0.5,
        *,
        rng: np.random.Generator | None = None,
    ) -> "EmbeddingNet":
        """Return the model of the lesson's state dict, bit for bit."""
        return built(cls, _lesson(p1, p2), arrays_of(state), y_range, rng)


BOOK = Layout(
    {"user_factors": "user_factors", "item_factors": "item_factors"},
    (Part(LINEAR, "linear_0", "layers.0"), Part(RELU, "relu_0", "layers.1"),
     Part(LINEAR, "linear_1", "layers.2")),
)  # fmt: skip


def _lesson(p1: float, p2: float) -> Layout:
    p1, p2 = require_number("p1", p1, high=1.0), require_number("p2", p2, high=1.0)
    hidden = [Part(LINEAR, "linear_0", "lin1"), Part(RELU, "relu_0", ""),
              *dropout("dropout_0", "drop2", p2)]  # fmt: skip
    parts = [*hidden, Part(LINEAR, "linear_1", "lin2")]
    tables = {"user_factors": "u", "item_factors": "m"}
    return Layout(tables, parts, dropout("embed_dropout", "drop1", p1))


def _drawn(
    layout: Layout,
    sizes: list[tuple[int, int]],
    hidden: int,
    init: Initializer,
    rng: np.random.Generator,
    dtype: Any,
) -> Params:
    """Return fresh parameters: tables by `init`, layers as torch draws them."""
    tables = {name: drawn(init, size, rng, dtype)
              for name, size in zip(layout.fields, sizes, strict=True)}  # fmt: skip
    widths = [(sum(width for _, width in sizes), hidden), (hidden, 1)]
    return tables | drawn_parts(layout.parts, widths, rng, dtype)[0]

"""The model of fastai's `collab_learner`: tables u_weight, i_weight, u_bias, i_bias.

The mathematics is in `npcf.models.dot_product_bias`.  Biases are Embedding(n, 1), squeezed;
predictions are (B,).
"""

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npcf._types import YRange
from npcf.errors import (
    UnknownIdError,
    UsageError,
    optional_rng,
    require_flag,
    require_type,
    spell_checked,
)
from npcf.foreign import SAID, kind_of, written
from npcf.models.layers import Embedding, EmbeddingOf, LessonArray
from npcf.models.pair_model import PairModel
from npcf.suggestions import did_you_mean

Classes = Mapping[str, Sequence[Any]]  # labels of the users' rows, then of the items'


class FastaiDotBias(PairModel):
    """fastai's library class `EmbeddingDotBias`, by another name than the lesson notebook's.

        sigmoid_range( (u_weight(users) * i_weight(items)).sum(1) + u_bias + i_bias )

    All four tables start as fastai's `Embedding` does, fmod(z, 2) * 0.01 with z ~ N(0, 1), and are
    drawn in the order u_weight, i_weight, u_bias, i_bias.  `classes`, if given, are the labels of
    the rows, which `bias` and `weight` look up.
    """

    u_weight, i_weight = EmbeddingOf("user_factors"), EmbeddingOf("item_factors")
    u_bias, i_bias = EmbeddingOf("user_bias"), EmbeddingOf("item_bias")
    classes: Classes | None = None

    @spell_checked
    def __init__(
        self,
        n_factors: int,
        n_users: int,
        n_items: int,
        y_range: YRange = None,
        *,
        rng: np.random.Generator | None = None,
        dtype: Any = np.float32,
    ):
        options: dict[str, Any] = {"rng": optional_rng(rng), "dtype": dtype}
        params = {
            "user_factors": Embedding(n_users, n_factors, **options).weight,
            "item_factors": Embedding(n_items, n_factors, **options).weight,
            "user_bias": Embedding(n_users, 1, **options).weight,
            "item_bias": Embedding(n_items, 1, **options).weight,
        }
        super().__init__(params, y_range)

    @classmethod
    def from_classes(
        cls,
        n_factors: int,
        classes: Classes,
        y_range: YRange = None,
        *,
        rng: np.random.Generator | None = None,
    ) -> "FastaiDotBias":
        """Return a model with a row for each label of `classes`, such as `dls.classes`."""
        cure = "Pass dls.classes."
        tables = list(require_type("classes", classes, Mapping, cure).values())
        if len(tables) != 2:
            raise UsageError("classes", f"has labels of {len(tables)} tables, not 2", cure)
        n_users, n_items = map(len, tables)
        model = cls(n_factors, n_users, n_items, y_range, rng=rng)
        model.classes = classes
        return model

    def bias(self, arr: Iterable[Any], is_item: bool = True) -> LessonArray:
        """Return the biases (n,) of the items, or users, whose labels `arr` (n,) lists."""
        rows = self._rows(arr, is_item)
        found: LessonArray = (self.i_bias if is_item else self.u_bias)(rows)[:, 0]
        return found

    def weight(self, arr: Iterable[Any], is_item: bool = True) -> LessonArray:
        """Return the factors (n, K) of the items, or users, whose labels `arr` (n,) lists."""
        rows = self._rows(arr, is_item)
        found: LessonArray = (self.i_weight if is_item else self.u_weight)(rows)
        return found

    def _rows(self, arr: Any, is_item: bool) -> NDArray[np.int64]:
        if self.classes is None:
            cure = "Make it by npcf.models.FastaiDotBias.from_classes(n_factors, dls.classes)."
            raise UsageError("arr", "cannot be looked up: the model was made without classes", cure)
        labels = [*self.classes.values()][require_flag("is_item", is_item)]
        row_of = {label: row for row, label in enumerate(labels)}
        rows = []
        for position, label in enumerate(_listed(arr)):
            row = row_of.get(label, -1) if isinstance(label, str | int | np.integer) else -1
            if row < 0:
                problem = f"{written(label)} is not among the {len(labels)} labels"
                cure = f"{did_you_mean(label, labels)}The last is {written(labels[-1])}."
                raise UnknownIdError("arr", problem, cure, position=position, value=label)
            rows.append(row)
        return np.array(rows, np.int64)


def _listed(arr: Any) -> list[Any]:
    found = None
    if not isinstance(arr, str | bytes):
        with contextlib.suppress(*SAID):
            found = list(arr)
    if found is None:
        problem = f"is {kind_of(arr)}, not a list of labels"
        raise UsageError("arr", problem, "Put one in square brackets: [label].")
    return found

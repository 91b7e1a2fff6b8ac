"""The two ways the book makes a table: `Embedding`, which is called, and `create_params`, indexed.

    Embedding(n, k)(ids)      == weight[ids]          (B,) -> (B, K);   a bias is Embedding(n, 1)
    create_params([n, k])[ids] == array[ids]          (B,) -> (B, K);   a bias is create_params([n])

The one difference that matters downstream: an Embedding always returns rows, so its bias is (B, 1)
and the dot beside it must keep its unit axis (`keepdim=True`); the indexed array of shape (n,)
returns (B,).  Adding (B,) to (B, 1) makes (B, B); here that is refused with the reason.

Source: fastbook chapter 8, its question "even the type of brackets has changed!"; V. Bakshi,
"Comparing PyTorch Embeddings with Custom Embeddings" (2024).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from npcf._principal import principal
from npcf._types import FloatArray
from npcf.errors import (
    UsageError,
    as_array,
    optional_rng,
    require_count,
    require_floats,
    require_padding_idx,
    require_same_shape,
    require_type,
    spell_checked,
)
from npcf.models.initializers import Initializer, drawn, fastai_normal, normal
from npcf.ops import embedding_forward

Number = float  # which the class below has a method of the name of


class LessonArray(np.ndarray[Any, Any]):
    """An ndarray that reads the lessons' spelling too: `sum(dim=1, keepdim=True)`, `t()`, `pca(3)`.

    It refuses to add (B,) and (B, 1), and says that it is indexed when it is called.  What the
    lessons do to a tensor before they show it is done already: `cpu()` and `detach()` return the
    array itself.
    """

    def sum(
        self, axis: Any = None, *args: Any, dim: Any = None, keepdim: bool = False, **kwargs: Any
    ) -> Any:
        """Sum over `dim` (or `axis`), keeping it as a unit axis with `keepdim` (or `keepdims`)."""
        kwargs["keepdims"] = kwargs.get("keepdims", False) or keepdim
        return super().sum(axis if dim is None else dim, *args, **kwargs)

    def argsort(self, axis: Any = -1, *args: Any, descending: bool = False, **kwargs: Any) -> Any:
        """Return the order that sorts; with `descending`, largest first and ties by position."""
        if descending:
            return (-self).argsort(axis, kind="stable")
        return super().argsort(axis, *args, **kwargs)

    def t(self) -> "LessonArray":
        """Return the transpose, a view."""
        return self.T

    def float(self) -> "LessonArray":
        """Return the array in float32."""
        return self.astype(np.float32).view(LessonArray)

    def cpu(self) -> "LessonArray":
        """Return the array itself."""
        return self

    def detach(self) -> "LessonArray":
        """Return the array itself."""
        return self

    def pca(self, k: int = 2) -> "LessonArray":
        """Return the coordinates (n, k) of the rows along their first k principal components.

        Source: fastai `Tensor.pca`; here the largest entry of each component is positive.
        """
        return principal("x", self, k).scores(np.asarray(self)).view(LessonArray)

    def normal_(self, mean: Number = 0.0, std: Number = 1.0) -> "LessonArray":
        """Fill with N(mean, std**2) from a fresh generator, in place; return the array."""
        self[...] = np.random.default_rng().normal(mean, std, self.shape)
        return self

    def __add__(self, other: Any) -> Any:
        _refuse_outer_sum(self, other)
        return super().__add__(other)

    def __iadd__(self, other: Any) -> Any:
        _refuse_outer_sum(self, other)
        return super().__iadd__(other)

    def __call__(self, *ids: Any) -> Any:
        """Raise UsageError: round brackets are the Embedding's."""
        raise UsageError(
            "create_params(...)",
            "is an array, not a layer",
            "Index it with square brackets: array[ids]. (An Embedding is called: embedding(ids).)",
        )


class Embedding:
    """A table of `ni` rows and `nf` factors that is called with ids: `embedding(ids)` (B, nf).

    Filled by `init` from `rng` (a fresh generator if None).  The row `padding_idx` starts at zero
    and gets no gradient, as in `torch.nn.Embedding`.
    """

    @spell_checked
    def __init__(
        self,
        ni: int,
        nf: int,
        *,
        padding_idx: int | None = None,
        rng: np.random.Generator | None = None,
        dtype: Any = np.float32,
        init: Initializer = fastai_normal,
    ):
        shape = require_count("ni", ni, 0), require_count("nf", nf, 0)
        self._weight = drawn(init, shape, optional_rng(rng), dtype)
        self.padding_idx = require_padding_idx(padding_idx, ni)
        if self.padding_idx is not None:
            self._weight[self.padding_idx] = 0

    @classmethod
    def of(cls, weight: FloatArray) -> "Embedding":
        """Return the layer whose table is `weight` itself, not a copy."""
        layer = cls.__new__(cls)
        layer._weight, layer.padding_idx = require_floats("weight", weight, ndim=2), None
        return layer

    @property
    def weight(self) -> LessonArray:
        """The table (ni, nf), by reference; change it in place."""
        return self._weight.view(LessonArray)

    def __call__(self, ids: Any) -> LessonArray:
        """Return the rows `ids`, of shape (*ids.shape, nf)."""
        return embedding_forward(self._weight, ids, self.padding_idx)[0].view(LessonArray)

    def __getitem__(self, ids: Any) -> Any:
        raise UsageError(
            "Embedding",
            "is a layer, not an array",
            "Call it with round brackets: embedding(ids). (create_params gives what is indexed.)",
        )

    def __repr__(self) -> str:
        return f"Embedding({self._weight.shape[0]}, {self._weight.shape[1]})"


class EmbeddingOf:
    """A model's attribute that shows one of its `params` as an `Embedding`."""

    def __init__(self, name: str):
        self.name = name

    def __get__(self, model: Any, owner: Any = None) -> Any:
        if model is None:  # asked of the class
            return self
        return Embedding.of(model.params[self.name])


class ArrayOf:
    """A model's attribute that shows one of its `params` as what `create_params` returns."""

    def __init__(self, name: str):
        self.name = name

    def __get__(self, model: Any, owner: Any = None) -> Any:
        if model is None:  # asked of the class
            return self
        array: LessonArray = model.params[self.name].view(LessonArray)
        return array


def create_params(
    size: Sequence[int],
    *,
    rng: np.random.Generator | None = None,
    dtype: Any = np.float32,
    init: Initializer = normal,
) -> LessonArray:
    """Return an array of shape `size` drawn from N(0, 0.01**2), to be indexed with ids."""
    require_type("size", size, tuple | list, "Pass a list: create_params([n, k]).")
    shape = tuple(require_count(f"size[{i}]", n, 0) for i, n in enumerate(size))
    return drawn(init, shape, optional_rng(rng), dtype).view(LessonArray)


def _refuse_outer_sum(left: FloatArray, right: Any) -> None:
    """Raise ShapeError on (B,) with (B, 1): the sum would be every row with every row, (B, B)."""
    right = as_array("right", right)
    shapes = {left.ndim, right.ndim}
    if shapes == {1, 2} and len(left) == len(right):
        require_same_shape(left=left, right=right)

"""As much of `torch`, `torch.nn` and fastai's `Module` as the cells of the lessons name.

What `Module.parameters` finds is the book's point: an attribute is a parameter because of what it
*is* (a `Parameter`, or a layer that holds one), and a plain array is none.
"""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from npcf import ops
from npcf._types import FloatArray
from npcf.errors import require_count, require_flag, require_floats
from npcf.models import Embedding, LessonArray

EPS = 1e-8  # of CosineSimilarity: the shortest length that is divided by


class Parameter(LessonArray):
    """An array that `Module.parameters` lists."""

    def __new__(cls, array: Any) -> "Parameter":
        """Return a view of `array`."""
        return np.asarray(array).view(cls)


class Linear:
    """`x @ weight.T`, and `+ bias` unless that is False; both uniform in +-1 / sqrt(in_features).

    Source: torch.nn.Linear, its names, shapes and initial range.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True):
        shape = (
            require_count("out_features", out_features),
            require_count("in_features", in_features),
        )
        rng, end = np.random.default_rng(), shape[1] ** -0.5
        self.weight = Parameter(rng.uniform(-end, end, shape).astype(np.float32))
        given = require_flag("bias", bias)
        self.bias = (
            Parameter(rng.uniform(-end, end, shape[0]).astype(np.float32)) if given else None
        )

    def __call__(self, x: FloatArray) -> LessonArray:
        """Return the products (B, out_features) of rows (B, in_features)."""
        bias = None if self.bias is None else np.asarray(self.bias)
        out, _ = ops.linear_forward(np.asarray(x), np.asarray(self.weight), bias)
        return out.view(LessonArray)


class Module:
    """The book's base class, as far as its discussion of parameters goes.

    There is no autograd here, so a subclass with a `forward` alone is not trained: the book's
    models, their backward written out, are in `npcf.models`.
    """

    def parameters(self) -> Iterator[Parameter]:
        """Go through the attributes that are parameters, and those of layers and modules."""
        for value in vars(self).values():
            if isinstance(value, Parameter):
                yield value
            elif isinstance(value, Embedding):
                yield Parameter(value.weight)
            elif isinstance(value, Linear):
                yield from (p for p in (value.weight, value.bias) if p is not None)
            elif isinstance(value, Module):
                yield from value.parameters()

    def __call__(self, *args: Any) -> Any:
        """Return forward(*args)."""
        return self.forward(*args)  # type: ignore[attr-defined]


class L(list[Any]):
    """A list that begins with how many it holds when it is shown, as fastcore's."""

    def __repr__(self) -> str:
        return f"(#{len(self)}) {super().__repr__()}"


class CosineSimilarity:
    """x . y / (max(|x|, eps) max(|y|, eps)) along `dim`; source: torch.nn.CosineSimilarity."""

    def __init__(self, dim: int = 1, eps: float = EPS):
        self.dim, self.eps = dim, eps

    def __call__(self, x1: FloatArray, x2: FloatArray) -> LessonArray:
        """Return the cosines of what `x1` and `x2` hold along `dim`, broadcast together."""
        x, y = (np.asarray(require_floats(name, a)) for name, a in (("x1", x1), ("x2", x2)))
        lengths = (np.sqrt((a * a).sum(self.dim)) for a in (x, y))
        short, long = (np.maximum(length, self.eps) for length in lengths)
        cosines: LessonArray = ((x * y).sum(self.dim) / (short * long)).view(LessonArray)
        return cosines


def zeros(*size: int) -> LessonArray:
    """Return zeros in float32, as `torch.zeros` does."""
    return np.zeros(size, np.float32).view(LessonArray)


def ones(*size: int) -> LessonArray:
    """Return ones in float32, as `torch.ones` does."""
    return np.ones(size, np.float32).view(LessonArray)


def randn(*size: int) -> LessonArray:
    """Return N(0, 1) in float32 from a fresh generator, as `torch.randn` does."""
    return zeros(*size).normal_()


def tensor(values: Any) -> LessonArray:
    """Return an array: numbers with a point in float32, whole ones in int64."""
    array = np.asarray(values)
    return array.astype(np.float32 if array.dtype.kind == "f" else np.int64).view(LessonArray)


def T(rows: list[list[float]]) -> LessonArray:  # noqa: N802  (the lesson's name)
    """Return an array in float32: the lesson's shorthand for a tensor."""
    return np.array(rows, np.float32).view(LessonArray)


def one_hot(x: int, c: int) -> LessonArray:
    """Return zeros (c,), a one at `x`, as fastai's `one_hot` does."""
    row: LessonArray = ops.one_hot([x], c)[0].astype(np.uint8).view(LessonArray)
    return row


torch = SimpleNamespace(zeros=zeros, ones=ones, randn=randn, tensor=tensor)
nn = SimpleNamespace(
    Parameter=Parameter, Linear=Linear, Embedding=Embedding, CosineSimilarity=CosineSimilarity
)

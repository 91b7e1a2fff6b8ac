"""Plain NumPy numbers: an arithmetic for `npcf.verify.formulas`."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np


class Floats:
    """float32 or float64 as NumPy computes; settings are Python floats, arrays keep their dtype."""

    def __init__(self, dtype: Any = np.float64):
        self.dtype = np.dtype(dtype)

    def number(self, x: Any) -> float:
        """Take in a setting."""
        return float(x)

    def numbers(self, *xs: Any) -> Iterable[float]:
        """Take in settings."""
        return map(float, xs)

    def array(self, x: Any) -> Any:
        """Take in an array."""
        return np.asarray(x, self.dtype)

    def take(self, x: Any, ids: Any) -> Any:
        """Rows of a table."""
        return x[ids]

    def scatter_sum(self, x: Any, ids: Any, n_rows: int) -> Any:
        """Rows summed over equal ids into a table of `n_rows` rows."""
        table = np.zeros((n_rows, *x.shape[1:]), x.dtype)
        np.add.at(table, ids, x)
        return table

    def sum(self, x: Any, axis: int | None = None) -> Any:
        """Sum of the entries."""
        return x.sum(axis)

    def add(self, first: Any, *terms: Any) -> Any:
        """Sum of the terms, from the left."""
        for term in terms:
            first = first + term
        return first

    def product(self, first: Any, *factors: Any) -> Any:
        """Product of the factors, from the left."""
        for factor in factors:
            first = first * factor
        return first

    def sqrt(self, x: Any) -> Any:
        """Square root."""
        return math.sqrt(x) if isinstance(x, float) else np.sqrt(x)

    def sigmoid(self, x: Any) -> Any:
        """1 / (1 + exp(-x))."""
        with np.errstate(over="ignore"):
            return 1 / (1 + np.exp(-x))

    def slope(self, s: Any) -> Any:
        """(1 - s) s."""
        return (1 - s) * s

    def maximum(self, x: Any, low: float) -> Any:
        """max(x, low)."""
        return np.maximum(x, low)

    def nonnegative(self, x: Any) -> Any:
        """x, which is >= 0."""
        return x

    def cast(self, x: Any) -> Any:
        """A setting in the format of the arrays: NumPy does it by itself."""
        return x

    def column(self, x: Any) -> Any:
        """(B,) as (B, 1), to scale rows with."""
        return x[:, None]

    def size(self, x: Any) -> int:
        """Number of entries."""
        return int(x.size)

    def share(self, counts: Any) -> Any:
        """1 / counts."""
        return (1 / counts).astype(self.dtype)

    def where(self, mask: Any, x: Any, y: Any) -> Any:
        """X where the mask is true, else y."""
        return np.where(mask, x, y)

    def where_above(self, x: Any, limit: Any, above: Any, below: Any) -> Any:
        """`above` where x > limit, else `below`."""
        return np.where(x > limit, above, below)

    def is_zero(self, x: Any) -> Any:
        """Mask of the zeros."""
        return x == 0

    def abs(self, x: Any) -> Any:
        """|x|."""
        return np.abs(x)

    def largest(self, x: Any, y: Any) -> Any:
        """max(x, y), entry by entry."""
        return np.maximum(x, y)

    def constant(self, x: Any, like: Any) -> Any:
        """An array of the shape of `like`, all x."""
        return np.full_like(like, x)

    def through(self, x: Any, dtype: Any) -> Any:
        """X rounded to another dtype and back."""
        return x.astype(dtype).astype(x.dtype)

    def sum_through(self, x: Any, dtype: Any, axis: int | None = None) -> Any:
        """Sum of the entries, computed in another dtype."""
        return x.astype(dtype).sum(axis).astype(x.dtype)

    def either(self, first: Any, *others: Any, given: Any = ()) -> Any:
        """The first way to evaluate a piece."""
        return first(*given)

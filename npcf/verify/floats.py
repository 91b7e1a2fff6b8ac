"""Plain NumPy numbers: an arithmetic for `npcf.verify.formulas`."""

import math
from typing import Any

import numpy as np

from npcf.verify.arithmetic import Arithmetic
from npcf.verify.precision import BFLOAT16, rounded_to


class Floats(Arithmetic):
    """float32 or float64 as NumPy computes; settings are Python floats, arrays keep their dtype."""

    def __init__(self, dtype: Any = np.float64):
        self.dtype = np.dtype(dtype)

    number = staticmethod(float)
    where, abs = staticmethod(np.where), staticmethod(np.abs)
    maximum = largest = staticmethod(np.maximum)

    def array(self, x: Any) -> Any:
        return np.asarray(x, self.dtype)

    def constant(self, x: Any, like: Any) -> Any:
        return np.full_like(like, x)

    def take(self, x: Any, ids: Any) -> Any:
        return x[ids]

    def column(self, x: Any) -> Any:
        return x[:, None]

    def size(self, x: Any) -> int:
        return int(x.size)

    def sum(self, x: Any, axis: int | None = None) -> Any:
        return x.sum(axis)

    def scatter_sum(self, x: Any, ids: Any, n_rows: int) -> Any:
        table = np.zeros((n_rows, *x.shape[1:]), x.dtype)
        np.add.at(table, ids, x)
        return table

    def transpose(self, x: Any) -> Any:
        return x.T

    def concatenate(self, parts: Any) -> Any:
        return np.concatenate(parts, axis=-1)

    def sqrt(self, x: Any) -> Any:
        return math.sqrt(x) if isinstance(x, float) else np.sqrt(x)

    def sigmoid(self, x: Any) -> Any:
        with np.errstate(over="ignore"):
            return 1 / (1 + np.exp(-x))

    def share(self, counts: Any) -> Any:
        return (1 / counts).astype(self.dtype)

    def where_above(self, x: Any, limit: Any, above: Any, below: Any) -> Any:
        return np.where(x > limit, above, below)

    def is_zero(self, x: Any) -> Any:
        return x == 0

    def through(self, x: Any, dtype: Any) -> Any:
        return rounded_to(x, dtype)

    def sum_through(self, x: Any, dtype: Any, axis: int | None = None) -> Any:
        if dtype == BFLOAT16:
            total = rounded_to(x, dtype).astype(np.float32).sum(axis)
            return rounded_to(np.asarray(total), dtype).astype(x.dtype)
        return x.astype(dtype).sum(axis).astype(x.dtype)

"""What `npcf.verify.bounded.Bounded` is made of, and its rows and sums."""

import math
from typing import Any, Self, cast

import numpy as np

from npcf._types import FloatArray, IdArray
from npcf.verify.precision import PRECISION, SLACK, Precision, quiet
from npcf.verify.setting import Setting


class BoundedSums:
    """value (float64 array), error (float64 array >= 0), precision.

    What only bounds become tighter by: `floor`, which no value, exact or computed, is below;
    `peak`, a number that no computed absolute value exceeds; `parts` of a sum, so that its terms
    may be mixed with others; `complement`, 1 - s of a sigmoid s.
    """

    __slots__ = (
        "_error", "_size", "complement", "floor", "parts", "peak", "precision", "value",
    )  # fmt: skip
    __array_ufunc__ = None  # NumPy numbers leave the operators to us

    def __init__(
        self, value: Any, error: Any, precision: Precision, floor: float | None = None,
        peak: float = math.inf,
    ):  # fmt: skip
        self.value = np.asarray(value, np.float64)
        self._error: Any = error if type(error) is float else np.asarray(error, np.float64)
        self.precision, self.floor = precision, floor
        self.parts = self.complement = self._size = cast(Any, None)
        if not peak <= precision.huge:
            reach = self._reach
            peak = float(reach.max(initial=0.0))
            if not peak <= precision.huge:  # NaN too
                self._error = np.where(reach <= precision.huge, self._error, np.inf)
                peak = math.inf
        self.peak = peak

    @classmethod
    def exact(cls, array: Any, precision: Precision | None = None) -> Self:
        """Take in numbers as they are, in the precision of their dtype."""
        value = np.asarray(array, np.float64)
        low, high = (float(value.min()), float(value.max())) if value.size else (0.0, 0.0)
        p = precision or PRECISION[array.dtype]
        return cls(value, 0.0, p, 0.0 if low >= 0 else None, max(high, -low))

    def constant(self, number: float) -> Self:
        """Return a Python number that was computed, as it enters this precision: rounded once."""
        return type(self)(number, abs(number) * self.precision.u, self.precision)

    def __len__(self) -> int:
        return len(self.value)

    @property
    def size(self) -> int:
        """Number of entries."""
        return self.value.size

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value."""
        return self.value.shape

    @property
    def error(self) -> FloatArray:
        """An upper bound of the distance between the exact result and any computed one."""
        return np.broadcast_to(np.asarray(self._error), self.value.shape)

    @property
    @quiet
    def bound(self) -> FloatArray:
        """The error, rounded upwards."""
        error = self.error * SLACK
        return np.where(np.isnan(error), np.inf, error)

    @property
    def tolerance(self) -> FloatArray:
        """How far two implementations may lie apart."""
        bound: FloatArray = 2 * self.bound + 2 * self.precision.eta
        return bound

    @property
    def magnitude(self) -> FloatArray:
        """An upper bound of the exact absolute value."""
        bound: FloatArray = self._abs + self._error
        return bound

    @property
    def _abs(self) -> Any:
        if self._size is None:
            self._size = abs(self.value)
        return self._size

    @property
    def _exact(self) -> bool:
        return type(self._error) is float and self._error == 0

    @property
    def _reach(self) -> Any:
        """An upper bound of a computed absolute value: an error off one that is an error off."""
        return self._abs if self._exact else self._abs + 2 * self._error

    # -- rows, sums --------------------------------------------------------------------------------

    def _each(self, index: Any) -> Self:
        error = self._error if np.ndim(self._error) == 0 else self._error[index]
        return type(self)(self.value[index], error, self.precision, self.floor, self.peak)

    def take(self, ids: IdArray) -> Self:
        """Look up rows: no rounding."""
        return self._each(ids)

    def transposed(self) -> Self:
        """Return (A, B) as (B, A)."""
        return type(self)(self.value.T, self.error.T, self.precision, self.floor, self.peak)

    def column(self) -> Self:
        """Return (B,) as (B, 1), to scale rows with."""
        return self._each((slice(None), None))

    @quiet
    def scatter(self, ids: IdArray, n_rows: int) -> Self:
        """Sum rows over equal ids, in any order, into a table of `n_rows` rows."""
        shape, p = (n_rows, *self.shape[1:]), self.precision
        value, error, reach = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        np.add.at(value, ids, self.value)
        np.add.at(reach, ids, self._abs)
        if not self._exact:
            np.add.at(error, ids, self.error)
            reach += 2 * error
        more = np.maximum(np.bincount(ids, minlength=n_rows) - 1, 0)
        more = more.reshape(-1, *[1] * (len(shape) - 1))
        error = error + p.gamma(more) * reach + more * p.dropped
        peak = self.peak * max(len(ids), 1) * 2
        if not peak <= p.huge:  # some order of the additions may overflow on the way
            error = np.where(reach * (1 + p.gamma(more)) <= p.huge, error, np.inf)
        return type(self)(value, error, p, None, peak)

    @quiet
    def sum(self, axis: int | None = None) -> Self:
        """Sum in any order."""
        n = self.size if axis is None else self.shape[axis]
        error = 0.0 if self._exact else self.error.sum(axis)
        reach = self._abs.sum(axis) + 2 * error
        total = self._any_order(self.value.sum(axis), error, reach, n, self.peak * max(n, 1))
        total.floor = 0.0 if self.floor is not None and self.floor >= 0 else None
        return total

    def _any_order(self, value: Any, inherited: Any, reach: Any, n: int, peak: float) -> Self:
        p, more = self.precision, max(n - 1, 0)
        error = inherited + p.gamma(more) * reach + more * p.dropped
        peak = peak * (1 + 2 * p.gamma(more))
        if not peak <= p.huge:  # some order of the additions may overflow on the way
            error = np.where(reach * (1 + p.gamma(more)) <= p.huge, error, np.inf)
        total = type(self)(value, error, p, None, peak)
        total.parts = (inherited, reach, n)
        return total

    @quiet
    def __matmul__(self, other: Self) -> Self:
        """Multiply matrices, each sum in any order: gamma_n of all that is added up."""
        n, p, inherited = self.shape[1], self.precision, cast(Any, 0.0)
        if not self._exact:
            inherited = self.error @ (other._abs + 3 * other.error)
        if not other._exact:
            inherited = inherited + self._abs @ other.error
        reach = np.asarray(self._reach) @ np.asarray(other._reach)
        error = inherited + p.gamma(n) * reach + n * (p.eta + p.dropped)
        peak = self.peak * other.peak * max(n, 1) * (1 + 2 * p.gamma(n))
        if not peak <= p.huge:  # some order of the additions may overflow on the way
            error = np.where(reach * (1 + p.gamma(n)) <= p.huge, error, np.inf)
        return type(self)(self.value @ other.value, error, p, None, peak)

    @quiet
    def plus(self, *terms: Any) -> Self:
        """Add any number of terms in any order; the terms of a `sum` may be mixed with others."""
        inherited, reach, n = self.parts or (self._error, self._reach, 1)
        value, peak = self.value, self.peak
        for term in terms:
            n, value = n + 1, value + term.value
            if isinstance(term, Setting):
                size, error, _ = abs(term.value), *term.within(self.precision)[1:]
                inherited, reach, peak = (
                    inherited + error,
                    reach + size + error,
                    peak + size + error,
                )
                continue
            more, wide, count = term.parts or (term._error, term._reach, 1)
            inherited, reach, n = inherited + more, reach + wide, n + count - 1
            peak += term.peak
        return self._any_order(value, inherited, reach, n, peak)

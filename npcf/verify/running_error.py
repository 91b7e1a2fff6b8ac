"""Running error analysis: an arithmetic for `npcf.verify.formulas`, over `Bounded` numbers."""

from operator import attrgetter, methodcaller
from typing import Any

import numpy as np

from npcf.verify.arithmetic import Arithmetic
from npcf.verify.bounded import Bounded
from npcf.verify.libraries import Library
from npcf.verify.precision import PRECISION, Precision, narrow, precision_of, quiet
from npcf.verify.setting import Setting


class RunningError(Arithmetic):
    """Bounded numbers in the precision of `dtype`, as `library` computes; None: as any does.

    `dtype` may be a Precision.
    """

    def __init__(self, dtype: Any = np.float64, library: Library | None = None):
        if isinstance(dtype, Precision):
            self.precision = dtype
        elif library is None:
            self.precision = PRECISION[np.dtype(dtype)]
        else:
            self.precision = precision_of(np.dtype(dtype), library)
        nothing = dict.fromkeys(("u", "eta", "tiny", "dropped", "exp", "sqrt"), 0.0)
        self._unrounded = self.precision._replace(**nothing)

    number = staticmethod(Setting.of)
    take, column = staticmethod(Bounded.take), staticmethod(Bounded.column)
    transpose = staticmethod(Bounded.transposed)
    sum, scatter_sum = staticmethod(Bounded.sum), staticmethod(Bounded.scatter)
    sqrt, sigmoid = staticmethod(methodcaller("sqrt")), staticmethod(Bounded.sigmoid)
    size = staticmethod(attrgetter("size"))

    def array(self, x: Any) -> Bounded:
        return x if isinstance(x, Bounded) else Bounded.exact(x, self.precision)

    def add(self, first: Any, *terms: Any) -> Bounded:
        total: Bounded = Bounded.plus(first, *terms)
        return total

    def slope(self, s: Any) -> Bounded:
        return Bounded.slope(s)

    @quiet
    def product(self, *factors: Any) -> Bounded:
        """Multiply in any order: what underflows may still be magnified."""
        result = factors[0]
        for factor in factors[1:]:
            result = result * factor
        p, peak = self.precision, 1.0
        reach: Any = 1.0
        size: Any
        for x in factors:
            if isinstance(x, Bounded):
                peak, size = peak * max(1.0, x.peak), np.maximum(x._reach, 1.0)
            else:
                size = max(1.0, abs(x.value) + 2 * x.error)
                peak *= size
            reach = reach * size
        lost = (len(factors) - 1) * p.eta * reach
        if not peak <= p.huge:
            lost = np.where(reach <= p.huge, lost, np.inf)
        floor = 0.0 if len(factors) == 3 and factors[1] is factors[2] else None
        return Bounded(result.value, result._error + lost, p, floor, result.peak)

    def maximum(self, x: Bounded, low: float) -> Bounded:
        value = np.maximum(x.value, low)
        return Bounded(value, x._error, x.precision, float(low), max(x.peak, low))

    def nonnegative(self, x: Bounded) -> Bounded:
        return self.maximum(x, 0.0)

    def cast(self, x: Setting) -> Setting:
        return x.cast(self.precision)

    def share(self, counts: Any) -> Bounded:
        """1 / counts, rounded to double and then to the format, or at once."""
        value, p = 1 / counts, self.precision
        return Bounded(value, np.where(np.frexp(value)[0] == 0.5, 0.0, p.gamma(2) * value), p)

    def where(self, mask: Any, x: Bounded, y: Bounded) -> Bounded:
        value, error = np.where(mask, x.value, y.value), np.where(mask, x.error, y.error)
        return Bounded(value, error, x.precision, None, max(x.peak, y.peak))

    @quiet
    def where_above(self, x: Bounded, limit: Setting, above: Bounded, below: Bounded) -> Bounded:
        """`above` where x > limit, else `below`; both where rounding decides."""
        value, error, _ = limit.within(self.precision)
        chosen = self.where(x.value > value, above, below)
        reach = 2 * x.error + error
        undecided = (abs(x.value - value) <= reach) & (reach > 0)
        both = np.maximum(above.error, below.error) + abs(above.value - below.value)
        return Bounded(chosen.value, np.where(undecided, both, chosen.error), x.precision)

    def concatenate(self, parts: Any) -> Bounded:
        value = np.concatenate([x.value for x in parts], axis=-1)
        error: Any = np.concatenate([x.error for x in parts], axis=-1)
        if all(x._exact for x in parts):
            error = 0.0
        return Bounded(value, error, self.precision, None, max(x.peak for x in parts))

    def is_zero(self, x: Bounded) -> Any:
        return x.value == 0

    def abs(self, x: Bounded) -> Bounded:
        return Bounded(abs(x.value), x._error, x.precision, 0.0, x.peak)

    def largest(self, x: Bounded, y: Bounded) -> Bounded:
        error = np.maximum(x.error, y.error)
        return Bounded(np.maximum(x.value, y.value), error, x.precision)

    def constant(self, x: Any, like: Bounded) -> Bounded:
        return Bounded(np.full(like.shape, float(x)), 0.0, self.precision)

    def through(self, x: Bounded, dtype: Any) -> Bounded:
        q = narrow(dtype)
        error = x.error + q.u * x._reach + q.eta
        return Bounded(x.value, np.where(x._reach <= q.huge, error, np.inf), x.precision)

    def sum_through(self, x: Bounded, dtype: Any, axis: int | None = None) -> Bounded:
        total, q = x.sum(axis), narrow(dtype)
        n = 1 + (x.size if axis is None else x.shape[axis])
        more = q.gamma(n) * x._reach.sum(axis) + n * q.tiny
        return Bounded(total.value, total.error + more, x.precision)

    @quiet
    def either(self, *ways: Any, given: tuple[Bounded, ...] = ()) -> Any:
        """Return the first value, with the largest rounding of any way.

        What the arguments `given` bring in is the same for all ways, which are one function: the
        smallest of what they find, each evaluated without rounding.  (x + c (y - x) has x twice,
        and would count its error twice.)
        """
        results = [way(*given) for way in ways]
        first, errors = results[0], [x.error for x in results]
        if isinstance(first, Setting):
            return Setting(first.value, max(errors), self.precision)
        error = np.maximum.reduce(errors)
        if not all(x._exact for x in given):
            real = [Bounded(x.value, x._error, self._unrounded, x.floor, x.peak) for x in given]
            brought = [way(*real).error for way in ways]
            error = np.maximum.reduce([x - y for x, y in zip(errors, brought, strict=True)])
            error = error + np.minimum.reduce(brought)
            error = np.where(np.isnan(error), np.inf, error)
        peak = max(x.peak for x in results)
        return Bounded(first.value, error, self.precision, first.floor, peak)

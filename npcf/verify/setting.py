"""Numbers that settings decide (lr, 1 - beta, 2 / B): a double, and how far it may be off.

Everybody combines them in double precision and converts the result to the arrays' format once,
where it meets an array (`Setting.within`).
"""

import math
from collections.abc import Callable
from fractions import Fraction
from operator import add, mul, sub, truediv
from typing import Any

import numpy as np

from npcf.verify.precision import DOUBLE, Precision


class Setting:
    """value, error and the precision that it is computed in."""

    __slots__ = ("_met", "error", "precision", "value")

    def __init__(self, value: float, error: float = 0.0, precision: Precision = DOUBLE):
        self.value, self.error, self.precision = value, error, precision
        self._met: Any = None

    @classmethod
    def of(cls, x: Any) -> "Setting":
        """Return a Python number as a setting."""
        return x if isinstance(x, Setting) else cls(float(x))

    def within(self, p: Precision) -> tuple[float, float, bool]:
        """Return (value, error, whether multiplying by it is exact) in a precision."""
        if self._met is None or self._met[0] is not p:
            value, error = abs(self.value), self.error
            if self.precision is DOUBLE and p.u != DOUBLE.u:
                reach = value + error
                if reach > p.huge:
                    error = math.inf
                elif error or float(np.float32(self.value)) != self.value:
                    error += p.u * reach + (p.eta if reach < 2 * p.tiny else 0.0)
            self._met = p, error, not error and (not value or math.frexp(value)[0] == 0.5)
        return self.value, self._met[1], self._met[2]

    def cast(self, p: Precision) -> "Setting":
        """Return the setting converted to a precision."""
        return Setting(*self.within(p)[:2], p)

    def sqrt(self) -> "Setting":
        """Return the square root."""
        value, low = math.sqrt(self.value), math.sqrt(max(self.value - self.error, 0.0))
        inherited = self.error / (value + low) if value else math.sqrt(self.error)
        return Setting(value, inherited + DOUBLE.u * value)

    def _with(self, other: Any, operation: Any, inherited: Callable[..., float]) -> Any:
        if hasattr(other, "peak"):  # Bounded knows what to do
            return NotImplemented
        other = Setting.of(other)
        p = self.precision if self.precision is not DOUBLE else other.precision
        value = operation(self.value, other.value)
        if not (self.error or other.error) and math.isfinite(value):  # see whether it is rounded
            held = value if p.u == DOUBLE.u else float(np.float32(value))
            exact = operation(Fraction(self.value), Fraction(other.value))
            error = 0.0 if Fraction(held) == exact else p.u * abs(value) + p.eta
            return Setting(value, error, p)
        error = inherited(abs(self.value), self.error, abs(other.value), other.error)
        return Setting(value, error + p.u * (abs(value) + error) + p.eta, p)

    def __add__(self, other: Any) -> Any:
        return self._with(other, add, lambda a, da, b, db: da + db)

    def __sub__(self, other: Any) -> Any:
        return self._with(other, sub, lambda a, da, b, db: da + db)

    def __rsub__(self, other: Any) -> Any:
        return Setting.of(other) - self

    def __mul__(self, other: Any) -> Any:
        return self._with(other, mul, lambda a, da, b, db: a * db + b * da + da * db)

    def __truediv__(self, other: Any) -> Any:
        def inherited(a: float, da: float, b: float, db: float) -> float:
            return (da + (a + da) / (b - db) * db) / (b - db) if b > db else math.inf

        return self._with(other, truediv, inherited)

    def __rtruediv__(self, other: Any) -> Any:
        return Setting.of(other) / self

    def __pow__(self, t: int) -> "Setting":
        """Return the power of an exact number; pow is off by a unit or two."""
        value = self.value**t
        return Setting(value, 2 * DOUBLE.u * abs(value) + DOUBLE.eta)

    def __gt__(self, other: float) -> bool:
        return self.value > other

    def __bool__(self) -> bool:
        return self.value != 0

    __radd__, __rmul__ = __add__, __mul__

"""A formula with its numbers put in: text that is Python, and gives the value."""

from collections.abc import Callable, Mapping
from string import Formatter
from typing import Any

import numpy as np

MOST_TERMS = 8  # of a sum that is written out; of a longer one, the first and the last


class Filled(Formatter):
    """Puts numbers into `{name}`, sums into `{name:sum}`, with so many significant digits.

    Parameters
    ----------
    digits : how many; None writes numbers so that they read back exactly
    whole : whether sums are written out however long they are
    """

    def __init__(self, digits: int | None, whole: bool = False):
        self.digits, self.whole = digits, whole

    def number(self, x: Any) -> str:
        """Return a number as text."""
        if isinstance(x, int | np.integer):
            return str(int(x))
        x = x.item() if isinstance(x, np.generic | np.ndarray) else float(x)
        return repr(x) if self.digits is None else f"{x:.{self.digits}g}"

    def format_field(self, value: Any, format_spec: str) -> str:
        """Write one place of the formula; what is negative gets brackets."""
        if format_spec == "sum":
            return self._terms(value, self._bracketed)
        if format_spec == "squares":
            return self._terms(value, lambda x: f"{self._bracketed(x)}**2")
        if np.ndim(value):
            return self._terms(np.ravel(value), self._bracketed)
        return self._bracketed(value)

    def _bracketed(self, x: Any) -> str:
        text = self.number(x)
        return f"({text})" if text.startswith("-") else text

    def _terms(self, values: Any, write: Callable[[Any], str]) -> str:
        terms = [*values]
        if not terms:
            return "0"
        if len(terms) > MOST_TERMS and not self.whole:
            return " + ".join([*map(write, terms[:4]), "...", write(terms[-1])])
        return " + ".join(map(write, terms))

    def fill(self, formula: str, values: Mapping[str, Any]) -> str:
        """Return the formula with the numbers of `values`."""
        return self.vformat(formula, (), values)

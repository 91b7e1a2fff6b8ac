"""What `npcf.verify.formulas` needs of an arithmetic.

Its numbers have + - * /, settings also ** and >.  An arithmetic is a subclass; what is not
overridden has the meaning below for any numbers.
"""

from collections.abc import Callable, Iterable
from typing import Any


class Arithmetic:
    """Settings and arrays of one kind of numbers."""

    number: Callable[[Any], Any]  # take in a setting
    array: Callable[[Any], Any]  # take in an array; one that is taken in already stays as it is

    def numbers(self, *xs: Any) -> Iterable[Any]:
        """Take in settings."""
        return map(self.number, xs)

    def arrays(self, *xs: Any) -> Iterable[Any]:
        """Take in arrays; None stays None."""
        return (None if x is None else self.array(x) for x in xs)

    def tables(self, params: Any) -> dict[str, Any]:
        """Take in arrays by name."""
        return {name: self.array(table) for name, table in params.items()}

    # -- rows, sums, products ----------------------------------------------------------------------

    take: Callable[[Any, Any], Any]  # take(table, ids): rows of a table
    column: Callable[[Any], Any]  # (B,) as (B, 1), to scale rows with
    size: Callable[[Any], int]  # number of entries
    sum: Callable[..., Any]  # sum(x, axis=None), in any order
    scatter_sum: Callable[[Any, Any, int], Any]  # scatter_sum(x, ids, n_rows): over equal ids
    transpose: Callable[[Any], Any]  # (A, B) as (B, A)
    concatenate: Callable[[Any], Any]  # arrays (..., K1), (..., K2), ... as (..., K1 + K2 + ...)

    def matmul(self, x: Any, y: Any) -> Any:
        """Matrix product of (A, N) and (N, B), each sum in any order."""
        return x @ y

    def add(self, first: Any, *terms: Any) -> Any:
        """Sum of the terms, in any order; those of a `sum` may be mixed with the others."""
        for term in terms:
            first = first + term
        return first

    def product(self, first: Any, *factors: Any) -> Any:
        """Product of the factors, in any order."""
        for factor in factors:
            first = first * factor
        return first

    # -- functions ---------------------------------------------------------------------------------

    sqrt: Callable[[Any], Any]  # of an array or a setting
    sigmoid: Callable[[Any], Any]  # 1 / (1 + exp(-x))
    maximum: Callable[[Any, float], Any]  # max(x, low)
    share: Callable[[Any], Any]  # 1 / counts

    def slope(self, s: Any) -> Any:
        """s (1 - s)."""
        return (1 - s) * s

    def nonnegative(self, x: Any) -> Any:
        """x, which is known to be >= 0."""
        return x

    def cast(self, x: Any) -> Any:
        """A setting in the format of the arrays."""
        return x

    def either(self, first: Any, *others: Any, given: Any = ()) -> Any:
        """One of the ways in which right programs evaluate a piece; a bound covers all of them.

        Ways are functions of the numbers `given`.
        """
        return first(*given)

    # -- choices, and what only mistakes need ------------------------------------------------------

    where: Callable[[Any, Any, Any], Any]  # where(mask, x, y)
    where_above: Callable[[Any, Any, Any, Any], Any]  # where_above(x, limit, above, below)
    is_zero: Callable[[Any], Any]  # mask of the zeros
    abs: Callable[[Any], Any]
    largest: Callable[[Any, Any], Any]  # max(x, y), entry by entry
    constant: Callable[[Any, Any], Any]  # constant(x, like): an array of the same shape

    def through(self, x: Any, dtype: Any) -> Any:
        """x rounded to another dtype and back: no part of an exact value."""
        return x

    def sum_through(self, x: Any, dtype: Any, axis: int | None = None) -> Any:
        """Sum of the entries, computed in another dtype."""
        return self.sum(x, axis)

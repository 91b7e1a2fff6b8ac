"""What law after law needs: exact inner products, other layouts, refusals, who owns memory."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import numpy as np

from npcf.verify.strategies import LAYOUTS, lay_out

INTEGERS = (np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64)
POWERS = (-8, -1, 1, 8)  # of two: scaling by them rounds nothing

quiet = np.errstate(over="ignore", invalid="ignore")  # NumPy warns of NaN and inf, lawful here


def inner(left: Any, right: Any) -> Fraction:
    """Return <left, right> without rounding; both are finite arrays of one shape."""
    pairs = zip(np.ravel(left).tolist(), np.ravel(right).tolist(), strict=True)
    return sum((Fraction(a) * Fraction(b) for a, b in pairs if a and b), Fraction(0))


def total(array: Any) -> Fraction:
    """Return the sum of all entries without rounding."""
    return sum(map(Fraction, np.ravel(array).tolist()), Fraction(0))


def reach(bound: Any, factor: Any) -> Any:
    """Return sum |factor| bound: how far errors within `bound` move <array, factor>."""
    if not np.isfinite(bound).all():
        return np.inf
    return inner(bound, np.abs(factor))


def assert_equal(got: Fraction, want: Fraction, allowed: Any, name: str) -> None:
    """Raise AssertionError unless |got - want| <= allowed, all three without rounding."""
    difference = abs(got - want)
    assert difference <= allowed, (
        f"{name}: {float(got)!r} against {float(want)!r}; they differ by "
        f"{float(difference):.3e}, allowed {float(allowed):.3e}"
    )


def assert_kind(array: Any, shape: tuple[int, ...], dtype: Any, name: str) -> None:
    """Raise AssertionError unless the array has this shape and this dtype."""
    assert array.shape == shape, f"{name}: shape {array.shape}, expected {shape}"
    assert array.dtype == dtype, f"{name}: dtype {array.dtype}, expected {np.dtype(dtype)}"


def refuses(case: str, function: Callable[..., Any], *arguments: Any) -> None:
    """Raise AssertionError unless the call raises, whatever it raises."""
    try:
        function(*arguments)
    except Exception:
        return
    raise AssertionError(f"{case} must be refused, and nothing was raised")


@contextmanager
def unchanged(*arguments: Any) -> Iterator[None]:
    """Raise AssertionError if the bytes of an argument are others afterwards."""
    before = [np.asarray(argument).tobytes() for argument in arguments]
    yield
    for place, (argument, saved) in enumerate(zip(arguments, before, strict=True)):
        assert np.asarray(argument).tobytes() == saved, f"array argument {place} was changed"


def assert_own_memory(results: Sequence[Any], others: Sequence[Any]) -> None:
    """Raise AssertionError if a result shares memory with another, or with one of `others`."""
    for place, result in enumerate(results):
        for other in (*others, *results[:place]):
            assert not np.shares_memory(result, other), (
                f"result {place} shares memory with an argument or with another result"
            )


def overwrite(*arrays: Any) -> None:
    """Spoil the arrays that can be written to, as a caller may with results of his."""
    for array in arrays:
        if array.flags.writeable:
            array[...] = 99


def layouts_of(array: Any) -> Iterator[Any]:
    """Yield the same numbers in every memory layout."""
    plain = np.ascontiguousarray(array)
    for layout in LAYOUTS:
        yield lay_out(plain, layout)


def orders(n: int) -> tuple[Any, Any]:
    """Return two orders of n things: backwards, and the first one last."""
    return np.arange(n)[::-1], np.roll(np.arange(n), -1)


def without_small(array: Any, smallest: float = 2.0**-20) -> Any:
    """Set entries below `smallest` to zero, so that no product nears the smallest numbers."""
    return np.where(np.abs(array) < smallest, array.dtype.type(0), array)


def with_entry(array: Any, place: Any, value: Any) -> Any:
    """Return a copy in which one entry, row or mask holds `value`."""
    copy = np.array(array)
    copy[place] = value
    return copy

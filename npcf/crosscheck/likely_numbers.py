"""Numbers that people write, near one that was fitted."""

from collections.abc import Iterator

import numpy as np

Numbers = tuple[float, ...]

DIGITS = (1, 2, 3, 4, 6)
LIMITS = (1.0, 5.0, 0.1)
LEAST_SCALE, DIFFERENT = 16.0, 1e-3
NOTHING, NO_DECAY = (
    1e-9,
    1e-6,
)  # smaller numbers are rounding; without its term an L2 loss explains nothing


def few_digits(numbers: Numbers, nothing: float = NOTHING) -> Iterator[tuple[Numbers, int]]:
    """Round to few digits, and to more, what is below `nothing` to 0; each with how many."""
    for digits in DIGITS:
        yield tuple(0.0 if abs(v) < nothing else float(f"{v:.{digits}g}") for v in numbers), digits


def or_none(numbers: Numbers) -> Iterator[tuple[Numbers, int]]:
    """Round what nobody sets so small: an end of a range, a decay, a momentum."""
    return few_digits(numbers, NO_DECAY)


def limit_and_scale(numbers: Numbers) -> Iterator[tuple[Numbers, int]]:
    """Write a limit as one that people choose, divided by a power of 2, as scales of losses are."""
    for limit in LIMITS:
        scale = 2.0 ** round(np.log2(limit / max(numbers[0], NOTHING)))
        if scale >= LEAST_SCALE and abs(numbers[0] * scale / limit - 1) < DIFFERENT:
            yield (limit, scale), 1

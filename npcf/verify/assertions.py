"""Comparing arrays: shape, then dtype, then every value, and the worst entry named."""

from typing import Any

import numpy as np


def assert_within(got: Any, want: Any, allowed: Any, name: str = "array") -> None:
    """Raise AssertionError unless |got - want| <= allowed in every entry, shapes being equal.

    Equal infinities agree, and NaN agrees with NaN only.  `allowed` has the shape of `got` or is
    one number; an allowed infinity asks nothing of its entry.
    """
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape, f"{name}: shape {got.shape}, expected {want.shape}"
    allowed = np.broadcast_to(allowed, got.shape)
    got64, want64 = got.astype(np.float64), want.astype(np.float64)
    with np.errstate(invalid="ignore"):
        difference = np.abs(got64 - want64)
    same = (got64 == want64) | (np.isnan(got64) & np.isnan(want64))
    right = same | (difference <= allowed) | np.isposinf(allowed)
    if right.all():
        return
    wrong = np.where(right, -1.0, np.where(np.isnan(difference), np.inf, difference))
    at = tuple(map(int, np.unravel_index(int(wrong.argmax()), wrong.shape)))
    raise AssertionError(
        f"{name}{list(at)}: got {got[at]!r}, expected {want[at]!r}; they differ by "
        f"{difference[at]:.3e}, allowed {allowed[at]:.3e}; "
        f"{int((~right).sum())} of {got.size} wrong"
    )


def assert_same_bits(got: Any, want: Any, name: str = "array") -> None:
    """Raise AssertionError unless shape, dtype and every value agree exactly (NaN with NaN)."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.dtype == want.dtype, f"{name}: dtype {got.dtype}, expected {want.dtype}"
    assert_within(got, want, 0.0, name)

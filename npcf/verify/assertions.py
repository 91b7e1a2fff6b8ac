"""Comparing arrays: shape, then dtype, then every value, and the worst entry named."""

import importlib
import math
from fractions import Fraction
from typing import Any

import numpy as np

from npcf._types import FloatArray
from npcf.verify.tally import TALLY


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


def shares(got: Any, exact: Any, bound: Any) -> FloatArray:
    """Return |got - exact| / bound for every entry, decided exactly: at most 1 where it is within.

    `exact` holds fractions.  0 where both vanish, inf for what is not finite, and NaN where the
    bound is infinite: nothing is claimed there.
    """
    got, exact = np.asarray(got), np.asarray(exact, object)
    bound = np.broadcast_to(np.asarray(bound, np.float64), got.shape)
    triples = zip(got.ravel().tolist(), exact.ravel().tolist(), bound.ravel().tolist(), strict=True)
    result = np.array([_share(*triple) for triple in triples], np.float64)
    return result.reshape(got.shape)


def _share(got: float, exact: Fraction, bound: float) -> float:
    if bound == math.inf:
        return math.nan
    if not math.isfinite(got):
        return math.inf
    # whole numbers over common denominators: fractions would look for divisors at every step
    top, bottom = got.as_integer_ratio()
    difference = abs(top * exact.denominator - exact.numerator * bottom)
    if not difference:
        return 0.0
    top, below = bound.as_integer_ratio()
    difference, limit = difference * below, top * bottom * exact.denominator
    if difference <= limit:
        return min(difference / limit, 1.0)
    try:
        return max(difference / limit, math.nextafter(1.0, 2.0))
    except (OverflowError, ZeroDivisionError):
        return math.inf


def assert_within_exact(got: Any, exact: Any, bound: Any, name: str = "array") -> None:
    """Raise AssertionError unless |got - exact| <= bound for every entry, in exact arithmetic.

    `exact` holds `fractions.Fraction` (`npcf.verify.exact`), `bound` float64 (`npcf.verify.bounds`,
    of the shape of `got` or one number); a bound of infinity asks nothing of its entry.  NaN and
    inf are within no finite bound.  The comparisons enter `npcf.verify.tally.TALLY`.
    """
    got, exact = np.asarray(got), np.asarray(exact, object)
    assert got.shape == exact.shape, f"{name}: shape {got.shape}, expected {exact.shape}"
    used = shares(got, exact, bound)
    claimed = ~np.isnan(used)
    TALLY.add(int(claimed.sum()), float(np.max(used, where=claimed, initial=0.0)))
    wrong = claimed & (used > 1)
    if not wrong.any():
        return
    worst = int(np.where(wrong, used, -1.0).argmax())
    at = tuple(map(int, np.unravel_index(worst, used.shape)))
    allowed = float(np.broadcast_to(bound, got.shape)[at])
    raise AssertionError(
        f"{name}{list(at)}: got {got[at]!r}, exactly {float(exact[at])!r}; the difference is "
        f"{used[at]:.4g} times the bound {allowed:.3e}; {int(wrong.sum())} of {got.size} wrong"
    )


def assert_crosscheck(model: Any, users: Any, items: Any, rating: Any, **options: Any) -> Any:
    """Raise AssertionError, with the report as its text, unless `npcf.crosscheck` finds all right.

    Parameters
    ----------
    model, users, items, rating, **options
        As `npcf.crosscheck` takes them.

    Returns
    -------
    npcf.crosscheck.Report
        The report: what is suspicious in it is no error.
    """
    # loaded by name: crosscheck stands above this room
    crosscheck: Any = importlib.import_module("npcf.crosscheck")
    report = crosscheck(model, users, items, rating, **options)
    if not report.ok:
        raise AssertionError(f"\n{report}")
    return report

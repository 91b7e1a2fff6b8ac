"""What a wrong array has in common with the right one: a constant factor, a shift, an exchange.

Two numbers that are not close say little; that every entry is twice what it should be, or that
only rows named more than once are wrong, says nearly where to look.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

CLOSE = 2.0**-10  # relative: a factor is a fact where all entries share it that far

Arrays = Mapping[str, Any]


class Setting(NamedTuple):
    """The batch in which an array turned out wrong."""

    batch: int  # B
    factors: int  # K
    ids: Mapping[str, Any]  # for each result with a row for each table row, the ids that name them


@np.errstate(all="ignore")  # what is wrong may be infinite
def hint(name: str, got: Arrays, want: Arrays, setting: Setting) -> str:
    """Return in one line what `got[name]` has to do with the right arrays `want`, or ""."""
    a, b = np.asarray(got[name], np.float64), np.asarray(want[name], np.float64)
    if a.shape != b.shape:
        return f"{name} has shape {a.shape}, not {b.shape}"
    for find in (_factor, _rows, _order):
        for found in find(name, a, b, want, setting):
            return f"{name} {found}"
    return ""


def _factor(name: str, a: Any, b: Any, want: Arrays, setting: Setting) -> Iterator[str]:
    """Find one factor everywhere."""
    if not b.any() or not a.any():
        if b.any():
            yield "is zero everywhere"
        return
    ratio = float((a * b).sum() / (b * b).sum())
    if not _alike(a, ratio * b):
        return
    b_size, k = setting.batch, setting.factors
    named = {
        "-1": -1.0, "2": 2.0, "1/2": 0.5, "-2": -2.0, f"B = {b_size}": b_size,
        f"1/B = 1/{b_size}": 1 / b_size, f"B/2 = {b_size}/2": b_size / 2,
        f"2/B = 2/{b_size}": 2 / b_size, f"K = {k}": k, f"1/K = 1/{k}": 1 / max(k, 1),
    }  # fmt: skip
    for word, value in named.items():
        if abs(ratio - value) <= CLOSE * abs(value):
            yield f"is {word} times what it should be, in every entry"
    yield f"is {ratio:.6g} times what it should be, in every entry"


def _rows(name: str, a: Any, b: Any, want: Arrays, setting: Setting) -> Iterator[str]:
    """Find which rows are wrong: those named more than once, those absent, one of the ends."""
    if not a.ndim:
        return
    wrong = np.array([not _alike(x, y) for x, y in zip(a, b, strict=True)])
    if name in setting.ids:
        times = np.bincount(setting.ids[name], minlength=len(a))
        for word, rows in (
            ("only in rows named more than once", times > 1),
            ("only in rows that no rating names", times == 0),
        ):
            if wrong.any() and rows[wrong].all():
                yield f"is wrong {word}"
    if wrong.any() and not wrong.all():
        places = np.flatnonzero(wrong)
        if places.size == 1 and places[0] in (0, len(a) - 1):
            yield f"is wrong only in its {'first' if places[0] == 0 else 'last'} row"
        if places[0] > 0 and wrong[places[0] :].all():
            yield f"is wrong from row {places[0]} on"


def _order(name: str, a: Any, b: Any, want: Arrays, setting: Setting) -> Iterator[str]:
    """Find the right numbers in another place."""
    for other, array in want.items():
        c = np.asarray(array, np.float64)
        if other != name and c.shape == a.shape and _alike(a, c):
            yield f"holds {other}: the two are swapped"
    moves: tuple[tuple[str, Callable[[Any], Any]], ...] = (
        ("transposed", lambda x: x.T),
        ("in the opposite order", lambda x: x[::-1]),
        ("shifted by one row", lambda x: np.roll(x, 1, 0)),
        ("shifted by one row", lambda x: np.roll(x, -1, 0)),
    )
    for word, move in moves if a.ndim else ():
        moved = move(b)
        if moved.shape == a.shape and _alike(a, moved):
            yield f"is {word}"
    if a.ndim == 2 and a.size and a.T.size and _alike(a.reshape(a.T.shape).T, b):
        yield "is transposed in memory"


def _alike(a: Any, b: Any) -> bool:
    """Whether two arrays agree up to rounding of any kind."""
    size = float(np.abs(b).max(initial=0.0))
    return bool((np.abs(a - b) <= CLOSE * size).all())

"""DataFrames of ratings: lawful ones, and ones that must be refused by the name of the column."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from npcf.verify.strategies.source import sources

MAX_ROWS = 20
IDS: tuple[list[Any], ...] = (
    [100, 101, 102, 103, 104],
    [2**53, 2**53 + 1, 2**53 + 2, 2**53 + 3, 2**53 + 4],
    ["7", "007", "NA", "é", " "],
)
_kinds = st.sampled_from(IDS)


@st.composite
def ratings_frames(draw: st.DrawFn, min_size: int = 1, max_size: int = MAX_ROWS) -> Any:
    """DataFrames of user, item, rating: few ids, so that users, items and pairs repeat.

    Ids are whole numbers, also beyond 2**53 where float64 would merge them, or text that other
    readers take for a number or for a missing value.  Ratings are half stars from 0.5 to 5.
    """
    import pandas as pd

    n, source = draw(st.integers(min_size, max_size)), draw(sources(4 * max_size))
    at, _ = source.slots(max_size, n, min_size)
    columns: dict[str, list[Any]] = {}
    for name in ("user", "item"):
        known = draw(_kinds)
        columns[name] = [known[row] for row in source.ids(max_size, at, len(known))]
    columns["rating"] = [(1 + half) / 2 for half in source.ids(max_size, at, 10)]
    return pd.DataFrame(columns)


class HostileFrame(NamedTuple):
    """A frame that no reader may accept, the column to name, and the row if it is one."""

    frame: Any
    column: str
    position: int | None


Spoil = Callable[[Any, int], tuple[Any, str, int | None]]


def _with(name: str, value: Any) -> Spoil:
    """Return a function that puts `value` into one row of the column `name`."""

    def spoil(frame: Any, row: int) -> tuple[Any, str, int | None]:
        column = frame[name].tolist()
        column[row] = value
        return frame.assign(**{name: column}), name, row

    return spoil


def _floats(name: str) -> Spoil:
    def spoil(frame: Any, row: int) -> tuple[Any, str, int | None]:
        return frame.assign(**{name: np.arange(len(frame)) / 2}), name, None

    return spoil


def _without(name: str) -> Spoil:
    return lambda frame, row: (frame.drop(columns=name), name, None)


def _twice(name: str) -> Spoil:
    def spoil(frame: Any, row: int) -> tuple[Any, str, int | None]:
        import pandas as pd

        return pd.concat([frame, frame[[name]]], axis=1), name, None

    return spoil


def _text(frame: Any, row: int) -> tuple[Any, str, int | None]:
    return frame.assign(rating=frame["rating"].map(str)), "rating", None


_FAULTS: list[Spoil] = [_without(name) for name in ("user", "item", "rating")]
_FAULTS += [_twice(name) for name in ("user", "item", "rating")]
_FAULTS += [_with(name, None) for name in ("user", "item", "rating")]
_FAULTS += [_with(name, np.nan) for name in ("user", "item")]
_FAULTS += [_with("rating", value) for value in (np.nan, np.inf, -np.inf, 1e39)]
_FAULTS += [_floats("user"), _floats("item"), _text]
_faults, _frames = st.sampled_from(_FAULTS), ratings_frames()


@st.composite
def hostile_frames(draw: st.DrawFn) -> HostileFrame:
    """Frames in which one thing is wrong: a cell, a column's dtype, or the columns themselves.

    Missing ids and ratings, ratings that are no finite float32, ids that are floats, ratings that
    are text, a column that is absent or there twice.
    """
    frame = draw(_frames)
    row = draw(st.integers(0, len(frame) - 1))
    return HostileFrame(*draw(_faults)(frame, row))

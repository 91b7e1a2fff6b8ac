"""DataFrames of ratings that must be refused by the name of the column."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from npcf.verify.strategies import ratings_frames


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

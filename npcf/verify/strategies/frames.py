"""DataFrames of ratings."""

from typing import Any

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

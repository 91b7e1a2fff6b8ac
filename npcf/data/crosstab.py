"""Ratings as a table: a line a user, a column an item, as in the lesson's spreadsheet."""

from typing import Any

import pandas as pd

from npcf.data.frames import ratings_of, usable
from npcf.errors import DataError, require_choice, spell_checked

AGGREGATIONS = ("error", "mean", "sum", "last")


@spell_checked
def crosstab(
    frame: Any,
    aggfunc: str = "error",
    user: str | None = None,
    item: str | None = None,
    rating: str | None = None,
) -> pd.DataFrame:
    """Return the table whose cell (u, i) is the rating of user u for item i, NaN where none is.

    The lesson writes `pd.crosstab(df.userId, df.movieId, df.rating, aggfunc=np.sum)`, and readers
    ask why ratings are summed.  `pd.crosstab` counts rows unless it is given values, and values
    without `aggfunc` are a ValueError, since several rows may fall into one cell: something has to
    be named.  Where each pair occurs once, every aggregation of its one rating is that rating:
    sum == mean == last.  Where a pair occurs twice they differ, and the lesson's sum is wrong: two
    ratings of 3.0 become 6.0, which nobody gave.

    Parameters
    ----------
    frame : pandas DataFrame, one rating a row
    aggfunc : "error" refuses a pair that occurs twice; "mean", "sum" and "last" (in the order of
        the rows) say what its cell holds
    user, item, rating : names of columns; None finds them by their aliases (`find_columns`)

    Returns
    -------
    DataFrame (U, I)
        users and items in ascending order

    Raises
    ------
    DataError
        For a pair that occurs twice (with "error"), naming it and the position of its second row;
        for a missing column, an empty frame, ratings that are no finite numbers.
    """
    aggfunc = require_choice("aggfunc", aggfunc, AGGREGATIONS)
    user, item, rating = usable(frame, (user, item, rating), ())
    ratings_of(frame[rating])
    if aggfunc == "error":
        _refuse_repeats(frame, user, item)
        aggfunc = "sum"  # of one rating each
    table: pd.DataFrame = pd.crosstab(frame[user], frame[item], frame[rating], aggfunc=aggfunc)
    return table


def _refuse_repeats(frame: pd.DataFrame, user: Any, item: Any) -> None:
    repeats = frame.duplicated([user, item]).to_numpy()
    if repeats.any():
        at = int(repeats.argmax())
        pair = tuple(frame[name].tolist()[at] for name in (user, item))
        problem = f"has user {pair[0]!r} with item {pair[1]!r} twice ({repeats.sum()} such rows)"
        cure = 'Say what its cell holds: aggfunc="mean", "sum" or "last".'
        raise DataError("frame", problem, cure, position=at, value=pair)

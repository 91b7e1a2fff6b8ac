"""The names of columns: which are users, items and ratings."""

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from npcf.data.spelling import PYTHON, Spelling
from npcf.errors import DataError, require_type
from npcf.foreign import kind_of, written
from npcf.suggestions import did_you_mean, nearest

ALIASES = {
    "user": (
        "user", "userId", "user_id", "u_id", "userID", "UserId", "UserID", "User-ID", "uid",
        "customer_id", "reviewerID", "user_num",
    ),
    "item": (
        "item", "movie", "itemId", "item_id", "movieId", "movie_id", "i_id", "itemID", "movieID",
        "ItemID", "MovieID", "iid", "book_id", "anime_id", "product_id", "ProductId", "ISBN",
        "asin", "parent_asin", "artistID", "joke_id", "item_num",
    ),
    "rating": (
        "rating", "ratings", "stars", "Rating", "Book-Rating", "star_rating", "overall", "score",
        "r_ui",
    ),
}  # fmt: skip


def find_columns(
    frame: Any, user: Any = None, item: Any = None, rating: Any = None, *,
    spelling: Spelling = PYTHON,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """Return the names of the user, item and rating columns.

    Parameters
    ----------
    frame : a DataFrame, or a list of column names.
    user, item, rating : names, taken as they stand; None looks for the one alias that is present.
        Nothing is guessed from positions.

    Raises
    ------
    DataError
        If there is no such column, or if there are two; it names the columns.
    """
    found = find_roles(frame, {"user": user, "item": item, "rating": rating}, spelling)
    return found[0], found[1], found[2]


def find_roles(frame: Any, wanted: Mapping[str, Any], spelling: Spelling = PYTHON) -> list[Any]:
    """Return the name of the column of each role, of some or all of user, item and rating."""
    cure = "Pass a DataFrame, or a list of the names of columns."
    columns = getattr(frame, "columns", frame)
    columns = require_type("frame", columns, (list, tuple, pd.Index), cure)
    names = [name for name in columns if isinstance(name, Hashable)]
    found = [_find(names, role, name, spelling) for role, name in wanted.items()]
    for name in found:
        if found.count(name) > 1:
            cure = "Name different ones."
            raise DataError("frame", f"column {name!r} cannot have two meanings", cure, value=name)
    return found


def _find(names: list[Any], role: str, given: Any, spelling: Spelling) -> Any:
    if given is not None:
        near = (nearest(given, names) or names or ["NAME"])[0]
        cure = f"Name a column that it has: {spelling(**{role: near})}."
        require_columns(names, [given], cure)
        return given
    present = [name for name in ALIASES[role] if _count(names, name)]
    if len(present) == 1:
        require_columns(names, present)
        return present[0]
    if present:
        problem = f"has {len(present)} columns that could be the {role}: {_listed(present)}"
        cure = f"Say which: {spelling(**{role: present[0]})}.".replace('"', "'")
        raise DataError("frame", problem, cure)
    near = next((name for alias in ALIASES[role] for name in nearest(alias, names)), None)
    hint = f"Did you mean {near!r}? " if near else ""
    how = spelling(**{role: near or "NAME"}) if spelling.shell else f"{role}=..."
    cure = f"{hint}Name it, {how}, or call it one of {', '.join(ALIASES[role])}."
    raise DataError("frame", f"has no column {role!r}; it has {_listed(names)}", cure)


def require_columns(names: Iterable[Any], wanted: Iterable[Any], cure: str = "") -> None:
    """Raise DataError unless each of `wanted` is exactly one of the column names."""
    names = list(names)
    cure = cure or "Name the columns that it has: user=..., item=..., rating=...."
    for name in wanted:
        count = _count(names, name)
        if not count:
            problem = f"has no column {written(name)}; it has {_listed(names)}"
            raise DataError("frame", problem, did_you_mean(name, names) + cure, value=name)
        if count > 1:
            cure = "Rename or drop one of them."
            raise DataError("frame", f"has two columns {name!r}", cure, value=name)


def _count(names: list[Any], name: Any) -> int:
    """Return how often `name` is among the names: never, if it cannot be compared with them."""
    try:
        return names.count(name) if isinstance(name, Hashable) else 0
    except Exception:  # pd.NA is neither equal nor unequal
        return 0


def _listed(names: list[Any]) -> str:
    shown = ", ".join(map(written, names[:20]))
    return shown + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def plain_names(names: Iterable[Any]) -> tuple[Any, ...]:
    """Return names of columns as text or int; DataError for others: no saved model keeps them."""
    plain = tuple(int(n) if isinstance(n, np.integer) else n for n in names)
    for name in plain:
        if type(name) is not int and not isinstance(name, str):
            problem = f"a column is called {name!r}, which is {kind_of(name)}, not text or a number"
            cure = "Rename the columns: frame.set_axis(frame.columns.map(str), axis=1)."
            raise DataError("frame", problem, cure, value=name)
    return plain

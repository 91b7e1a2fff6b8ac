"""Which columns of a table are users, items and ratings: by the names people give them."""

from collections.abc import Iterable
from typing import Any

from npcf.data.options import PYTHON, Spelling
from npcf.errors import DataError
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
    frame: Any,
    user: Any = None,
    item: Any = None,
    rating: Any = None,
    *,
    spelling: Spelling = PYTHON,
) -> tuple[Any, Any, Any]:
    """Return the names of the user, item and rating columns of `frame`.

    A name that is given is taken as it stands; None looks for the one alias that is present.
    `frame` is a DataFrame or a list of column names; nothing is guessed from positions.
    Raises DataError naming the columns if there is none, or if there are two.
    """
    found = _find_all(frame, {"user": user, "item": item, "rating": rating}, spelling)
    return found[0], found[1], found[2]


def find_pair_columns(
    frame: Any, user: Any = None, item: Any = None, *, spelling: Spelling = PYTHON
) -> tuple[Any, Any]:
    """Return the names of the user and item columns: pairs to be predicted need no rating."""
    found = _find_all(frame, {"user": user, "item": item}, spelling)
    return found[0], found[1]


def require_columns(names: Iterable[Any], wanted: Iterable[Any], cure: str = "") -> None:
    """Raise DataError unless each of `wanted` is exactly one of the column names."""
    names = list(names)
    for name in wanted:
        if name not in names:
            cure = cure or "Name the columns that it has: user=..., item=..., rating=...."
            raise DataError(
                "frame",
                f"has no column {name!r}; it has {_listed(names)}",
                did_you_mean(name, names) + cure,
                value=name,
            )
        if names.count(name) > 1:
            cure = "Rename or drop one of them."
            raise DataError("frame", f"has two columns {name!r}", cure, value=name)


def _find_all(frame: Any, wanted: dict[str, Any], spelling: Spelling) -> list[Any]:
    names = list(getattr(frame, "columns", frame))
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
    present = [name for name in ALIASES[role] if name in names]
    if len(present) == 1:
        require_columns(names, present)
        return present[0]
    if present:
        raise DataError(
            "frame",
            f"has {len(present)} columns that could be the {role}: {_listed(present)}",
            f"Say which: {spelling(**{role: present[0]})}.".replace('"', "'"),
        )
    usual = ", ".join(ALIASES[role])
    near = next((name for alias in ALIASES[role] for name in nearest(alias, names)), None)
    hint = f"Did you mean {near!r}? " if near else ""
    how = f"Name it, {role}=..., or call it one of {usual}."
    if spelling.shell:
        how = f"Name it, {spelling(**{role: near or 'NAME'})}, or call it one of {usual}."
    raise DataError("frame", f"has no column {role!r}; it has {_listed(names)}", hint + how)


def _listed(names: list[Any]) -> str:
    shown = ", ".join(map(repr, names[:20]))
    return shown + (f" and {len(names) - 20} more" if len(names) > 20 else "")

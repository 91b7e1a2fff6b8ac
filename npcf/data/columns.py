"""Which columns of a table are users, items and ratings: by the names people give them."""

from collections.abc import Iterable
from typing import Any

from npcf.errors import DataError
from npcf.suggestions import did_you_mean, nearest

ALIASES = {
    "user": ("user", "userId", "user_id", "u_id"),
    "item": ("item", "movie", "itemId", "item_id", "movieId", "movie_id", "i_id"),
    "rating": ("rating", "ratings", "stars"),
}


def find_columns(
    frame: Any, user: str | None = None, item: str | None = None, rating: str | None = None
) -> tuple[str, str, str]:
    """Return the names of the user, item and rating columns of `frame`.

    A name that is given is taken as it stands; None looks for the one alias that is present.
    `frame` is a DataFrame or a list of column names; nothing is guessed from positions.
    Raises DataError naming the columns if there is none, or if there are two.
    """
    names = list(getattr(frame, "columns", frame))
    wanted = {"user": user, "item": item, "rating": rating}
    found = tuple(_find(names, role, name) for role, name in wanted.items())
    for name in found:
        if found.count(name) > 1:
            cure = "Name three different ones."
            raise DataError("frame", f"column {name!r} cannot have two meanings", cure, value=name)
    return found[0], found[1], found[2]


def require_columns(names: Iterable[Any], wanted: Iterable[Any]) -> None:
    """Raise DataError unless each of `wanted` is exactly one of the column names."""
    names = list(names)
    for name in wanted:
        if name not in names:
            raise DataError(
                "frame",
                f"has no column {name!r}; it has {_listed(names)}",
                f"{did_you_mean(name, names)}Name the columns that it has: user=..., item=..., "
                "rating=....",
                value=name,
            )
        if names.count(name) > 1:
            cure = "Rename or drop one of them."
            raise DataError("frame", f"has two columns {name!r}", cure, value=name)


def _find(names: list[Any], role: str, given: str | None) -> str:
    if given is not None:
        require_columns(names, [given])
        return given
    present = [name for name in ALIASES[role] if name in names]
    if len(present) == 1:
        require_columns(names, present)
        return present[0]
    if present:
        raise DataError(
            "frame",
            f"has {len(present)} columns that could be the {role}: {_listed(present)}",
            f"Say which: {role}={present[0]!r}.",
        )
    raise DataError(
        "frame",
        f"has no column {role!r}; it has {_listed(names)}",
        f"{_hint(role, names)}Name it, {role}=..., or call it one of {', '.join(ALIASES[role])}.",
    )


def _hint(role: str, names: list[Any]) -> str:
    """Return "Did you mean 'x'? " for a column whose name is like one of the role's aliases."""
    near = (name for alias in ALIASES[role] for name in nearest(alias, names))
    found = next(near, None)
    return f"Did you mean {found!r}? " if found else ""


def _listed(names: Iterable[Any]) -> str:
    return ", ".join(map(repr, names))

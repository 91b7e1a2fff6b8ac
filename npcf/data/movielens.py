"""Reader for MovieLens 100k: `u.data` (tab-separated, no header) and `u.item` (`|`, latin-1)."""

import warnings
from pathlib import Path

import pandas as pd

from npcf.data.ratings import Ratings
from npcf.errors import DataError, require_choice

RATING_COLUMNS = ["user", "movie", "rating", "timestamp"]
TITLE_COLUMNS = ["movie", "title"]


def read_ml100k(path: str | Path, item: str = "id") -> Ratings:
    """Read the folder of ml-100k, or its `u.data`, into Ratings.

    `item="id"`: an item is a movie id, labelled by its title.  `item="title"`: an item is a title,
    as in the lesson's `CollabDataLoaders.from_df(item_name="title")`; 18 titles of ml-100k occur
    under two ids, which this merges.
    Raises DataError naming file and line on a torn, empty or wrongly separated file.
    """
    require_choice("item", item, ("id", "title"))
    frame = read_frame(path)
    if item == "title":
        return Ratings.from_frame(frame, item="title")
    return Ratings.from_frame(frame, item="movie", title="title")


def read_frame(path: str | Path) -> pd.DataFrame:
    """Return the ratings merged with the titles: user, movie, rating, timestamp, title."""
    ratings_path = Path(path)
    if ratings_path.is_dir():
        ratings_path = ratings_path / "u.data"
    ratings = _read(ratings_path, "\t", RATING_COLUMNS)
    _judge_numbers(ratings, ratings_path)
    titles = read_titles(ratings_path.parent / "u.item")
    unknown = ~ratings["movie"].isin(titles["movie"])
    if unknown.any():
        value = int(ratings.loc[unknown, "movie"].iloc[0])
        problem, cure = f"has no title for movie {value}", "Both files must be of one release."
        raise DataError("u.item", problem, cure, value=value)
    return ratings.merge(titles, on="movie", validate="many_to_one")


def read_titles(path: str | Path) -> pd.DataFrame:
    """Return the first two of the 24 columns of `u.item`: movie, title."""
    titles = _read(Path(path), "|", TITLE_COLUMNS, usecols=[0, 1], encoding="latin-1")
    twice = titles["movie"].duplicated().to_numpy()
    if twice.any():
        line = int(twice.argmax()) + 1
        raise DataError(f"{path}, line {line}", "repeats a movie id", "Each id has one line.")
    return titles


def _read(
    path: Path,
    separator: str,
    names: list[str],
    usecols: list[int] | None = None,
    encoding: str = "utf-8",
) -> pd.DataFrame:
    """Read one headerless file, refusing lines that pandas would bend into shape."""
    if not path.is_file():
        raise DataError(
            "path",
            f"there is no file {path}",
            "Name the unpacked folder that holds u.data and u.item.",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # pandas warns where it drops fields
            frame = pd.read_csv(
                path, sep=separator, header=None, names=names, usecols=usecols, encoding=encoding,
                index_col=False, keep_default_na=False, na_values=[""],
            )  # fmt: skip
    except (ValueError, Warning) as error:  # ParserError and UnicodeDecodeError are ValueErrors
        raise DataError(str(path), f"cannot be read ({error})", "Is it the right file?") from None
    if frame.empty:
        raise DataError(str(path), "is empty", "Is it the right file?")
    missing = frame.isna().to_numpy().any(axis=1)
    if missing.any():
        line = int(missing.argmax()) + 1
        raise DataError(
            f"{path}, line {line}",
            f"has fewer than {len(names)} fields",
            "The file is cut short or its fields are not separated as expected.",
        )
    return frame


def _judge_numbers(ratings: pd.DataFrame, path: Path) -> None:
    """Raise DataError naming the first line whose fields are not whole numbers."""
    for name in RATING_COLUMNS:
        if ratings[name].dtype.kind == "i":
            continue
        bad = pd.to_numeric(ratings[name], errors="coerce")
        line = int((bad.isna() | (bad % 1 != 0)).to_numpy().argmax()) + 1
        raise DataError(
            f"{path}, line {line}",
            f"{name} is {ratings[name].iloc[line - 1]!r}, not a whole number",
            "u.data holds four whole numbers a line, separated by tabs, and no header.",
        )

"""Read a workbook: the lesson's `collab_filter.xlsx`, or one of ours.

The places are found by what stands in the lesson's cells, not by addresses, so that tables of any
size are read: ratings to the right of "userId" below "movieId"; where "userId" stands once more,
predictions follow, with weights above and to the left.
"""

from typing import Any, NamedTuple

import numpy as np

from npcf.errors import DataError, UsageError, require_path
from npcf.teach.sheet_steps import gradient_steps
from npcf.teach.sheet_table import RatingTable

Grid = list[list[Any]]
CURE = "Name the lesson's collab_filter.xlsx, or a workbook that npcf sheet has written."


class ReadTab(NamedTuple):
    """A tab's ratings and weights, and the RMSE that npcf computes from them."""

    name: str
    table: RatingTable
    has_bias: bool
    rmse: float


def read_sheet(path: str) -> list[ReadTab]:
    """Return the tabs with ratings and weights that a workbook holds, in its order.

    Raises
    ------
    DataError
        For a file that is no workbook, holds no such tab, or a tab whose cells are not in place.
    UsageError
        Where python-calamine is not installed (extra `sheet`).
    """
    path = require_path("path", path)
    calamine = _calamine()
    try:
        book = calamine.CalamineWorkbook.from_path(path)
        sheets = {
            name: book.get_sheet_by_name(name) for name in book.sheet_names if name in READERS
        }
        grids = {name: sheet.to_python(skip_empty_area=False) for name, sheet in sheets.items()}
    except (calamine.CalamineError, OSError) as error:
        raise DataError("path", f"{path} cannot be read as a workbook ({error})", CURE) from None
    if not grids:
        raise DataError("path", f"{path} has no tab {', '.join(READERS)}", CURE)
    return [_read(name, grid) for name, grid in grids.items()]


def _read(name: str, grid: Grid) -> ReadTab:
    has_bias = name == "bias"
    try:
        table = READERS[name](grid, has_bias)
    except (IndexError, ValueError, TypeError) as error:
        problem = f"tab {name!r} has no ratings and weights where the lesson has them ({error})"
        raise DataError("path", problem, CURE) from None
    return ReadTab(name, table, has_bias, gradient_steps(table, has_bias, 0.0, 0)[0].rmse)


def _matrix(grid: Grid, has_bias: bool) -> RatingTable:
    (top, ids_col), (row, last_weight) = _find(grid, "movieId")[0], _find(grid, "userId")[-1]
    if last_weight + 1 != ids_col:
        raise ValueError("userId is not left of the ids")
    movies = _line(grid[row][ids_col + 1 :])
    users = _line([line[ids_col] for line in grid[row + 1 :]])
    n_movies, width = len(movies), 0
    while all(isinstance(cell, float) for cell in grid[row - 1 - width][ids_col + 1 :][:n_movies]):
        width += 1
    right = slice(ids_col + 1, ids_col + 1 + n_movies)
    turned = _numbers([line[right] for line in grid[row - width : row]])
    left = slice(last_weight - width + 1, last_weight + 1)
    weights = _numbers([line[left] for line in grid[row + 1 : row + 1 + len(users)]])
    lines = [line[right] for line in grid[top + 1 : top + 1 + len(users)]]
    rating = _numbers([[np.nan if cell == "" else cell for cell in line] for line in lines])
    return _table(users, movies, rating, weights, turned.T, has_bias)


def _lookup(grid: Grid, has_bias: bool) -> RatingTable:
    sides = []
    for row, col in _find(grid, "Row Labels")[:2]:
        ids = _line([line[col] for line in grid[row + 1 :]])
        width = len(_line(grid[row + 1][col + 1 :]))
        block = [line[col + 1 : col + 1 + width] for line in grid[row + 1 : row + 1 + len(ids)]]
        sides.append((ids, _numbers(block)))
    (users, weights), (movies, others) = sides
    row, col = _find(grid, "userId")[0]
    rating = np.full((len(users), len(movies)), np.nan)
    for line in grid[row + 1 :]:
        user, movie, stars = line[col : col + 3]
        if user == "":
            break
        rating[users.index(user), movies.index(movie)] = stars
    return _table(users, movies, rating, weights, others, has_bias)


def _table(
    users: list[Any], movies: list[Any], rating: Any, weights: Any, others: Any, has_bias: bool
) -> RatingTable:
    if np.isnan(rating).all() or not weights.shape[1] - has_bias:
        raise ValueError("no ratings, or no factors")
    if rating.shape != (len(weights), len(others)) or weights.shape[1] != others.shape[1]:
        raise ValueError("sizes differ")
    params = {"user_factors": weights[:, has_bias:], "item_factors": others[:, has_bias:]}
    biases = (
        (weights[:, 0], others[:, 0]) if has_bias else (np.zeros(len(w)) for w in (weights, others))
    )
    params |= dict(zip(("user_bias", "item_bias"), biases, strict=True))
    params = {name: np.ascontiguousarray(array) for name, array in params.items()}
    return RatingTable(tuple(users), tuple(movies), rating, params)


READERS = {"dotprod": _matrix, "dot": _matrix, "movielens_emb": _lookup, "bias": _matrix}


def _find(grid: Grid, text: str) -> list[tuple[int, int]]:
    return [(i, j) for i, line in enumerate(grid) for j, cell in enumerate(line) if cell == text]


def _line(cells: list[Any]) -> list[Any]:
    """Return the cells up to the first that is empty; whole numbers as int."""
    found: list[Any] = []
    for cell in cells:
        if cell == "":
            break
        found.append(int(cell) if isinstance(cell, float) and cell.is_integer() else cell)
    return found


def _numbers(lines: list[list[Any]]) -> Any:
    array = np.array(lines, dtype=np.float64)
    if array.ndim != 2:
        raise ValueError("no numbers")
    return array


def _calamine() -> Any:
    try:
        import python_calamine
    except ImportError:
        cure = 'Reading workbooks needs it: pip install "npcf[sheet]".'
        raise UsageError("python_calamine", "is not installed", cure) from None
    return python_calamine

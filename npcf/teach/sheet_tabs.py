"""The tabs about the table of ratings: products of matrices, lookups, gradient steps.

`dot` and `bias`, as in the lesson: ratings above, weights in one block on the left (users, below
them movies), the movies' weights once more above the predictions, turned by 90 degrees.
"""

from typing import NamedTuple

import numpy as np

from npcf.teach.sheet_cells import Tab, area, at
from npcf.teach.sheet_steps import gradient_steps, stacked
from npcf.teach.sheet_table import RatingTable

RATINGS_ROW = 3  # the first line of ratings


class Places(NamedTuple):
    """Where `dot` or `bias` has what; each tab has the same places for the same sizes."""

    n_users: int
    n_movies: int
    width: int  # columns of weights

    @property
    def col(self) -> int:
        """The first column of ratings; ids stand left of it, weights left of those."""
        return self.width + 2

    @property
    def turned_row(self) -> int:
        """The first row of the movies' weights, turned."""
        return RATINGS_ROW + self.n_users + 1

    @property
    def row(self) -> int:
        """The first row of predictions, and of weights."""
        return self.turned_row + self.width + 1

    def weights(self) -> str:
        """Return the one range of weights."""
        return area(self.row, 1, self.n_users + self.n_movies, self.width, "cr")


def matrix_tab(table: RatingTable, has_bias: bool) -> Tab:
    """Return `dot` or `bias`: each prediction is a row times a column, MMULT."""
    step = gradient_steps(table, has_bias, 0.0, 0)[0]
    weights = stacked(step.before, has_bias)
    (n_users, n_movies), width = table.rating.shape, weights.shape[1]
    places = Places(n_users, n_movies, width)
    row, col, top = places.row, places.col, places.turned_row
    tab = Tab("bias" if has_bias else "dot", freeze=(1, 0))
    ratings = area(RATINGS_ROW, col, n_users, n_movies)
    predicted = area(row, col, n_users, n_movies)
    tab.put(0, 0, "RMSE", "head")
    text = f"SQRT(SUMXMY2({ratings},{predicted})/COUNT({ratings}))"
    tab.formulas(0, 1, [[step.rmse]], lambda i, j: text)
    tab.put(RATINGS_ROW - 1, col - 1, "movieId", "head")
    tab.put(row - 1, width, "userId", "head")
    for line in (RATINGS_ROW - 1, row - 1):
        tab.line(line, col, table.movies, "head")
    for line in (RATINGS_ROW, row):
        tab.column(line, col - 1, table.users, "head")
    cells = [[None if np.isnan(rating) else rating for rating in line] for line in table.rating]
    tab.block(RATINGS_ROW, col, cells, "rating")
    tab.column(row, 0, [*table.users, *table.movies], "head")
    tab.block(row, 1, weights.tolist(), "weight")
    caption = [*(["bias"] if has_bias else []), *range(1, width - has_bias + 1)]
    tab.column(top, col - 1, caption, "note")
    tab.put(row - 2, 0, "weights: users, below them movies", "note")
    tab.put(top - 1, col, "weights of movies, turned", "note")
    block = places.weights()
    tab.formulas(
        top, col, weights[n_users:].T,
        lambda i, j: f"INDEX({block},{n_users + j + 1},{i + 1})", given=True,
    )  # fmt: skip

    def prediction(i: int, j: int) -> str:
        first = 1 + has_bias
        user = f"{at(row + i, first, 'c')}:{at(row + i, width, 'c')}"
        movie = f"{at(top + has_bias, col + j, 'r')}:{at(top + width - 1, col + j, 'r')}"
        biases = f"+{at(top, col + j, 'r')}+{at(row + i, 1, 'c')}" if has_bias else ""
        return f'IF({at(RATINGS_ROW + i, col + j)}="",0,SUM(MMULT({user},{movie})){biases})'

    tab.formulas(row, col, step.pred, prediction)
    tab.name_range(f"{tab.name}_rmse", "$B$1")
    tab.name_range(f"{tab.name}_weights", block)
    return tab


def lookup_tab(table: RatingTable) -> Tab:
    """Return `lookup`: a line a rating; MATCH finds the row, INDEX takes it, SUMPRODUCT."""
    step = gradient_steps(table, False, 0.0, 0)[0]
    rows, cols = table.pairs
    n, k = len(rows), step.before["user_factors"].shape[1]
    n_users, n_movies = table.rating.shape
    places = Places(n_users, n_movies, k)
    ids = [f"dot!{area(first, 0, many, 1, 'cr')}" for first, many in
           ((places.row, n_users), (places.row + n_users, n_movies))]  # fmt: skip
    user_block = f"dot!{area(places.row, 1, n_users, k, 'cr')}"
    movie_block = f"dot!{area(places.row + n_users, 1, n_movies, k, 'cr')}"
    tab, first, movie = Tab("lookup", freeze=(3, 0)), 3, k + 4
    pred = movie + k + 1
    tab.put(0, 0, "RMSE", "head")
    errors = area(first, pred + 1, n, 1)
    tab.formulas(0, 1, [[step.rmse]], lambda i, j: f"SQRT(AVERAGE({errors}))")
    factors = [*range(1, k + 1)]
    heads = ["userId", "movieId", "rating", "user row", *factors, "movie row", *factors,
             "predict", "error^2"]  # fmt: skip
    tab.line(1, 4, ["user factors"], "note")
    tab.line(1, movie + 1, ["movie factors"], "note")
    tab.line(2, 0, heads, "head")
    for t, (i, j) in enumerate(zip(rows, cols, strict=True)):
        tab.line(first + t, 0, [table.users[i], table.movies[j]], "head")
        tab.put(first + t, 2, table.rating[i, j], "rating")
    for col, block, source, found, name in (
        (3, ids[0], user_block, rows, "user_factors"),
        (movie, ids[1], movie_block, cols, "item_factors"),
    ):
        id_col = 0 if col == 3 else 1
        tab.formulas(
            first, col, found[:, None] + 1,
            lambda t, _, c=id_col, b=block: f"MATCH({at(first + t, c, 'c')},{b},0)",  # type: ignore[misc]
            style="whole",
        )  # fmt: skip
        tab.formulas(
            first, col + 1, step.before[name][found],
            lambda t, f, c=col, s=source:  # type: ignore[misc]
            f"INDEX({s},{at(first + t, c, 'c')},{at(2, c + 1 + f, 'r')})",
        )  # fmt: skip

    def sums(t: int, j: int) -> str:
        if j:
            return f"({at(first + t, 2)}-{at(first + t, pred)})^2"
        return f"SUMPRODUCT({area(first + t, 4, 1, k)},{area(first + t, movie + 1, 1, k)})"

    values = np.column_stack([step.pred[rows, cols], step.error[rows, cols] ** 2])
    tab.formulas(first, pred, values, sums)
    tab.name_range("lookup_rmse", "$B$1")
    return tab

"""The tab `steps`: gradient descent on the whole table, every gradient and new value a formula.

A step is a block of rows.  From the left: the weights before it, their gradients, the weights after
it, and the errors, prediction minus rating, which all gradients are sums of:

    d mse / d P[u] = 2/n sum_i error[u, i] Q[i]        d mse / d b[u] = 2/n sum_i error[u, i]
"""

from typing import NamedTuple

import numpy as np

from npcf.teach.sheet_cells import Tab, area, at
from npcf.teach.sheet_steps import gradient_steps, stacked
from npcf.teach.sheet_table import RatingTable
from npcf.teach.sheet_tabs import RATINGS_ROW, Places

FIRST = 3  # the first row of the first block
LR, COUNT = "$B$1", "$D$1"  # the cells of the learning rate, and of how many ratings there are


class Block(NamedTuple):
    """Where one step stands."""

    top: int
    places: Places

    @property
    def n(self) -> int:
        """Rows of weights."""
        return self.places.n_users + self.places.n_movies

    @property
    def row(self) -> int:
        """The first row of weights."""
        return self.top + 2

    @property
    def columns(self) -> tuple[int, int, int, int]:
        """The first columns of: weights before, gradients, weights after, errors."""
        width = self.places.width + 1
        return 1, 1 + width, 1 + 2 * width, 1 + 3 * width

    def gradient(self, i: int, j: int) -> str:
        """Return the formula of the gradient of weight j (0: the bias) of row i."""
        n_users, n_movies = self.places.n_users, self.places.n_movies
        is_user, col = i < n_users, self.columns[3]
        if is_user:
            errors = area(self.row + i, col, 1, n_movies)
        else:
            errors = area(self.row, col + i - n_users, n_users, 1)
        if j == 0:
            total = f"SUM({errors})"
        elif is_user:
            others = area(self.row + n_users, 1 + j, n_movies, 1, "r")
            total = f"SUM(MMULT({errors},{others}))"
        else:
            others = area(self.row, 1 + j, n_users, 1, "r")
            total = f"SUMPRODUCT({errors},{others})"
        return f"2/{COUNT}*{total}"

    def error(self, i: int, j: int) -> str:
        """Return the formula of prediction minus rating, 0 where nothing is rated."""
        rating = f"bias!{at(RATINGS_ROW + i, self.places.col + j)}"
        user, movie = self.row + i, self.row + self.places.n_users + j
        k = self.places.width - 1
        product = f"SUMPRODUCT({area(user, 2, 1, k)},{area(movie, 2, 1, k)})"
        return f'IF({rating}="",0,{product}+{at(user, 1)}+{at(movie, 1)}-{rating})'


def steps_tab(table: RatingTable, lr: float, n_steps: int) -> Tab:
    """Return the tab; its first weights are those of `bias`."""
    (n_users, n_movies), k = table.rating.shape, table.params["user_factors"].shape[1]
    places = Places(n_users, n_movies, k + 1)
    tab = Tab("steps", freeze=(1, 0))
    ratings = f"bias!{area(RATINGS_ROW, places.col, n_users, n_movies)}"
    tab.put(0, 0, "lr", "head")
    tab.put(0, 1, lr, "weight")
    tab.put(0, 2, "ratings", "head")
    tab.formulas(0, 3, [[len(table.pairs[0])]], lambda i, j: f"COUNT({ratings})", True, "whole")
    height = n_users + n_movies + 3
    steps = gradient_steps(table, True, lr, n_steps)
    for s, step in enumerate(steps):
        block = Block(FIRST + s * height, places)
        before, grads, after, errors = block.columns
        source = Block(block.top - height, places)

        def link(i: int, j: int, s: int = s, source: Block = source) -> str:
            if s:
                return at(source.row + i, source.columns[2] + j)
            return f"bias!{at(places.row + i, 1 + j)}"

        tab.line(block.top, 0, [f"step {s + 1}" if s < n_steps else "after all", "RMSE"], "head")
        squares = area(block.row, errors, n_users, n_movies)
        text = f"SQRT(SUMSQ({squares})/{COUNT})"
        tab.formulas(block.top, 2, [[step.rmse]], lambda i, j, text=text: text)  # type: ignore[misc]
        weights = ["bias", *range(1, k + 1)]
        titles = {before: "weights", grads: "gradients", after: "new weights"}
        for col, title in list(titles.items())[: 3 if s < n_steps else 1]:
            tab.line(block.top + 1, col, weights, "head")
            if col != before:
                tab.put(block.top, col, title, "note")
        tab.put(block.top, errors, "prediction - rating", "note")
        tab.line(block.top + 1, errors, table.movies, "head")
        tab.column(block.row, 0, [*table.users, *table.movies], "head")
        tab.formulas(block.row, before, stacked(step.before, True), link, given=True)
        tab.formulas(block.row, errors, step.error, block.error)
        if s < n_steps:
            tab.formulas(block.row, grads, stacked(dict(step.grads), True), block.gradient)
            tab.formulas(
                block.row, after, stacked(step.after, True),
                lambda i, j, b=block:  # type: ignore[misc]
                f"{at(b.row + i, 1 + j)}-{LR}*{at(b.row + i, b.columns[1] + j)}",
            )  # fmt: skip
    tab.name_range("steps_rmse", at(FIRST + n_steps * height, 2, "cr"))
    return tab


def default_lr(table: RatingTable) -> float:
    """Return a rate that lowers the error: curvature falls with the shorter side of the table.

    Rows have ratings in proportion to the other side and the mean divides by all of them, so the
    largest curvature is about 5 / min(U, I) for weights in [0, 1) and few factors.
    """
    k = table.params["user_factors"].shape[1]
    return float(
        np.format_float_positional(0.5 * min(table.rating.shape) / (k + 5), 2, fractional=False)
    )

"""The lesson's workbook in any size, live, and ready for Solver."""

import math
from pathlib import Path

from npcf.errors import (
    SettingError,
    require_count,
    require_flag,
    require_number,
    require_path,
    require_type,
)
from npcf.teach.sheet_cells import Tab
from npcf.teach.sheet_descent import default_lr, steps_tab
from npcf.teach.sheet_slope import slope_tabs
from npcf.teach.sheet_table import RatingTable
from npcf.teach.sheet_tabs import lookup_tab, matrix_tab
from npcf.teach.sheet_writer import write_tabs

MOST_STEPS = 100
ABOUT = (
    ("", "The model of fastai's lesson 5, live: change a number, and all behind it changes."),
    ("dot", "A prediction is a row of user factors times a column of movie factors (MMULT)."),
    ("bias", "The same with a bias for each user and each movie, added."),
    ("lookup", "As dot, a line a rating: MATCH finds rows, INDEX looks them up, SUMPRODUCT."),
    ("steps", "Gradient descent from the weights of bias: every gradient, every new value."),
    ("data", "Points on a line, y = 30 + 2 x, for the tabs that follow."),
    ("basic", "Slope and intercept by stochastic gradient descent, a point a step."),
    ("momentum, rmsprop, adam", "The same by three other rules; line 3 of a tab says which."),
    ("adam_ann", "Adam, eight times through the points: the rate falls when gradients grow."),
    ("Solver", "On dot or bias: objective dot_rmse (bias_rmse), to Min; by changing dot_weights "
     "(bias_weights),"),
    ("", "one range: users, below them movies. Variables may be negative; GRG Nonlinear. In "
     "LibreOffice:"),
    ("", "a non-linear engine of Tools, Solver."),
    ("Colours", "Yellow: weights and settings. Grey cells: ratings. Grey numbers: other cells."),
)  # fmt: skip
BLANKS = (
    ("To fill in", "Blue cells are yours. A right formula turns its cell green, a wrong one red;"),
    ("", "whoever types the number alone is right until a weight changes."),
)


def sheet_tabs(
    table: RatingTable,
    lr: float | None = None,
    n_steps: int = 3,
    seed: int = 0,
    blank: bool = False,
) -> list[Tab]:
    """Return the tabs of the workbook.

    Parameters
    ----------
    table : ratings and first weights (`drawn_table`, `top_table`)
    lr : learning rate of the tab `steps`; None: half the shorter side over K + 5
    n_steps : how many steps that tab takes
    seed : draws the x of the slope tabs
    """
    cure = "Pass npcf.teach.drawn_table(15, 15, 5, 0), or top_table of your ratings."
    table = require_type("table", table, RatingTable, cure)
    seed = require_count("seed", seed, 0, math.inf)
    lr = default_lr(table) if lr is None else require_number("lr", lr)
    n_steps = require_count("n_steps", n_steps, 1, MOST_STEPS)
    matrices = [matrix_tab(table, False), matrix_tab(table, True), lookup_tab(table)]
    tabs = [*matrices, steps_tab(table, lr, n_steps), *slope_tabs(seed)]
    return [_about_tab(blank), *tabs]


def write_sheet(
    path: str,
    table: RatingTable,
    *,
    lr: float | None = None,
    n_steps: int = 3,
    seed: int = 0,
    blank: bool = False,
) -> list[Tab]:
    """Write the lesson's workbook to `path`, every number a live formula; return its tabs.

    Parameters
    ----------
    path : the xlsx file, replaced if it is there
    table : ratings and first weights: `drawn_table`, or `top_table` of your ratings
    lr : learning rate of the tab `steps`; None: half the shorter side over K + 5
    n_steps : how many steps that tab takes
    seed : draws the x of the tabs of slope and intercept
    blank : leave the cells of formulas empty; they turn green when they are right

    Raises
    ------
    SettingError
        For a rate or a number of steps outside its range, or a path that does not end in .xlsx.
    WriteError
        Where the file cannot be written.
    UsageError
        Where XlsxWriter is not installed (extra `sheet`).
    """
    blank = require_flag("blank", blank)
    tabs = sheet_tabs(table, lr, n_steps, seed, blank)
    write_tabs(_workbook("path", path), tabs, blank)
    return tabs


def _workbook(argument: str, path: str) -> str:
    name = Path(require_path(argument, path))
    if name.suffix.lower() != ".xlsx":  # what opens a file looks at its name
        problem = f"must end in .xlsx, got {str(name)!r}"
        cure = f"Write to {str(name.with_suffix('.xlsx'))!r}."
        raise SettingError(argument, problem, cure, value=str(name))
    return str(name)


def _about_tab(blank: bool) -> Tab:
    tab = Tab("about", widths={0: 28.0, 1: 100.0})
    for row, (name, text) in enumerate([*ABOUT, *(BLANKS if blank else ())]):
        tab.put(row, 0, name, "name")
        tab.put(row, 1, text, "text")
    return tab

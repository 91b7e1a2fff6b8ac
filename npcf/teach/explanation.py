"""One step, explained: every quantity with its formula, its numbers, its value, and a check."""

import json
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from npcf import _notebook
from npcf._tables import NAMES, TABLE
from npcf.files import replace_file
from npcf.teach.formulas_filled import Filled
from npcf.teach.quantities import BACKWARD, FORWARD, Quantity
from npcf.teach.step_values import Batch, Update, rows_of

PASSES = ("forward", "backward", "update")
SIDE_OF = {f"d_{name}": TABLE[name].side for name in NAMES}  # whose rows a gradient has
DIGITS = 5


class Entry(NamedTuple):
    """One number of a step."""

    stage: str  # one of PASSES
    name: str
    title: str
    of: str  # "rating 0, factor 1", "user 17, factor 1"
    latex: str
    numbers: str  # the formula with its numbers
    value: float
    numeric: float  # of a gradient, without its formula; otherwise nan
    parts: tuple[str, ...]
    place: tuple[int, ...]  # of the value in its array


class Explanation:
    """What `npcf.explain_step` returns.

    Attributes
    ----------
    batch : row numbers, ratings, range
    values : by name, the arrays of all quantities of both passes
    numeric : by name, the gradients without their formulas
    updates : by table, the lines of its update
    """

    def __init__(
        self, batch: Batch, values: dict[str, Any], numeric: dict[str, Any],
        updates: dict[str, Update], rule: str,
    ):  # fmt: skip
        self.batch, self.values, self.numeric = batch, values, numeric
        self.updates, self.rule, self.rows = updates, rule, rows_of(batch)

    # -- the numbers -------------------------------------------------------------------------------

    def entries(self, digits: int | None = DIGITS, whole: bool = False) -> Iterator[Entry]:
        """Go through every number of the step, in the order in which it is computed.

        Parameters
        ----------
        digits : significant digits of the numbers in formulas; None: all
        whole : whether long sums are written out
        """
        filled = Filled(digits, whole)
        for quantity in self._quantities(FORWARD):
            yield from self._of_pass("forward", quantity, filled)
        for quantity in self._quantities(BACKWARD):
            yield from self._of_pass("backward", quantity, filled)
        for table in NAMES:
            yield from self._of_update(table, filled)

    def quantities(self) -> list[Quantity]:
        """Return the quantities of both passes, in the order in which they are computed."""
        return [*self._quantities(FORWARD), *self._quantities(BACKWARD)]

    def numbers_of(self, quantity: Quantity) -> str:
        """Return a quantity's formula with places for its numbers."""
        mean = quantity.name == "x" and self.batch.mean
        return quantity.numbers + (" + {mean}" if mean else "")

    def _quantities(self, quantities: tuple[Quantity, ...]) -> Iterator[Quantity]:
        """Without a range there is no sigmoid: the prediction is the logit."""
        for quantity in quantities:
            if self.batch.y_range is not None:
                yield quantity
            elif quantity.name == "y":
                yield quantity._replace(latex=r"y_b = x_b", numbers="{x}", parts=("x",))
            elif quantity.name == "d_x":
                latex = r"\frac{\partial L}{\partial x_b} = \frac{\partial L}{\partial y_b}"
                yield quantity._replace(latex=latex, numbers="{d_y}", parts=("d_y",))
            elif quantity.name != "s":
                yield quantity

    def _of_pass(self, stage: str, quantity: Quantity, filled: Filled) -> Iterator[Entry]:
        values = self.values[quantity.name]
        numeric = self.numeric.get(quantity.name, np.full(np.shape(values), np.nan))
        numbers = self.numbers_of(quantity)
        for place in np.ndindex(np.shape(values)):
            given = self._given(quantity, place)
            yield Entry(
                stage, quantity.name, quantity.title, self._whose(quantity, place), quantity.latex,
                filled.fill(numbers, given), float(values[place]), float(numeric[place]),
                quantity.parts, place,
            )  # fmt: skip

    def _given(self, quantity: Quantity, place: tuple[int, ...]) -> dict[str, Any]:
        """Return the numbers that a formula is filled with at one place."""
        low, high = self.batch.y_range or (0.0, 0.0)
        given = {"B": len(self.batch.users), "low": low, "height": high - low}
        given["mean"] = self.batch.mean
        if quantity.axes.startswith("n"):
            ids = self.batch.users if SIDE_OF[quantity.name] == "user" else self.batch.items
            named = np.flatnonzero(ids == self.rows[SIDE_OF[quantity.name]][place[0]])
            return given | {n: self.values[n][(named, *place[1:])] for n in quantity.parts}
        for name, array in self.values.items():
            if quantity.axes == "" or np.ndim(array) == 0 or name in SIDE_OF:
                given[name] = array
            else:
                given[name] = array[place[: array.ndim]]
        return given

    def _whose(self, quantity: Quantity, place: tuple[int, ...]) -> str:
        if not place:
            return "the batch"
        if quantity.axes.startswith("n"):
            side = SIDE_OF[quantity.name]
            first = f"{side} {self.rows[side][place[0]]}"
        else:
            first = f"rating {place[0]}"
        return first + (f", factor {place[1]}" if len(place) > 1 else "")

    def _of_update(self, table: str, filled: Filled) -> Iterator[Entry]:
        update, side = self.updates[table], TABLE[table].side
        shape = update.lines[-1][2].shape
        for place in np.ndindex(shape):
            whose = f"{side} {self.rows[side][place[0]]}"
            whose += f", factor {place[1]}" if len(place) > 1 else ""
            for line, before, after in update.lines:
                given = {n: a[place] if np.ndim(a) else a for n, a in before.items()}
                yield Entry(
                    "update", f"{table}.{line.name}", line.title, whose, line.latex,
                    filled.fill(line.numbers, update.settings | given), float(after[place]),
                    math.nan, (f"d_{table}",), place,
                )  # fmt: skip

    # -- as a table, as text, as LaTeX, as JSON ----------------------------------------------------

    def table(self) -> pd.DataFrame:
        """Return a row for every number: stage, name, of, shape, formula, numbers, value, numeric.

        `numeric` is the gradient by the complex step, in double precision; NaN where there is none.
        """
        rows = [(e.stage, e.name, e.title, e.of, e.latex, e.numbers, e.value, e.numeric)
                for e in self.entries()]  # fmt: skip
        names = ["stage", "name", "title", "of", "formula", "numbers", "value", "numeric"]
        return pd.DataFrame(rows, columns=names)

    def new_params(self) -> dict[str, Any]:
        """Return, by table, the rows that the batch names as they are after the step."""
        return {table: update.lines[-1][2] for table, update in self.updates.items()}

    def __str__(self) -> str:
        return "\n".join(self._text(most=3))

    def text(self, most: int | None = None) -> str:
        """Return all as text; `most` ratings, rows and factors, None for all of them."""
        return "\n".join(self._text(most))

    def _text(self, most: int | None) -> Iterator[str]:
        n, k = self.values["p"].shape
        yield f"One step on {n} rating{'s' * (n != 1)}, {k} factors, then {self.rule}."
        heading, left_out = "", 0
        for e in self.entries():
            if most is not None and any(i >= most for i in e.place):
                left_out += 1
                continue
            updated = e.stage == "update"
            title = f"{e.name.split('.')[0]}, {e.of}" if updated else f"{e.name}: {e.title}"
            if title != heading:
                yield f"\n{e.stage}  {title}"
                heading = title
            yield _line(e.name.split(".")[-1] if updated else e.of, e)
        if left_out:
            yield f"\n{left_out:,} more numbers: .text() has all, .table() has them in a DataFrame."
        yield "\nIn [ ]: the same gradient by the complex step, without its formula."

    def latex(self) -> str:
        """Return the formulas and the loss's numbers as an `aligned` block of LaTeX."""
        lines = [rf"\text{{{q.title}:}}\quad & {q.latex} \\"
                 for q in self.quantities()]  # fmt: skip
        update = next(iter(self.updates.values()))
        lines += [rf"\text{{{line.title}:}}\quad & {line.latex} \\" for line, *_ in update.lines]
        return "\\begin{aligned}\n" + "\n".join(lines) + "\n\\end{aligned}"

    def to_json(self) -> str:
        """Return every number as JSON: a list of objects with the columns of `table`."""
        rows = [
            {name: None if isinstance(x, float) and not math.isfinite(x) else x
             for name, x in e._asdict().items()}
            for e in self.entries(digits=None)
        ]  # fmt: skip
        return json.dumps({"rule": self.rule, "entries": rows})

    def to_html(self, path: Any = None) -> str:
        """Return the step as a page, and write it to `path`, if given.

        The page needs nothing but itself.  Its script recomputes the step, in double precision,
        with other factors, biases, ratings, rates and decay, and with mistakes put in.
        """
        from npcf.teach.page import page

        html = page(self)
        if path is not None:
            replace_file(path, html.encode())
        return html

    def _repr_html_(self) -> str:
        return _notebook.preformatted(str(self))


def _line(label: str, e: Entry) -> str:
    """Return one line of text: what, formula with numbers, value, and the numeric gradient."""
    value = f"{e.value:.{DIGITS}g}"
    formula = "" if e.numbers.strip("()") == value else f"{e.numbers} = "
    numeric = "" if math.isnan(e.numeric) else f"   [{e.numeric:.{DIGITS}g}]"
    return f"  {label + ':':21} {formula}{value}{numeric}"

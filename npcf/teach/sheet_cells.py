"""The cells of a workbook before anything writes them: constants, formulas and npcf's numbers.

A formula keeps the number that npcf computes for it, which the writer stores as its cached value;
nothing in npcf evaluates a formula.  Rows and columns count from 0; text has Excel's addresses.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Formula(NamedTuple):
    """What a cell computes, without the "=", and npcf's number for it.

    `given` cells only repeat others, so that `--blank` leaves them in place.
    """

    text: str
    value: float
    given: bool = False


class Cell(NamedTuple):
    """A constant (None: an empty cell that may be filled) or a Formula, and how it looks."""

    content: Any
    style: str


@dataclass
class Tab:
    """One sheet: its cells, and names for the ranges that Solver asks for."""

    name: str
    cells: dict[tuple[int, int], Cell] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    widths: dict[int, float] = field(default_factory=dict)  # of columns, in characters
    freeze: tuple[int, int] = (0, 0)

    def put(self, row: int, col: int, content: Any, style: str) -> None:
        """Fill one cell; floats of NumPy become Python's."""
        content = content.item() if hasattr(content, "item") else content
        self.cells[row, col] = Cell(content, style)

    def line(self, row: int, col: int, contents: Any, style: str) -> None:
        """Fill cells to the right."""
        for j, content in enumerate(contents):
            self.put(row, col + j, content, style)

    def column(self, row: int, col: int, contents: Any, style: str) -> None:
        """Fill cells downwards."""
        for i, content in enumerate(contents):
            self.put(row + i, col, content, style)

    def block(self, row: int, col: int, values: Any, style: str) -> None:
        """Fill a rectangle with constants (rows of `values`)."""
        for i, contents in enumerate(values):
            self.line(row + i, col, contents, style)

    def formulas(
        self,
        row: int,
        col: int,
        values: Any,
        text: Callable[[int, int], str],
        given: bool = False,
        style: str = "",
    ) -> None:
        """Fill a rectangle with formulas: `text(i, j)`, whose number is `values[i, j]`."""
        style = style or ("link" if given else "number")
        for i, numbers in enumerate(values):
            for j, number in enumerate(numbers):
                self.put(row + i, col + j, Formula(text(i, j), float(number), given), style)

    def name_range(self, name: str, text: str) -> None:
        """Give a range of this tab, such as $B$2:$C$4, a name of the workbook."""
        self.names[name] = f"{self.name}!{text}"


def letters(col: int) -> str:
    """Return the name of a column: A for 0, Z for 25, AA for 26."""
    text, col = "", col + 1
    while col:
        col, rest = divmod(col - 1, 26)
        text = chr(ord("A") + rest) + text
    return text


def at(row: int, col: int, fixed: str = "") -> str:
    """Return the address of a cell; `fixed` may hold "c" and "r": $A1, A$1, $A$1."""
    return f"{'$' * ('c' in fixed)}{letters(col)}{'$' * ('r' in fixed)}{row + 1}"


def area(row: int, col: int, n_rows: int, n_cols: int, fixed: str = "") -> str:
    """Return the address of a rectangle."""
    last = at(row + n_rows - 1, col + n_cols - 1, fixed)
    return f"{at(row, col, fixed)}:{last}"

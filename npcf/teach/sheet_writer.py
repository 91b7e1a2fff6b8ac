"""Write tabs to an xlsx file, with npcf's numbers as the cached values of formulas."""

from collections.abc import Callable, Sequence
from typing import Any

from npcf.errors import UsageError, WriteError
from npcf.teach.sheet_cells import Cell, Formula, Tab, at

ANSWERS = "answers_"  # and the name of the tab whose formulas a hidden one holds
CLOSE = "1E-9"  # relative; a cell that is filled in is right within it
GREEN, RED = "#C6EFCE", "#FFC7CE"
STYLES: dict[str, dict[str, Any]] = {
    "head": {"bold": True, "align": "right"},
    "name": {"bold": True, "valign": "top"},
    "note": {"italic": True, "font_color": "#666666"},
    "text": {"text_wrap": True, "valign": "top"},
    "rating": {"bg_color": "#F2F2F2"},
    "weight": {"bg_color": "#FFF2CC", "num_format": "0.0000##"},
    "number": {"num_format": "0.0000"},
    "link": {"num_format": "0.0000", "font_color": "#666666"},
    "whole": {"font_color": "#666666"},
    "blank": {
        "num_format": "0.0000",
        "bg_color": "#DDEBF7",
        "border": 1,
        "border_color": "#BFBFBF",
    },
}
WIDTH = 10.0


def write_tabs(
    path: str,
    tabs: Sequence[Tab],
    blank: bool = False,
    cached: Callable[[float], float] = lambda value: value,
) -> None:
    """Write the workbook.

    Parameters
    ----------
    blank : leave the cells of formulas empty (but for `given` ones); they turn green when right,
        which hidden tabs with the formulas decide
    cached : what is stored for the number of a formula; tests store wrong ones
    """
    xlsxwriter = _xlsxwriter()
    try:
        with xlsxwriter.Workbook(path, {"strings_to_formulas": False}) as book:
            styles = {name: book.add_format(style) for name, style in STYLES.items()}
            marks = tuple(book.add_format({"bg_color": color}) for color in (GREEN, RED))
            for tab in tabs:
                sheet = book.add_worksheet(tab.name)
                _fill(sheet, tab, styles, blank, cached)
                for name, text in tab.names.items():
                    book.define_name(name, f"={text}")
                if blank and (asked := asked_cells(tab)):
                    _mark(sheet, tab, asked, marks)
            for tab in tabs if blank else ():
                if asked_cells(tab):
                    _fill_answers(book.add_worksheet(ANSWERS + tab.name), tab, styles, cached)
    except (xlsxwriter.exceptions.FileCreateError, OSError) as error:
        problem = f"cannot be written ({error})"
        raise WriteError("path", problem, "Name a file in a folder that may be written.") from None


def asked_cells(tab: Tab) -> list[tuple[int, int]]:
    """Return the cells that `--blank` leaves empty."""
    return [place for place, cell in tab.cells.items() if _is_asked(cell)]


def right_answer(tab: Tab, row: int, col: int) -> str:
    """Return the condition under which a cell is right: within 1e-9 of the hidden formula."""
    cell, answer = at(row, col), f"{ANSWERS}{tab.name}!{at(row, col)}"
    return f"AND(ISNUMBER({cell}),ABS({cell}-{answer})<={CLOSE}*MAX(1,ABS({answer})))"


def _is_asked(cell: Cell) -> bool:
    return isinstance(cell.content, Formula) and not cell.content.given


def _fill(
    sheet: Any, tab: Tab, styles: dict[str, Any], blank: bool, cached: Callable[[float], float]
) -> None:
    last = max(col for _, col in tab.cells)
    sheet.set_column(0, last, WIDTH)
    for col, width in tab.widths.items():
        sheet.set_column(col, col, width)
    sheet.freeze_panes(*tab.freeze)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)  # as wide as a page
    for (row, col), cell in tab.cells.items():
        if blank and _is_asked(cell):
            sheet.write_blank(row, col, None, styles["blank"])
        elif isinstance(cell.content, Formula):
            value = cached(cell.content.value)
            sheet.write_formula(row, col, f"={cell.content.text}", styles[cell.style], value)
        else:
            sheet.write(row, col, cell.content, styles[cell.style])


def _fill_answers(
    sheet: Any, tab: Tab, styles: dict[str, Any], cached: Callable[[float], float]
) -> None:
    """Hide a tab of the same formulas; what is not asked for is taken from the tab that is seen."""
    sheet.hide()
    for (row, col), cell in tab.cells.items():
        if isinstance(cell.content, Formula):
            text, value = cell.content.text, cached(cell.content.value)
        elif cell.style in ("rating", "weight", "head"):
            source = f"{tab.name}!{at(row, col)}"
            text, value = f'IF({source}="","",{source})', cell.content
        else:
            continue
        value = "" if value is None else value
        sheet.write_formula(row, col, f"={text}", styles["number"], value)


def _mark(sheet: Any, tab: Tab, asked: list[tuple[int, int]], marks: tuple[Any, Any]) -> None:
    """Colour what is filled in: one pair of conditions over all cells that are asked for."""
    row, col = min(r for r, _ in asked), min(c for _, c in asked)
    places = " ".join(_runs(asked))
    right = right_answer(tab, row, col)
    for criteria, mark in ((right, marks[0]), (f'AND({at(row, col)}<>"",NOT({right}))', marks[1])):
        options = {"type": "formula", "criteria": f"={criteria}", "format": mark}
        sheet.conditional_format(at(row, col), {**options, "multi_range": places})


def _runs(cells: list[tuple[int, int]]) -> list[str]:
    """Return the addresses of runs of cells to the right, those of equal columns joined."""
    runs: dict[tuple[int, int], list[int]] = {}
    rows: dict[int, list[int]] = {}
    for row, col in sorted(cells):
        rows.setdefault(row, []).append(col)
    for row, cols in rows.items():
        start = previous = cols[0]
        for col in [*cols[1:], -1]:
            if col != previous + 1:
                runs.setdefault((start, previous), []).append(row)
                start = col
            previous = col
    found = []
    for (left, right), lines in runs.items():
        first = previous = lines[0]
        for row in [*lines[1:], -1]:
            if row != previous + 1:
                found.append((first, left, previous, right))
                first = row
            previous = row
    found.sort()
    return [f"{at(top, left)}:{at(bottom, right)}" for top, left, bottom, right in found]


def _xlsxwriter() -> Any:
    try:
        import xlsxwriter
    except ImportError:
        cure = 'Workbooks need it: pip install "npcf[sheet]".'
        raise UsageError("xlsxwriter", "is not installed", cure) from None
    return xlsxwriter

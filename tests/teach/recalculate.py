"""Workbooks calculated anew, by LibreOffice and by the library `formulas`: caches are never read.

LibreOffice shows the values that an xlsx file holds unless its profile says to calculate, so the
profile here says it, and the files hold wrong values.
"""

import contextlib
import io
import shutil
import subprocess

import pytest

from npcf.teach.sheet_cells import Formula, at
from npcf.teach.sheet_slope import COLUMNS, NUDGE, RULES
from npcf.teach.sheet_writer import write_tabs

SOFFICE = shutil.which("soffice") or shutil.which("libreoffice")
needs_soffice = pytest.mark.skipif(SOFFICE is None, reason="soffice (LibreOffice) is not installed")
ALWAYS = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load">
<prop oor:name="OOXMLRecalcMode" oor:op="fuse"><value>0</value></prop></item></oor:items>
"""
SLOPES = {rule.name for rule in RULES}
ESTIMATES = {j for j, name in enumerate(COLUMNS) if name.startswith("est ")}


def wrong(value):
    """Return a number that is not the value of the formula."""
    return value + 1234.5


def by_libreoffice(books, folder):
    """Return {name: {tab: rows}} of `books`, {name: tabs}, written with wrong values."""
    for name, tabs in books.items():
        write_tabs(str(folder / f"{name}.xlsx"), tabs, cached=wrong)
    return converted(list(books), folder)


def converted(names, folder):
    """Let LibreOffice calculate folder/NAME.xlsx; return {name: {tab: rows}}."""
    calamine = pytest.importorskip("python_calamine")
    (folder / "profile" / "user").mkdir(parents=True)
    (folder / "profile" / "user" / "registrymodifications.xcu").write_text(ALWAYS)
    subprocess.run(
        [SOFFICE, f"-env:UserInstallation={(folder / 'profile').as_uri()}", "--headless",
         "--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir", str(folder / "out"),
         *(str(folder / f"{name}.xlsx") for name in names)],
        check=True, capture_output=True, timeout=900,
    )  # fmt: skip
    found = {}
    for name in names:
        book = calamine.CalamineWorkbook.from_path(folder / "out" / f"{name}.xlsx")
        found[name] = {
            tab: book.get_sheet_by_name(tab).to_python(skip_empty_area=False)
            for tab in book.sheet_names
        }
    return found


def by_formulas(tabs):
    """Return {(tab, row, col): value} of all formulas, by PyPI's `formulas`."""
    formulas = pytest.importorskip("formulas")
    cells, places = {}, {}
    for tab in tabs:
        for (row, col), cell in tab.cells.items():
            key = f"'[w.xlsx]{tab.name.upper()}'!{at(row, col)}"
            if isinstance(cell.content, Formula):
                cells[key] = f"={cell.content.text}"
                places[tab.name, row, col] = key
            elif isinstance(cell.content, int | float):
                cells[key] = cell.content
    with contextlib.redirect_stderr(io.StringIO()):  # its progress bar
        solution = formulas.ExcelModel().from_dict(cells).calculate()
    return {place: solution[key].value[0, 0] for place, key in places.items()}


def differing(tabs, value_of):
    """Return (tab, address, calculated, npcf's) of the formulas whose values differ.

    By more than 1e-12 of the value, or of 1; an estimate divides a difference of two errors by .01,
    and so takes over a hundred times their rounding.
    """
    found, n = [], 0
    for tab in tabs:
        roundings = 16 * len(tab.cells) * 2.0**-53  # a few in each cell, and sums go over all
        for (row, col), cell in tab.cells.items():
            if not isinstance(cell.content, Formula):
                continue
            n += 1
            want, scale = cell.content.value, max(1.0, abs(cell.content.value))
            if tab.name in SLOPES and col in ESTIMATES and row > 3:
                scale = max(1.0, tab.cells[row, 5].content.value) / NUDGE
            try:
                close = abs(float(value_of(tab.name, row, col)) - want) <= roundings * scale
            except (IndexError, TypeError, ValueError):
                close = False
            if not close:
                found.append((tab.name, at(row, col), value_of(tab.name, row, col), want))
    assert n
    return found


def with_text(tabs, name, row, col, change):
    """Return the tabs with the formula of one cell changed, its value kept."""
    tab = next(tab for tab in tabs if tab.name == name)
    cell = tab.cells[row, col]
    text = change(cell.content.text)
    assert text != cell.content.text
    tab.cells[row, col] = cell._replace(content=cell.content._replace(text=text))
    return tabs

"""The workbook of `npcf sheet`: each formula, calculated by others, is npcf's number."""

import json
import os
import re
import zipfile

import numpy as np
import pandas as pd
import pytest

import npcf
from npcf.cli import main
from npcf.errors import DataError, NpcfError
from npcf.teach.sheet import sheet_tabs, write_sheet
from npcf.teach.sheet_cells import Formula, Tab, at, letters
from npcf.teach.sheet_descent import default_lr
from npcf.teach.sheet_reader import read_sheet
from npcf.teach.sheet_slope import EPOCHS, FIRST
from npcf.teach.sheet_steps import gradient_steps
from npcf.teach.sheet_table import drawn_table, top_table
from npcf.teach.sheet_writer import asked_cells, right_answer, write_tabs
from tests import places
from tests.extras import needs
from tests.teach import recalculate
from tests.teach.recalculate import differing

LONG = os.environ.get("NPCF_PROFILE") == "long"
only_long = pytest.mark.skipif(not LONG, reason="minutes; NPCF_PROFILE=long runs it")
LESSON = {"dotprod": 2.806062, "movielens_emb": 2.806062, "bias": 2.018004}


def tabs_of(n_users=3, n_movies=2, n_factors=2, **options):
    return sheet_tabs(drawn_table(n_users, n_movies, n_factors, 0), **options)


def in_rows(grids):
    return lambda tab, row, col: grids[tab][row][col]


def lesson():
    for root in (os.environ.get("NPCF_DATA"), places.SHARED / "data"):
        if root and (found := places.Path(root) / "lesson5" / "collab_filter.xlsx").is_file():
            return found
    pytest.skip("no lesson5/collab_filter.xlsx in $NPCF_DATA or ../shared/data")


# ---- calculated anew -----------------------------------------------------------------------------


@recalculate.needs_soffice
def test_libreoffice_calculates_npcfs_numbers(tmp_path):
    """And a wrong formula, whose cached value is npcf's, is found: no cache is compared."""
    books = {
        "square": tabs_of(15, 15, 5, n_steps=1),
        "one": tabs_of(1, 1, 5),
        "planted": recalculate.with_text(
            tabs_of()[1:4], "lookup", 3, 10, lambda text: f"{text}+1E-9"
        ),
    }
    found = recalculate.by_libreoffice(books, tmp_path)
    for name in ("square", "one"):
        assert not differing(books[name], in_rows(found[name]))
    wrong = differing(books["planted"], in_rows(found["planted"]))
    assert ("lookup", "K4") in [place[:2] for place in wrong]
    assert {place[0] for place in wrong} == {"lookup"}


@only_long
@recalculate.needs_soffice
def test_libreoffice_calculates_a_large_one(tmp_path):
    tabs = tabs_of(100, 200, 5)
    assert not differing(tabs, in_rows(recalculate.by_libreoffice({"w": tabs}, tmp_path)["w"]))


def shortened(tabs, rows=3):
    """Keep the first rows of the slope tabs: `formulas` takes some milliseconds a cell."""
    for tab in tabs[-6:]:
        for row, col in list(tab.cells):
            if row >= FIRST + rows or (row == 1 and tab.name != "data"):
                del tab.cells[row, col]
    return tabs


@needs("formulas")
def test_formulas_calculates_npcfs_numbers():
    """A bug in each kind of tab is found there, and nowhere else."""
    tabs = shortened(tabs_of(1, 1, 2, n_steps=1), rows=1)
    found = recalculate.by_formulas(tabs)
    assert not differing(tabs, lambda *place: found[place])
    bugs = [
        ("bias", 9, 5, lambda text: text.replace("+F$6", "")),
    ]
    for name, row, col, change in bugs:
        broken = recalculate.with_text(tabs_of(1, 1, 2)[2:3], name, row, col, change)
        found = recalculate.by_formulas(broken)
        wrong = differing(broken, lambda *place, found=found: found[place])
        assert (name, at(row, col)) in [place[:2] for place in wrong]
        assert {place[0] for place in wrong} == {name}


@only_long
@needs("formulas")
@pytest.mark.parametrize("sizes", [(15, 15, 5), (4, 9, 2), (100, 200, 5)])
def test_formulas_calculates_larger_ones(sizes):
    tabs = tabs_of(*sizes, n_steps=1)
    found = recalculate.by_formulas(tabs)
    assert not differing(tabs, lambda *place: found[place])


# ---- what is in the file -------------------------------------------------------------------------


@needs("xlsxwriter")
@needs("python_calamine")
def test_what_is_written_is_read(tmp_path):
    table = drawn_table(5, 3, 2, 7)
    tabs = write_sheet(str(tmp_path / "w.xlsx"), table)
    for tab in read_sheet(tmp_path / "w.xlsx"):
        np.testing.assert_array_equal(tab.table.rating, table.rating)
        assert (tab.table.users, tab.table.movies) == (table.users, table.movies)
        for name in ("user_factors", "item_factors", *(("user_bias", "item_bias") * tab.has_bias)):
            np.testing.assert_array_equal(tab.table.params[name], table.params[name])
        written = next(other for other in tabs if other.name == tab.name)
        assert written.cells[0, 1].content.value == tab.rmse


def test_formulas_use_no_volatile_function_and_ranges_grow():
    for sizes in ((15, 15, 5), (20, 30, 7)):
        tabs = {tab.name: tab for tab in tabs_of(*sizes)}
        cells = [cell.content for tab in tabs.values() for cell in tab.cells.values()]
        texts = [content.text for content in cells if isinstance(content, Formula)]
        words = set(re.findall(r"[A-Z]+[0-9]?(?=\()", " ".join(texts)))
        assert {"MMULT", "INDEX", "MATCH", "SUMPRODUCT", "SUMXMY2"} <= words
        assert not words & {"OFFSET", "INDIRECT", "RAND", "RANDBETWEEN", "NOW"}
        for name, width in (("dot", sizes[2]), ("bias", sizes[2] + 1)):
            start, end = tabs[name].names[f"{name}_weights"].partition("!")[2].split(":")
            assert start.startswith("$B$") and end.startswith(f"${letters(width)}$")
            assert int(end.rsplit("$")[-1]) - int(start.rsplit("$")[-1]) + 1 == sum(sizes[:2])


def test_the_annealed_rate_falls_as_the_lessons_macro_lets_it():
    """The macro, in plain Python: after an epoch lr / 4 where gradients have grown twofold."""
    tab = tabs_of(1, 1, 1)[-1]
    head = {cell.content: col for (row, col), cell in tab.cells.items() if row == FIRST - 1}
    m, v, w, lr, t, least, fallen = np.zeros(2), np.zeros(2), np.ones(2), 2.0, 0, None, 0
    points = np.random.default_rng(0).integers(1, 101, 29)
    for _ in range(EPOCHS):
        for x in points:
            g, t = 2 * (w[0] + w[1] * x - (30 + 2 * x)) * np.array([1, x]), t + 1
            m, v = 0.9 * m + (1 - 0.9) * g, 0.95 * v + (1 - 0.95) * g * g
            w = w - lr * (1 / (1 - 0.9**t)) * m / (np.sqrt(1 / (1 - 0.95**t) * v) + 1e-8)
            shown = [tab.cells[FIRST + t - 1, head[name]].content.value
                     for name in ("new b", "new a", "lr", "root")]  # fmt: skip
            assert shown == [*w, lr, np.sqrt(v).sum()]
        root = np.sqrt(v).sum()
        if least is not None and root > 2 * least:
            lr, fallen = lr / 4, fallen + 1
        least = root if least is None else min(least, root)
    assert fallen == 2 and (FIRST + t, 0) not in tab.cells


@needs("xlsxwriter")
def test_names_for_solver_are_in_the_file(tmp_path):
    write_sheet(str(tmp_path / "w.xlsx"), drawn_table(3, 2, 2, 0))
    book = zipfile.ZipFile(tmp_path / "w.xlsx").read("xl/workbook.xml").decode()
    names = dict(re.findall(r'<definedName name="(\w+)">([^<]*)<', book))
    assert names["dot_weights"] == "dot!$B$11:$C$15"
    assert {"dot_rmse", "bias_rmse", "bias_weights", "lookup_rmse", "steps_rmse"} <= names.keys()


@recalculate.needs_soffice
def test_a_blank_cell_turns_green_when_right(tmp_path):
    """Filled in: a right prediction, one off by 1e-6, and one that stays empty."""
    tabs = tabs_of(2, 2, 2, n_steps=1)[:5]
    dot = tabs[1]
    asked = [place for place in asked_cells(dot) if place != (0, 1)][:3]
    checks = Tab("checks")
    for i, place in enumerate(asked):
        checks.put(i, 0, Formula(f"IF({condition(dot, place)},1,0)", 0.0, True), "number")
    path = tmp_path / "w.xlsx"
    write_tabs(str(path), [*tabs, checks], blank=True, cached=recalculate.wrong)
    right = dot.cells[asked[0]].content.value, dot.cells[asked[1]].content.value + 1e-6
    fill(path, "xl/worksheets/sheet2.xml", dict(zip(asked, right, strict=False)))
    found = recalculate.converted(["w"], tmp_path)["w"]
    assert [row[0] for row in found["checks"]] == [1, 0, 0]
    assert found["dot"][0][1] == ""  # the RMSE is asked for, too
    hidden = {tab.name: found[f"answers_{tab.name}"] for tab in tabs if asked_cells(tab)}
    for tab in tabs:
        for row, col in asked_cells(tab):
            value = tab.cells[row, col].content.value
            roundings = 16 * len(tab.cells) * 2.0**-53
            assert abs(hidden[tab.name][row][col] - value) <= roundings * max(1, abs(value))


def condition(tab, place):
    return re.sub(
        rf"(?<![!A-Z$]){at(*place)}\b", f"{tab.name}!{at(*place)}", right_answer(tab, *place)
    )


def fill(path, part, values):
    """Write numbers into empty cells of a workbook, as a person would."""
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    text = parts[part].decode()
    for place, value in values.items():
        text, n = re.subn(rf'<c r="{at(*place)}"( s="\d+")/>',
                          rf'<c r="{at(*place)}"\1><v>{value!r}</v></c>', text)  # fmt: skip
        assert n == 1
    with zipfile.ZipFile(path, "w") as book:
        for name, content in (parts | {part: text.encode()}).items():
            book.writestr(name, content)


@needs("xlsxwriter")
def test_every_asked_cell_is_coloured(tmp_path):
    tabs = write_sheet(str(tmp_path / "w.xlsx"), drawn_table(3, 2, 2, 0), blank=True)
    book = zipfile.ZipFile(tmp_path / "w.xlsx")
    for i, tab in enumerate(tabs):
        text = book.read(f"xl/worksheets/sheet{i + 1}.xml").decode()
        ranges = " ".join(re.findall(r'<conditionalFormatting sqref="([^"]*)"', text)).split()
        coloured = set()
        for area in ranges:
            (left, top), (right, bottom) = (re.match(r"([A-Z]+)(\d+)", x).groups()
                                            for x in (area.split(":") * 2)[:2])  # fmt: skip
            coloured |= {(row, col) for row in range(int(top) - 1, int(bottom))
                         for col in range(200) if left <= letters(col) <= right
                         and len(left) <= len(letters(col)) <= len(right)}  # fmt: skip
        assert coloured == set(asked_cells(tab))


# ---- the lesson's workbook, steps, and the choice of ratings -------------------------------------


@needs("python_calamine")
def test_the_lessons_workbook(capsys):
    path = lesson()
    assert main(["sheet", "--read", str(path), "--json"]) == 0
    found = {tab["tab"]: tab for tab in json.loads(capsys.readouterr().out)}
    assert {name: round(tab["rmse"], 6) for name, tab in found.items()} == LESSON
    for tab in found.values():
        errors = [tab["rmse"], *tab["after_steps"]]
        assert len(errors) == 4 and all(np.diff(errors) < 0)
        assert tab["ratings"] == 206


@pytest.mark.parametrize("sizes", [(1, 1, 5), (1, 40, 3), (15, 15, 5), (60, 90, 12), (2, 2, 50)])
def test_the_default_rate_lowers_the_error(sizes):
    table = drawn_table(*sizes, 3)
    for has_bias in (False, True):
        steps = gradient_steps(table, has_bias, default_lr(table), 4)
        assert all(np.diff([step.rmse for step in steps]) < 0)


def test_the_users_and_movies_with_most_ratings_are_taken():
    rows = [(u, m, 1 + (u + m) % 5) for u in range(1, 7) for m in range(1, 6) if u + m < 8]
    frame = pd.DataFrame(rows, columns=["user", "item", "rating"])
    table = top_table(npcf.Ratings.from_frame(frame), 3, 2, 2, 0)
    assert (table.users, table.movies) == ((1, 2, 3), (1, 2))
    assert table.rating.tolist() == [[3, 4], [4, 5], [5, 1]]
    again = npcf.Ratings.from_frame(pd.concat([frame, frame[:1].assign(rating=5)]))
    with pytest.raises(DataError, match="user 1 with movie 1 twice"):
        top_table(again, 3, 2, 2, 0)
    cells = {how: top_table(again, 3, 2, 2, 0, how).rating[0, 0] for how in ("mean", "sum", "last")}
    assert cells == {"mean": 4.0, "sum": 8.0, "last": 5.0}


@pytest.mark.parametrize(("wrong", "argument"), [
    ({"table": [[1.0, 2.0]]}, "table"), ({"lr": np.nan}, "lr"), ({"n_steps": 0}, "n_steps"),
    ({"seed": -1}, "seed"), ({"seed": np.random}, "seed"), ({"blank": "yes"}, "blank"),
    ({"path": None}, "path"), ({"path": "w.csv"}, "path"), ({"path": "folder"}, "path"),
])  # fmt: skip
def test_what_is_no_workbook_is_refused(wrong, argument, tmp_path):
    given = {"path": str(tmp_path / "w.xlsx"), "table": npcf.teach.drawn_table(1, 1, 1, 0)}
    with pytest.raises(NpcfError) as refused:
        npcf.teach.write_sheet(**given | wrong)
    assert refused.value.argument == argument
    assert not list(tmp_path.iterdir())


@needs("xlsxwriter")
def test_the_command_writes(tmp_path, capsys):
    path = tmp_path / "w.xlsx"
    assert main(["sheet", str(path), "--users", "3", "--movies", "2", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["ratings"] == 6 and said["rmse"]["dot"] == said["rmse"]["lookup"]
    assert zipfile.is_zipfile(path)

"""The site has every page and every room; its docstrings are set as they are meant."""

import re
import runpy
from pathlib import Path

import pytest

import npcf
from tests.site import problems

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
INDEX = (NOTEBOOKS / "index.rst").read_text()
PAGES = {path.stem for path in NOTEBOOKS.glob("*.md")}
ROOMS = {"estimator", *npcf.__all__} - {*npcf._NAMES}
contents, docstrings, formulas = (
    runpy.run_path(str(NOTEBOOKS / "site" / f"{name}.py"))
    for name in ("contents", "docstrings", "formulas")
)


def test_every_page_and_every_room_stands_once_in_the_contents():
    named = contents["named"](contents["completed"](INDEX, PAGES))
    reference = {path.stem for path in (NOTEBOOKS / "api").glob("*.rst")}
    assert sorted(named) == sorted([*PAGES, *(f"api/{name}" for name in reference)])
    assert ROOMS | {"crosscheck"} <= reference
    for name in reference:
        assert f".. automodule:: npcf.{name}\n" in (NOTEBOOKS / "api" / f"{name}.rst").read_text()


def test_every_operation_has_its_derivation_in_the_reference():
    page = (NOTEBOOKS / "api" / "ops.rst").read_text()
    for path in (NOTEBOOKS.parent / "npcf" / "ops").glob("*.py"):
        if re.search(r"^def \w+_forward", path.read_text(), re.MULTILINE):
            assert f".. automodule:: npcf.ops.{path.stem}\n" in page, "add it to api/ops.rst"


def test_a_page_that_the_index_does_not_name_follows_the_first_list():
    named = contents["named"](INDEX)
    first = contents["named"](INDEX.split(".. toctree::")[1])
    made = contents["completed"](INDEX, [*named, "new_page"])
    assert contents["named"](made) == [*first, "new_page", *named[len(first) :]]


def test_the_site_is_built_without_running_anything():
    conf = (NOTEBOOKS / "site" / "conf.py").read_text()
    assert 'nb_execution_mode = "off"' in conf
    assert "http" not in conf
    makefile = (NOTEBOOKS.parent / "Makefile").read_text()
    assert re.search(r"sphinx .* -W .* notebooks build/site", makefile)


@pytest.mark.parametrize(("plain", "made"), [
    ("A sum:\n\n    a * b\n\nthen", "A sum:\n\n::\n\n    a * b\n\n\nthen"),
    ("g**2 and |x| of w_", r"g\*\*2 and \|x\| of w\_"),
    ("`g**2` and d_out", "`g**2` and d_out"),
    ("*every* row of (*S, K), a*b*c", r"*every* row of (\*S, K), a\*b\*c"),
    ("Parameters\n----------\nx, y : both of them,\n    in order", 
     "Parameters\n----------\nx, y\n    both of them,\n    in order"),
    ("Parameters\n----------\nx : (B,) array\n    A column.",
     "Parameters\n----------\nx : (B,) array\n    A column."),
    ("Raises\n------\nDataError\n    If |x| is.", "Raises\n------\nDataError\n    If \\|x\\| is."),
])  # fmt: skip
def test_a_docstring_is_set_as_it_is_meant(plain, made):
    assert "\n".join(docstrings["restructured"](plain.splitlines())).rstrip() == made


def test_formulas_are_drawn_by_the_browser_itself():
    assert formulas["convert"](r"\frac{1}{2}").startswith("<math")


def test_what_leaves_the_site_or_leads_nowhere_is_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<link href="a.css"><h1 id="top"></h1><a href="#top"></a><a href="b.html#there"></a>'
        '<a href="https://elsewhere.example"></a>'
    )
    (tmp_path / "b.html").write_text('<p id="there"><a href="a.html#top"></a><img src="a.css">')
    (tmp_path / "a.css").write_text("p { color: red }")
    assert problems(tmp_path) == []
    (tmp_path / "b.html").write_text(
        '<script src="https://cdn.example/x.js"></script><link href="//cdn.example/y.css">'
        '<a href="a.html#gone"></a><a href="c.html"></a>'
    )
    (tmp_path / "a.css").write_text("@import 'https://fonts.example/z.css'; p { src: url(//w) }")
    assert problems(tmp_path) == [
        "a.html leads to b.html#there, a place that the page does not have",
        "b.html loads https://cdn.example/x.js",
        "b.html loads //cdn.example/y.css",
        "b.html leads to a.html#gone, a place that the page does not have",
        "b.html leads to c.html, which is not there",
        "a.css loads https://fonts.example/z.css",
        "a.css loads //w",
    ]

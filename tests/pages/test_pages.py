"""Every page is what its source made; the cheapest is made again. All of them: `make notebooks`."""

import re
import subprocess
import sys
from functools import partial

import pytest

from tests.pages import __main__ as verb
from tests.pages import page, pictures
from tests.pages.page import (
    NOTEBOOKS,
    ROOT,
    Page,
    changes,
    execute,
    require_silence,
    sources,
    stale,
    stored,
    write,
)

CHEAPEST = "gradients_by_hand"
every_source = pytest.mark.parametrize("source", sources(), ids=lambda source: source.stem)


@every_source
def test_page_is_as_old_as_its_source(source):
    assert stale(source) is None


@every_source
def test_source_opens_in_jupyter_and_code_comes_in_short_cells(source):
    text = source.read_text(encoding="utf-8")
    assert "format_name: percent" in text
    assert "kernelspec" in text
    cells = re.split(r"^# %%.*\n", text, flags=re.MULTILINE)[1:]
    assert cells[0].startswith("# # "), "a title first"
    assert max(len(cell.strip().splitlines()) for cell in cells) <= 40


@every_source
def test_page_shows_results_and_no_objects(source):
    """A cell that draws ends in plt.show(), or what its last call returns stands below it."""
    assert re.findall(r"^    .*<[\w. ]+ (?:at|object) .*$", stored(source).text, re.MULTILINE) == []


def test_no_picture_is_left_over():
    shown = {place for source in sources() for place in stored(source).pictures}
    kept = {f"pictures/{path.name}" for path in (NOTEBOOKS / "pictures").glob("*")}
    assert kept == shown


@pytest.mark.slow("starts a kernel")
@pytest.mark.filterwarnings("ignore")  # of the kernel's own libraries
def test_the_cheapest_page_says_what_it_said():
    source = NOTEBOOKS / f"{CHEAPEST}.py"
    assert changes(execute(source), stored(source)) == []


SOURCE = """# ---
# jupyter:
#   jupytext:
#     text_representation:
#       format_name: percent
# ---

# %% [markdown]
# # A page

# %%
import matplotlib.pyplot as plt
plt.plot([0, 1], [0, {end}])
plt.title("a line");

# %% tags=["prose"]
from IPython.display import Markdown
Markdown(f"The sum is {{1 + {end}}}.")
"""


@pytest.fixture(scope="module")
def page_of():
    """Return what makes a page that ends in a number, as `execute` would, without a kernel."""
    import nbformat

    from tests.pages.page import markdown
    from tests.pages.test_pictures import drawn

    def made(end):
        new = nbformat.v4
        cells = [
            new.new_markdown_cell("# A page"),
            new.new_code_cell("plt.plot(...)", outputs=[new.new_output(
                "display_data", {"image/svg+xml": drawn((end - 3) / 10, title="a line"),
                                 "text/plain": "<Figure>"})]),
            new.new_code_cell("Markdown(f'The sum is {1 + end}.')", outputs=[new.new_output(
                "execute_result", {"text/markdown": f"The sum is {1 + end}.", "text/plain": "M"})],
                metadata={"tags": ["prose"]}),
        ]  # fmt: skip
        python = {"language_info": {"name": "python"}}
        return markdown("page", new.new_notebook(cells=cells, metadata=python))

    return made


def test_a_page_is_prose_code_numbers_and_pictures(page_of):
    made = page_of(3)
    assert made.text == (
        "# A page\n\n```python\nplt.plot(...)\n```\n\n"
        "![a line](pictures/page-1.svg)\n\nThe sum is 4.\n"
    )
    assert [*made.pictures] == ["pictures/page-1.svg"]
    assert pictures.plotted_in(made.pictures["pictures/page-1.svg"])


def test_a_changed_number_and_a_changed_picture_are_named(page_of):
    """In the text as it is printed, in a picture where it is visible."""
    before, now = page_of(3), page_of(4)
    text, picture = changes(now, before)
    assert text == "line 9 is now 'The sum is 5.', was 'The sum is 4.'"
    assert picture.startswith("pictures/page-1.svg: axes 0 (a line): ")
    assert changes(page_of(3), before) == []
    missing = Page(before.text.replace("The sum is 4.\n", ""), before.pictures)
    assert "'The sum is 4.', was ''" in changes(before, missing)[0]


def test_a_stale_page_is_refused_whichever_side_has_changed(tmp_path, page_of):
    source = tmp_path / "page.py"
    source.write_text(SOURCE.format(end=3))
    assert "has no page" in stale(source, tmp_path)
    write(source, page_of(3), tmp_path)
    assert stale(source, tmp_path) is None
    assert stored(source, tmp_path) == page_of(3)

    source.write_text(SOURCE.format(end=4))
    assert "page.py has changed since" in stale(source, tmp_path)
    source.write_text(SOURCE.format(end=3))

    made = tmp_path / "page.md"
    kept = made.read_text()
    made.write_text(kept.replace("is 4.", "is 4.1."))
    assert "changed by hand" in stale(source, tmp_path)
    made.write_text(kept.split("\n", 1)[1])
    assert "does not say what it was made from" in stale(source, tmp_path)
    made.write_text(kept)

    (tmp_path / "pictures" / "page-1.svg").unlink()
    assert "missing" in stale(source, tmp_path)


def test_the_verb_fails_on_a_changed_number(tmp_path, page_of, monkeypatch):
    """And on a typed one; not on a page that says what it said."""
    source = tmp_path / "page.py"
    source.write_text(SOURCE.format(end=3))
    write(source, page_of(3), tmp_path)
    for name in ("stale", "stored"):
        told = partial(getattr(page, name), folder=tmp_path)
        monkeypatch.setattr(verb, name, told)
    monkeypatch.setattr(verb, "execute", lambda source, movielens: page_of(3))
    assert verb.run(source, False, False) == []
    monkeypatch.setattr(verb, "execute", lambda source, movielens: page_of(4))
    text, picture = verb.run(source, False, False)
    assert "The sum is 5." in text
    assert "page-1.svg" in picture
    source.write_text(SOURCE.format(end=3).replace("# A page", "# A page of 3"))
    typed, changed, *_ = verb.run(source, False, False)
    assert typed == "line 9: a number typed by hand: # A page of 3"
    assert "has changed since" in changed


def test_writing_again_keeps_a_picture_that_looks_the_same(tmp_path, page_of):
    source = tmp_path / "page.py"
    source.write_text(SOURCE.format(end=3))
    write(source, page_of(3), tmp_path)
    path, old = tmp_path / "pictures" / "page-1.svg", tmp_path / "pictures" / "page-2.svg"
    elsewhere = path.read_text().replace("</svg>", "<!-- another font --></svg>")
    path.write_text(elsewhere)
    old.write_text(elsewhere)
    write(source, page_of(3), tmp_path)
    assert path.read_text() == elsewhere
    assert not old.exists()
    write(source, page_of(4), tmp_path)
    assert path.read_text() == page_of(4).pictures["pictures/page-1.svg"]


@pytest.mark.slow("starts a kernel")
@pytest.mark.filterwarnings("ignore")
def test_a_source_runs_on_planted_data_and_in_silence(tmp_path, monkeypatch):
    monkeypatch.setenv("NPCF_DATA", str(tmp_path))
    source = tmp_path / "page.py"
    ask = "import os\nprint(os.environ.get('NPCF_DATA'))\nplt.close('all')"
    source.write_text(SOURCE.format(end=3).replace("plt.plot", ask + "\nplt.plot"))
    found = execute(source)
    assert "    None\n" in found.text
    assert found.text.endswith("![a line](pictures/page-1.svg)\n\nThe sum is 4.\n")


def test_a_warning_is_no_part_of_a_page():
    import nbformat

    new = nbformat.v4
    said = new.new_output("stream", name="stderr", text="look here")
    notebook = new.new_notebook(cells=[new.new_code_cell("f()", outputs=[said])])
    with pytest.raises(ValueError, match="page.py writes to stderr: look here"):
        require_silence("page.py", notebook)


def test_the_verb_refuses_what_is_no_page():
    command = [sys.executable, "-m", "tests.pages", "nothing"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "no page nothing: " in done.stderr

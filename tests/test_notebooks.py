"""In a notebook things show themselves: run in a kernel, read as a browser reads it."""

import subprocess
import sys
import types
from html.parser import HTMLParser

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

import npcf
from npcf import _notebook
from npcf.data import planted
from npcf.training.history import EpochRow, EpochTable
from npcf.training.monitor import duration, epoch_time
from npcf.verify.conformance import LAWS, Implementation
from npcf.verify.conformance.report import Report

HOSTILE = '<script>alert("x")</script> & <b>bold</b>'
PREPARE = """
import numpy as np, npcf
from npcf.data import planted
tables, batches = np.random.default_rng(0).spawn(2)
ratings = planted(20, 10, 200).ratings
dls = npcf.data.CollabDataLoaders.from_ratings(ratings, rng=batches)
model = npcf.models.DotProductBiasEmb(dls.n_users, dls.n_items, 3, rng=tables)
learn = npcf.Learner(dls, model)
"""


class Page(HTMLParser):
    """The cells of the tables and all texts; every tag is closed in its order."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.rows, self.texts = [], [], [], []
        self.styles = set()
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.styles |= {(name, value) for name, value in attrs if name in ("style", "class")}
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def parts():
    """Return (ratings, loaders, model, learner) with an item whose title is hostile."""
    tables, batches = np.random.default_rng(0).spawn(2)
    ratings = planted(20, 10, 200).ratings
    ratings.titles[:] = [HOSTILE] * len(ratings.titles)
    dls = npcf.data.CollabDataLoaders.from_ratings(ratings, rng=batches)
    model = npcf.models.DotProductBiasEmb(dls.n_users, dls.n_items, 3, rng=tables)
    learn = npcf.Learner(dls, model, metrics={HOSTILE: npcf.training.mae}, backend="numpy")
    return ratings, dls, model, learn


def lookup_report(name, **functions):
    laws = LAWS["lookup_is_the_one_hot_product"], LAWS["lookup_is_exact_within_the_bound"]
    implementation = Implementation(types.SimpleNamespace(**functions), name)
    return Report.of(implementation, laws, max_examples=50)


def keeps_one(d_out, cache):
    d_weight = np.zeros(cache.table_shape, cache.dtype)
    d_weight[cache.ids] += d_out
    return d_weight


def shown():
    """Return what shows itself, each under a name."""
    ratings, dls, model, learn = parts()
    learn.fit(2)
    wrong = npcf.gradcheck(np.square, lambda d, x: 2.002 * x * d, [np.linspace(1, 2, 5)])
    return {
        "ratings": ratings,
        "loaders": dls,
        "model": model,
        "dot product": npcf.models.EmbeddingDot(4, 5, 2),
        "learner": learn,
        "untrained learner": parts()[3],
        "gradcheck": npcf.gradcheck(model, dls.first_batch()),
        "wrong gradient": wrong,
        "rates": learn.lr_find(num_it=20),
        "conformance": lookup_report(
            HOSTILE, embedding_forward=npcf.ops.embedding_forward, embedding_backward=keeps_one
        ),
    }


NAMES = ("ratings", "loaders", "model", "dot product", "learner", "untrained learner", "gradcheck",
         "wrong gradient", "rates", "conformance")  # fmt: skip


@pytest.fixture(scope="module")
def things():
    found = shown()
    assert found.keys() == set(NAMES)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_html_is_whole_escaped_and_without_scripts_or_colours(name, things):
    page = Page(things[name]._repr_html_())
    assert "table" in page.tags
    allowed = {"table", "caption", "thead", "tbody", "tr", "th", "td", "p", "pre", "details",
               "summary", "svg", "polyline", "line"}  # fmt: skip
    assert set(page.tags) <= allowed
    assert not [value for _, value in page.styles if "color" in value or "background" in value]
    assert len({len(row) for row in page.rows[:3]}) == 1


@pytest.mark.parametrize("name", NAMES)
def test_as_text_it_is_short(name, things):
    """A line or a table; not the arrays, which would be screens."""
    text = repr(things[name])
    assert max(map(len, text.splitlines())) < 200
    assert "array(" not in text


def test_what_the_tables_say(things):
    def rows(name):
        return Page(things[name]._repr_html_()).rows

    first = things["ratings"].head(1).iloc[0]
    assert rows("ratings")[0] == ["user", "item", "title", "rating"]
    assert rows("ratings")[1] == [str(first.user), str(first["item"]), HOSTILE, str(first.rating)]
    assert ["user_factors", "21 × 3", "float32", "63"] in rows("model")
    assert len(rows("dot product")) == 3
    history = things["learner"].history
    epochs = [row for row in rows("learner") if row[0] in ("0", "1")]
    assert [row[2] for row in epochs] == [f"{loss:.6f}" for loss in history["valid_loss"]]
    assert [row[5] for row in epochs] == [f"{loss:.4f}" for loss in history[HOSTILE]]
    assert rows("gradcheck")[1][-1] == ""
    assert rows("wrong gradient")[2][-1] == "WRONG"
    assert rows("conformance")[1][:4] == ["lookup", "1", "1", "0"]


def test_a_broken_law_comes_with_its_code(things):
    report = things["conformance"]
    assert not report.ok
    text = "".join(Page(report._repr_html_()).texts)
    assert "code that shows it" in text
    assert "embedding_backward computes wrong numbers" in text
    assert "**" not in repr(report)
    assert str(report).startswith("# Conformance of")


def test_compiling_has_a_column_where_something_was_compiled():
    rows = [EpochRow(0, 1.3, 1.1, -0.2, 1.0, 0.01, 4.5, {}, 4.25)]
    assert Page(EpochTable(rows)._repr_html_()).rows == [
        ["epoch", "train_loss*", "valid_loss", "gap", "rmse", "time", "compiling"],
        ["0", "1.300000", "1.100000", "-0.2000", "1.0000", "250 ms", "4.25 s"],
    ]
    rows.append(rows[0]._replace(epoch=1, seconds=0.1, compile_seconds=0.0))
    assert Page(EpochTable(rows)._repr_html_()).rows[2][-2:] == ["100 ms", ""]
    assert repr(EpochTable(rows)).splitlines()[1].endswith(" 250 ms  + 4.25 s compiling")


def cells(*sources):
    """Run cells in a kernel; return their outputs."""
    notebook = nbformat.v4.new_notebook(cells=[*map(nbformat.v4.new_code_cell, sources)])
    NotebookClient(notebook, timeout=300).execute()
    return [cell["outputs"] for cell in notebook.cells]


@pytest.mark.slow("starts a kernel")
@pytest.mark.filterwarnings("ignore")  # of the kernel's own libraries
def test_in_a_kernel():
    """The epoch table grows in one place; loaders, models and reports show themselves."""
    fit, batch, model, report, ipython = cells(
        PREPARE + "learn.fit(3);",
        "dls.show_batch()",
        "model",
        "npcf.gradcheck(model, dls.first_batch())",
        "npcf.Learner(dls, model, on_epoch=lambda row: None).fit(1);",
    )
    tables = [output for output in fit if output["output_type"] == "display_data"]
    assert len(tables) == 1, "one table, updated"
    page = Page(tables[0]["data"]["text/html"])
    assert [row[0] for row in page.rows] == ["epoch", "0", "1", "2"]
    assert "valid_loss" in tables[0]["data"]["text/plain"]
    assert "title" in batch[0]["data"]["text/html"]
    assert len(Page(model[0]["data"]["text/html"]).rows) == 5
    assert "WRONG" not in report[0]["data"]["text/html"]
    assert ipython == []


@pytest.mark.slow("a process of its own")
def test_outside_of_a_kernel_ipython_is_not_imported():
    code = PREPARE + (
        "import sys\nlearn.fit(1)\ndls.show_batch(2)\nrepr(learn), learn._repr_html_()\n"
        "assert 'IPython' not in sys.modules\n"
        "import IPython\nlearn.fit(1)\n"  # imported, but no kernel runs
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[:4] == ["user", "item", "title", "rating"]
    assert len(done.stdout.splitlines()) == 3
    assert _notebook.display() is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 ms"), (0.00004, "0.0 ms"), (0.0008, "0.8 ms"), (0.00994, "9.9 ms"),
        (0.00996, "10 ms"), (0.13, "130 ms"), (0.9994, "999 ms"), (0.9996, "1.00 s"),
        (9.994, "9.99 s"), (9.996, "10.0 s"), (75, "75.0 s"), (999.94, "999.9 s"),
        (1250.4, "1250 s"),
    ],
)  # fmt: skip
def test_durations_have_three_digits_and_a_unit(seconds, text):
    assert duration(seconds) == text
    assert len(text) <= 7


def test_compiling_is_named_beside_the_epoch_s_own_time():
    assert epoch_time(0.13, 0.0) == " 130 ms"
    assert epoch_time(4.5, 4.25) == " 250 ms  + 4.25 s compiling"

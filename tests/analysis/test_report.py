"""The page of a model: whole in itself, every picture with its numbers, and these are right."""

import html
import json
import re
import sys

import numpy as np
import pandas as pd
import pytest

import npcf
from npcf.analysis import Predictor, explain_prediction, plots, report, residuals
from npcf.cli import main
from npcf.data import CollabDataLoaders, Ratings, planted
from npcf.errors import NpcfError, UsageError
from npcf.models import DotProductBiasEmb, EmbeddingDot
from npcf.training import LRFind, load
from npcf.training.restoring import saved_run
from npcf.verify import assert_same_bits
from tests.browser import dom_of, needs_browser
from tests.crosscheck.test_page import Strict

pytest.importorskip("matplotlib", reason="matplotlib (extra `plot`)")
RATINGS = planted(30, 24, 300, seed=1).ratings
HOSTILE = '<script>alert(1)</script> & "$x^2$" 映画'
RATINGS.titles[int(np.bincount(RATINGS.items).argmax())] = HOSTILE
FOUND = LRFind(np.array([0.1, 1.0, 10.0]), np.array([3.0, 2.0, 5.0]), 1.0)
IN_ORDER = ["loss", "lr", "momentum", "rates", "bias", "map", "factors", "similar", "residuals",
            "worst", "decay"]  # fmt: skip


@pytest.fixture(scope="module")
def learner():
    loaders = CollabDataLoaders.from_ratings(RATINGS, bs=16, rng=np.random.default_rng(0))
    model = DotProductBiasEmb(31, 25, 4, rng=np.random.default_rng(0))
    quiet = {"progress": False, "on_epoch": lambda row: None}
    learner = npcf.Learner(loaders, model, backend="numpy", **quiet)
    learner.fit_one_cycle(2, 0.02)
    return learner


@pytest.fixture(scope="module")
def predictor(learner):
    return Predictor.of(learner.model, RATINGS)


@pytest.fixture(scope="module")
def made(learner, predictor):
    return report(predictor, RATINGS, learner, FOUND)


def test_nothing_leaves_the_page_and_nothing_runs_on_it(made):
    page = made.to_html()
    seen = Strict(page)
    assert not {"script", "link", "img", "image", "iframe", "a", "object", "base"} & {*seen.tags}
    names = {name for _, name, _ in seen.attributes}
    assert not {"src", "srcset", "action", "data", "style-src"} & names
    ids = [value for _, name, value in seen.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    for _, name, value in seen.attributes:
        if name == "href":
            assert value.startswith("#") and value[1:] in ids
        for place in re.findall(r"url\((.*?)\)", value or ""):
            assert place.startswith("#") and place[1:] in ids
    assert not re.search(r"@import|https?:|//", page)


def test_titles_cannot_become_markup_or_formulas(made):
    page = made.to_html()
    assert "<script" not in page and html.escape(HOSTILE, quote=False) in page.replace(
        "&quot;", '"'
    )


def test_each_picture_is_named_and_has_its_numbers(made):
    assert [section.name for section in made.sections] == IN_ORDER
    seen = Strict(made.to_html())
    pictures = [section for section in made.sections if section.svg]
    assert seen.tags.count("svg") == len(pictures) == 9
    assert seen.tags.count("table") == len(made.sections)
    assert seen.tags.count("details") == len(pictures)
    for section in pictures:
        assert f'role="img" aria-label="{section.title}"' in section.svg
        assert "<text" in section.svg and len(section.table)
        assert not re.search(r"#010203|#0a0b0c|<metadata|xmlns", section.svg)
    regions = [value for tag, name, value in seen.attributes if tag == "div" and name == "tabindex"]
    assert len(regions) == len(pictures) + len(made.sections)


def test_facts_and_tables_are_the_model_s(made, predictor, learner):
    wrong = residuals(predictor, RATINGS)
    assert made.facts["RMSE"] == f"{np.sqrt((wrong['residual'] ** 2).mean()):.4f}"
    assert made.facts["MAE"] == f"{wrong['residual'].abs().mean():.4f}"
    assert (made.facts["users"], made.facts["items"], made.facts["ratings"]) == ("30", "24", "300")
    tables = {section.name: section.table for section in made.sections}
    bias = plots.bias_against_mean(predictor, RATINGS)["bias"].to_numpy()
    order = np.sort(bias)
    assert tables["bias"]["bias"].tolist() == [*order[:-6:-1], *order[4::-1]]
    assert tables["loss"]["loss"].tolist() == learner.history["valid_loss"].tolist()
    assert tables["map"].equals(plots.item_map(predictor, RATINGS))
    assert tables["residuals"].equals(plots.residual_bands(wrong))
    worst = wrong.loc[wrong["residual"].abs().idxmax()]
    parts = explain_prediction(predictor, int(worst["user"]), int(worst["item"]))
    assert tables["worst"].equals(parts.table)
    assert "RMSE" in str(made) and "Map of items" in str(made)


@pytest.fixture
def undrawn(monkeypatch):
    """Only the sections matter here: each picture is a word."""
    monkeypatch.setattr(sys.modules["npcf.analysis.report"], "svg_of", lambda *_: "<svg></svg>")


@pytest.mark.usefixtures("undrawn")
def test_what_is_not_there_is_left_out(predictor):
    assert [s.name for s in report(predictor).sections] == [
        "map", "factors", "similar", "decay",
    ]  # fmt: skip
    plain = Predictor.of(EmbeddingDot(31, 25, 1, rng=np.random.default_rng(0)), RATINGS)
    names = [section.name for section in report(plain, RATINGS).sections]
    assert names == ["factors", "similar", "residuals", "worst", "decay"]


@pytest.mark.usefixtures("undrawn")
def test_ratings_of_strangers_are_counted_and_not_explained(predictor):
    frame = pd.DataFrame({"user": [*range(100, 119), 1], "item": 1, "rating": 3.0})
    made = report(predictor, Ratings.from_frame(frame))
    assert "map" not in {section.name for section in made.sections}  # of one item
    assert made.facts["of unknown users, items"] == "19, 0"
    assert next(s for s in made.sections if s.name == "worst").text.count("user 1,") == 1


ODD = [3, "x", np.zeros(3), object(), EmbeddingDot(2, 2, 1)]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: type(odd).__name__)
def test_odd_arguments_are_refused_before_anything_is_drawn(predictor, odd, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for arguments in ({"predictor": odd}, {"ratings": odd}, {"run": odd}, {"found": odd}):
        with pytest.raises(NpcfError) as raised:
            report(**{"predictor": predictor} | arguments)
        assert "matplotlib" not in str(raised.value)
    with pytest.raises(UsageError, match=r"npcf\[plot\]"):
        report(predictor)


# ---- saved models and the command line -----------------------------------------------------------


@pytest.fixture(scope="module")
def saved(learner, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "m"
    learner.save(path)
    return path


def test_a_saved_run_is_the_learner_s(learner, saved):
    run = saved_run(load(saved))
    assert run.rows == learner.rows
    assert plots.loss_curve(run).equals(plots.loss_curve(learner))
    assert_same_bits(run.fit_state.lr, learner.fit_state.lr)


def test_a_model_saved_outside_a_fit_has_no_run(tmp_path):
    loaders = CollabDataLoaders.from_ratings(RATINGS, bs=16, rng=np.random.default_rng(0))
    model = DotProductBiasEmb(31, 25, 4, rng=np.random.default_rng(0))
    npcf.Learner(loaders, model).save(tmp_path / "m")
    assert saved_run(load(tmp_path / "m")) is None


@pytest.mark.usefixtures("undrawn")
def test_the_command_writes_the_page(saved, tmp_path, capsys):
    users, items = (v.labels for v in (RATINGS.user_vocab, RATINGS.item_vocab))
    rows = zip(RATINGS.users, RATINGS.items, RATINGS.rating, strict=True)
    lines = [f"{users[u]},{items[i]},{r:g}" for u, i, r in rows]
    (tmp_path / "r.csv").write_text("\n".join(["user,item,rating", *lines]))
    words = f"report {saved} --data {tmp_path}/r.csv --html {tmp_path}/out.html --lr-find --json"
    assert main(words.split()) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["sections"] == IN_ORDER and said["facts"]["ratings"] == "300"
    assert (tmp_path / "out.html").read_text("utf-8").count("<svg") == 9
    assert main(f"report {saved} --html {tmp_path}/out.html --lr-find".split()) == 2
    assert "--lr-find: has no effect without --data" in capsys.readouterr().err
    assert main(f"report {saved} --html {tmp_path}/nowhere/out.html".split()) == 2
    assert "--html: there is no folder" in capsys.readouterr().err


# ---- as it is seen -------------------------------------------------------------------------------

SCRIPT = """
const box = (e) => e.getBoundingClientRect(), report = {};
report.wide = [...document.querySelectorAll("body *")].filter((e) => !e.closest(".picture, .scroll")
  && box(e).right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 80));
const labels = [...document.querySelectorAll("#map svg text")].filter(
  (e) => e.textContent.includes("("));
report.labels = labels.length;
const meet = (a, b) => Math.min(a.right, b.right) > Math.max(a.left, b.left) + 1
  && Math.min(a.bottom, b.bottom) > Math.max(a.top, b.top) + 1;
report.overlap = labels.flatMap((a, i) => labels.slice(i + 1).filter((b) => meet(box(a), box(b)))
  .map((b) => a.textContent + " / " + b.textContent));
report.sizes = [...document.querySelectorAll("svg")].map((e) => box(e).width);
report.font = Math.min(...[...document.querySelectorAll("svg text")].map((e) => box(e).height));
parent.document.getElementById(ME).textContent = JSON.stringify(report);
"""


@needs_browser
def test_narrow_and_wide_nothing_overlaps_or_sticks_out(made, tmp_path):
    frames = []
    for i, width in enumerate((380, 1280)):
        script = f"<script>const ME = 'r{i}';{SCRIPT}</script></body>"
        page = made.to_html().replace("</body>", script)
        frames.append(f'<pre id="r{i}"></pre><iframe width="{width}" height="900" '
                      f'srcdoc="{html.escape(page, quote=True)}"></iframe>')  # fmt: skip
    outer = tmp_path / "outer.html"
    outer.write_text("\n".join(frames), "utf-8")
    dom = dom_of(outer, tmp_path / "profile", "--virtual-time-budget=20000")
    for i in range(2):
        seen = json.loads(html.unescape(re.search(rf'<pre id="r{i}">([^<]*)</pre>', dom)[1]))
        assert not seen["wide"] and not seen["overlap"]
        assert seen["labels"] > 10 and min(seen["sizes"]) >= 300
        assert seen["font"] >= 8

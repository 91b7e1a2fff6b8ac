"""The page of a step: what it shows and recomputes, in a browser, is what npcf computes."""

import itertools
import json
import re
import time
from types import SimpleNamespace

import numpy as np
import pytest

import npcf
from npcf._tables import NAMES
from npcf.teach import graph
from npcf.teach.broken import BROKEN
from npcf.verify.mistakes import MISTAKES
from npcf.verify.precision import DOUBLE
from tests.browser import needs_browser
from tests.crosscheck.test_page import Strict
from tests.teach import pages
from tests.teach.test_explain import lesson

# Of the largest number that a quantity is computed from: at most 64 roundings lead from the inputs
# to any number, and edits are drawn so that what cancels on the way leaves each 64 times as large.
AGREE = 64 * 64 * DOUBLE.u


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """Return the subjects with what the browser saw of them; the last has a planted bug."""
    subjects = pages.subjects()
    planted = SimpleNamespace(**vars(subjects[0]))
    planted.page = (
        pages.explained(planted, 0)[0]
        .to_html()
        .replace(
            "v => v.d_y * v.height * (1 - v.s) * v.s]",
            "v => v.d_y * v.height * (1 + v.s) * v.s]",
            1,
        )
    )
    subjects.append(planted)
    return [*zip(subjects, pages.seen_in_browser(subjects, tmp_path_factory.mktemp("pages")),
                 strict=True)]  # fmt: skip


def agree(got, want, sizes, what):
    want = np.asarray(want, float)
    largest = max(float(np.abs(x).max()) for x in (want, *sizes))
    assert np.isfinite(want).all()
    assert (np.abs(np.reshape(got, want.shape) - want) <= AGREE * largest).all(), what


def same_step(state, e):
    """Every value and every line of an update is npcf's, and so is what is shown of it."""
    shown = dict(state["shown"])
    for q in e.quantities():
        parts = [e.values[name] for name in q.parts if name in e.values]
        agree(state["values"][q.name], e.values[q.name], parts, q.name)
        compare_text(shown[q.name], state["values"][q.name])
    for table, update in e.updates.items():
        lines = np.array(state["updates"][table], float)  # (values, lines), NaN where there is none
        skipped = lines.shape[1] - len(update.lines)
        assert np.isnan(lines[:, :skipped]).all()
        for i, (line, before, after) in enumerate(update.lines, skipped):
            sizes = [x for x in before.values() if np.size(x)]
            agree(lines[:, i], after, sizes, f"{table}: {line.title}")
            compare_text(shown[f"{table}.{i}"], lines[:, i])


def compare_text(texts, values):
    """Each number is shown with five digits, in its place."""
    assert [*map(float, texts)] == [float(f"{x:.5g}") for x in np.ravel(values)]


@needs_browser
def test_the_page_recomputes_what_npcf_computes_after_each_edit(seen):
    count = 0
    for subject, report in seen[:-1]:
        for i, state in enumerate([report["start"], *report["edits"]]):
            same_step(state, pages.explained(subject, i)[0])
            count += i > 0
        assert all(report["reset"][part] == report["start"][part] for part in ("values", "updates"))
        same_step(report["reset"], pages.explained(subject, 0)[0])
    assert count >= pages.N_EDITS


@needs_browser
def test_the_comparison_sees_a_planted_bug(seen):
    subject, report = seen[-1]
    with pytest.raises(AssertionError, match="d_x"):
        same_step(report["start"], pages.explained(subject, 0)[0])


@needs_browser
def test_each_switch_computes_what_the_catalogue_s_mistake_computes(seen):
    used = set()
    for subject, report in seen[:-1]:
        assert len(report["broken"]) > 8
        right = pages.explained(subject, len(subject.edits))[0]
        for name, state in report["broken"].items():
            if not name:
                continue
            values, new = pages.with_mistake(subject, name)
            for quantity, want in values.items():
                sizes = [right.values[q] for q in right.values if np.size(right.values[q])]
                agree(state["values"][quantity], want, sizes, f"{name}: {quantity}")
            for table in NAMES:
                got = [lines[-1] for lines in state["updates"][table]]
                agree(got, new[table], [], f"{subject.rule}, {name}: {table}")
            changed = any(
                state[part] != report["broken"][""][part] for part in ("values", "updates")
            )
            assert (state["marked"] > 0) == changed == ("no number" not in state["status"]), name
            used |= {name} if changed else set()
    assert used == {broken.name for broken in BROKEN}, "a switch that changed nothing anywhere"


@needs_browser
def test_keys_go_through_the_step_and_a_gradient_lights_the_path_it_came_by(seen):
    for i, (subject, report) in enumerate(seen[:-1]):
        first, second, back, whole = report["keys"]
        assert first.startswith("1 of") and second.startswith("2 of") and back == first
        assert "of" not in whole.split()[0] and report["tour"].startswith("1 of 9")
        e = pages.explained(subject, 0)[0]
        parts, path = graph.parts_of(e.quantities()), {"d_p"}
        while wider := {p for name in path for p in parts[name]} - path:
            path |= wider
        assert set(report["lit"]) == path and "d_q" not in path
        assert report["edges"] >= len(path) - 1
        assert not report["wide"], pages.WIDTHS[i % 2]


@needs_browser
def test_the_export_has_every_number_and_the_inputs(seen):
    for subject, report in seen[:-1]:
        e = pages.explained(subject, len(subject.edits))[0]
        exported = report["exported"]
        values = {x["name"]: x["value"] for x in exported["entries"]}
        assert len(exported["entries"]) >= len(json.loads(e.to_json())["entries"])
        assert exported["inputs"]["rating"] == list(e.batch.rating) and "loss" in values


def test_nothing_leaves_the_page_and_every_element_is_closed():
    page = npcf.explain_step(*lesson()).to_html()
    parsed = Strict(page)
    links = [value for _, name, value in parsed.attributes if name == "href"]
    assert links and all(link.startswith("#") for link in links)
    ids = {value for _, name, value in parsed.attributes if name == "id"}
    assert {link[1:] for link in links} <= ids
    assert not any(name in ("src", "srcset", "data", "xmlns") for _, name, _ in parsed.attributes)
    for word in ("http", "url(", "@import", "import ", "fetch(", "eval("):
        assert word not in page, word


def test_without_a_script_every_number_is_in_the_page():
    e = npcf.explain_step(*lesson())
    blocks = re.split(r'class="block" data-name="([^"]*)"', e.to_html().split("<script>")[0])[1:]
    blocks = dict(zip(blocks[::2], blocks[1::2], strict=True))
    for name, array in {**{q.name: e.values[q.name] for q in e.quantities()},
                        **{f"{t}.5": x for t, x in e.new_params().items()}}.items():  # fmt: skip
        kind = "li" if np.ndim(array) == 2 else "output"
        texts = re.findall(rf"<{kind}>([^<]*)</{kind}>", blocks[name])
        assert texts == [f"{x:.5g}" for x in np.ravel(array)], name
    assert "<math" in blocks["d_x"] and "\\frac" not in blocks["d_x"]
    assert all(MISTAKES[b.name].cure for b in BROKEN)


def test_no_two_nodes_of_the_graph_overlap():
    boxes = [
        (x - h, x + h, y - graph.HALF, y + graph.HALF)
        for label, x, y in graph.NODES.values()
        for h in [24 if len(label) > 5 else 20]
    ]
    for a, b in itertools.combinations(boxes, 2):
        assert a[1] < b[0] or b[1] < a[0] or a[3] < b[2] or b[3] < a[2]
    assert all(0 <= a[0] and a[1] <= graph.WIDTH and a[3] <= graph.HEIGHT for a in boxes)


def test_a_page_of_lesson_5_is_small_and_made_fast(tmp_path):
    rng = np.random.default_rng(0)
    params = npcf.models.init_params(944, 1683, 50, rng, np.float32)
    model = npcf.models.PairModel(params, (0, 5.5))
    batch = rng.integers(0, 944, 8), rng.integers(0, 1683, 8), rng.uniform(1, 5, 8).astype("f4")
    e, times = npcf.explain_step(model, batch, npcf.optim.adamw(model.params)), []
    for _ in range(3):
        start = time.process_time()
        page = e.to_html(tmp_path / "step.html")
        times.append(time.process_time() - start)
    assert (tmp_path / "step.html").read_text("utf-8") == page
    assert len(page.encode()) < 1_000_000 and min(times) < 1

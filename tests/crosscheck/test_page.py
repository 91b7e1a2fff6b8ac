"""The page: it needs nothing but itself, escapes what it shows, and fits where it is opened."""

import html
import re
from html.parser import HTMLParser

import pytest

from tests.browser import dom_of, needs_browser
from tests.crosscheck import reports

VOID = {"meta", "br", "hr", "img", "input"}


class Strict(HTMLParser):
    """Every element is closed, in the order they were opened; attributes are collected."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text.append(data)


@pytest.mark.parametrize("name", reports.ALL)
def test_nothing_leaves_the_page(name):
    page = reports.ALL[name]().to_html()
    seen = Strict(page)
    assert not {"script", "link", "img", "iframe", "a", "object", "base"} & {*seen.tags}
    assert not {"src", "href", "srcset", "action", "data"} & {
        name for _, name, _ in seen.attributes
    }
    assert not re.search(r"@import|url\(|https?:|//", page)


@pytest.mark.parametrize("name", reports.ALL)
def test_all_that_is_printed_is_on_the_page(name):
    report = reports.ALL[name]()
    text = "".join(Strict(report.to_html()).text)
    said = [
        *(stage.message for stage in report.stages), *report.notes, *report.ruled_out,
        *(hint for stage in report.stages for hint in stage.hints),
        *(words for d in report.diagnosis for words in (d.name, d.sentence, d.cure)),
        *([report.reduced.code] if report.reduced else []),
    ]  # fmt: skip
    assert [words for words in said if words not in text] == []


def test_what_a_subject_is_called_cannot_become_markup():
    report = reports.wrong()
    report.evidence.notes.append("<script>alert(1)</script>\" onload='x'")
    for page in (report.to_html(), report._repr_html_()):
        assert "<script" not in page
        assert html.escape(report.evidence.notes[-1]) in page


def test_order_is_verdict_stages_worst_diagnosis_reduced():
    page = reports.wrong().to_html()
    parts = ("npcf crosscheck", "verdict wrong", ">Stages<", ">Worst entry", ">Diagnosis<",
             ">Reduced example<", ">Notes<")  # fmt: skip
    places = [page.index(part) for part in parts]
    assert places == sorted(places)


def test_keyboard_and_readers_find_their_way():
    seen = Strict(reports.wrong().to_html())
    assert ("html", "lang", "en") in seen.attributes
    assert {"main", "h1", "h2", "caption", "details", "summary"} <= {*seen.tags}
    scopes = [value for tag, name, value in seen.attributes if name == "scope"]
    assert seen.tags.count("th") == len(scopes)
    assert seen.tags.count("pre") == seen.attributes.count(("pre", "tabindex", "0"))
    assert "color-scheme: light dark" in reports.right().to_html()


def test_bars_have_the_tolerance_in_their_middle():
    page = reports.right().to_html()
    widths = [int(width) for width in re.findall(r'style="width: (\d+)%"', page)]
    assert len(widths) == 3
    assert all(0 < width < 50 for width in widths)
    assert re.findall(r'style="width: (\d+)%"', reports.wrong().to_html())[1:] == ["100", "100"]


def test_file_is_what_is_returned(tmp_path):
    path = tmp_path / "report.html"
    page = reports.wrong().to_html(path)
    assert path.read_text("utf-8") == page


@pytest.mark.slow(reason="starts a browser")
@needs_browser
@pytest.mark.parametrize("width", [1100, 380])
def test_no_part_is_wider_than_the_window(tmp_path, width):
    """Measured in the browser: the page is loaded in a frame of that width by a test page."""
    frame = html.escape(reports.wrong().to_html(), quote=True)
    script = (
        "const d = document.querySelector('iframe').contentDocument;"
        "const wide = [...d.querySelectorAll('main *')].filter(e => !e.closest('pre') && "
        f"e.getBoundingClientRect().right > {width} + 1 && getComputedStyle(e).position != "
        "'absolute').map(e => e.tagName);"
        "document.title = d.documentElement.scrollWidth + ' ' + wide.join(',');"
    )
    outer = tmp_path / "outer.html"
    outer.write_text(
        f'<iframe style="border: 0" width="{width}" height="900" srcdoc="{frame}" '
        f'onload="{html.escape(script, quote=True)}"></iframe>',
        "utf-8",
    )
    title = re.search(r"<title>([^<]*)</title>", dom_of(outer, tmp_path / "profile"))
    assert title.group(1).split() == [str(width)]

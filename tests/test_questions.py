"""The page of questions: every item is mapped to tests that exist."""

import ast
import re
from pathlib import Path

from tests.pages.page import sources

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "notebooks" / "questions.md").read_text()
ITEMS = {*range(1, 29), *range(33, 61)}  # 29 to 32 ask for other networks
ROWS = re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)
ANSWERS = PAGE.split("## Where each item is shown")[0]


def functions(path):
    return {node.name for node in ast.parse(path.read_text()).body
            if isinstance(node, ast.FunctionDef)}  # fmt: skip


def test_every_item_is_mapped_once():
    assert [int(number) for number, *_ in ROWS] == sorted(ITEMS)


def test_every_named_test_exists():
    for number, _, _, tests in ROWS:
        names = re.findall(r"`(\S+?)::(\w+)`", tests)
        assert names, number
        for path, name in names:
            assert name.startswith("test_")
            assert name in functions(ROOT / path), (number, path, name)


def test_every_item_has_a_page_that_is_computed():
    """And the page is one step from here, as here is one step from the README."""
    for number, _, page, _ in ROWS:
        link = re.fullmatch(r"\[.+\]\((\w+)\.md\)", page)
        assert link is not None, number
        assert (ROOT / "notebooks" / f"{link[1]}.py").exists(), link[1]
        assert f"]({link[1]}.md)" in ANSWERS
    assert "(notebooks/questions.md)" in (ROOT / "README.md").read_text()


def test_every_page_is_listed():
    for source in sources():
        assert f"]({source.stem}.md)" in ANSWERS, source.name


def test_every_question_has_its_answer():
    """A bold question, then some sentences in reply; the LSTM aside among them."""
    answers = re.findall(r"\*\*(.+?)\*\* (.+?)\n\n", PAGE.replace("\n\n", "\n\n\n"), re.DOTALL)
    assert len(answers) >= 11
    assert all(len(answer) > 80 for _, answer in answers)
    assert any("LSTM" in question for question, _ in answers)

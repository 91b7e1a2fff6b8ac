"""The page of questions: every item is mapped to tests that exist."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "notebooks" / "questions.md").read_text()
ITEMS = {*range(1, 7), *range(8, 18), *range(21, 24), *range(33, 36), *range(37, 61)}
ROWS = re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)


def functions(path):
    return {node.name for node in ast.parse(path.read_text()).body
            if isinstance(node, ast.FunctionDef)}  # fmt: skip


def test_every_item_is_mapped_once():
    assert [int(number) for number, _, _ in ROWS] == sorted(ITEMS)


def test_every_named_test_exists():
    for number, _, tests in ROWS:
        names = re.findall(r"`(\S+?)::(\w+)`", tests)
        assert names, number
        for path, name in names:
            assert name.startswith("test_")
            assert name in functions(ROOT / path), (number, path, name)


def test_every_question_has_its_answer():
    """A bold question, then some sentences in reply; the LSTM aside among them."""
    answers = re.findall(r"\*\*(.+?)\*\* (.+?)\n\n", PAGE.replace("\n\n", "\n\n\n"), re.DOTALL)
    assert len(answers) >= 11
    assert all(len(answer) > 80 for _, answer in answers)
    assert any("LSTM" in question for question, _ in answers)

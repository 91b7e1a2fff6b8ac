"""The shipped implementations: which are whole, and what they may import."""

import ast
from importlib.resources import files

import pytest

from npcf.verify.conformance import LAWS, Implementation
from npcf.verify.conformance.protocol import FUNCTIONS
from npcf.verify.conformance.runner import check_together, groups
from tests.laws import NPCF, PLAIN, random_seed

WHOLE = (PLAIN, *NPCF)
CLEAN_CASES = 10_000  # without a false alarm
EACH = 2 + CLEAN_CASES // len(LAWS)  # a law of few different inputs may try less


@pytest.mark.parametrize("name", WHOLE)
def test_whole_implementations_lack_nothing(name):
    assert Implementation.imported(name).lacks(FUNCTIONS) == []


@pytest.mark.slow("ten thousand inputs")
def test_no_false_alarm_in_ten_thousand_clean_cases():
    plain, inputs = Implementation.imported(PLAIN), 0
    for laws in groups(LAWS.values()):
        found = check_together(laws, plain, max_examples=EACH, random_seed=random_seed())
        for outcome in found:
            assert outcome.status == "held", f"{outcome.law.statement}\n{outcome.message}"
            inputs += outcome.examples
    assert inputs >= CLEAN_CASES


def imports(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            yield str(node.module)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_the_plain_one_imports_nothing_of_npcf_but_itself():
    for file in files(PLAIN).iterdir():
        if file.name.endswith(".py"):
            for name in imports(file.read_text("utf-8")):
                assert not name.startswith("npcf") or name.startswith(PLAIN), name

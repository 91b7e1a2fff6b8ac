"""The shipped implementations: which are whole, what they may import, and how they are refused."""

import ast
import importlib
import importlib.util
import sys
from importlib.resources import files

import pytest

from npcf.verify.conformance import LAWS, Implementation, check
from npcf.verify.conformance.protocol import FUNCTIONS
from tests.laws import random_seed

PLACE = "npcf.verify.conformance.examples"
WHOLE = ("plain", "npcf_numpy", "npcf_numba")
CLEAN_CASES = 10_000  # without a false alarm
EACH = 2 + CLEAN_CASES // len(LAWS)  # a law of few different inputs may try less


@pytest.mark.parametrize("name", WHOLE)
def test_whole_implementations_lack_nothing(name):
    assert Implementation.imported(f"{PLACE}.{name}").lacks(FUNCTIONS) == []


@pytest.mark.slow("ten thousand inputs")
def test_no_false_alarm_in_ten_thousand_clean_cases():
    plain, inputs = Implementation.imported(f"{PLACE}.plain"), 0
    for law in LAWS.values():
        outcome = check(law, plain, max_examples=EACH, random_seed=random_seed())
        assert outcome.status == "held", f"{law.statement}\n{outcome.message}"
        inputs += outcome.examples
    assert inputs >= CLEAN_CASES


def imports(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            yield str(node.module)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_the_plain_one_imports_nothing_of_npcf_but_itself():
    for file in files(f"{PLACE}.plain").iterdir():
        if file.name.endswith(".py"):
            for name in imports(file.read_text("utf-8")):
                assert not name.startswith("npcf") or name.startswith(f"{PLACE}.plain"), name


def test_c_is_refused_by_name_without_a_compiler(monkeypatch):
    """A fresh module, so that the compiled one stays in place for other tests."""
    spec = importlib.util.find_spec(f"{PLACE}.naive_compiler")
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(ImportError, match="cannot be compiled by no-such-compiler"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    monkeypatch.delenv("CC")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ImportError, match="needs a C compiler"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


@pytest.mark.parametrize(("name", "library"), [("pytorch", "torch"), ("jax_numpy", "jax")])
def test_a_library_that_is_not_installed_is_said(name, library, monkeypatch):
    from npcf.errors import UsageError

    for module in [module for module in sys.modules if module.startswith(f"{PLACE}.{name}")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(UsageError, match=library):
        Implementation.imported(f"{PLACE}.{name}")

"""Other people's implementations under the suite: PyTorch, JAX, C, and five functions by hand."""

import importlib.util
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from compare.implementations import minimal
from npcf.errors import UsageError
from npcf.verify.conformance import LAWS, Implementation, check
from npcf.verify.conformance.runner import groups
from npcf.verify.conformance.sizes import Sized
from tests.laws import LONG, examples, named, obeyed

PLACE = "compare.implementations"
LOOKUPS = ("embedding_forward", "embedding_backward")
FIVE = Implementation(minimal)


def able(implementation):
    return groups(law for law in LAWS.values() if not implementation.lacks(law.needs))


def cases(name):
    """Return a test for each group of laws that a shipped example can obey, or one that is skipped.

    What a library does not offer is left out; a library that is not installed is named.
    """
    try:
        implementation = Implementation.imported(f"{PLACE}.{name}")
    except UsageError as error:
        return [pytest.param(None, None, marks=pytest.mark.skip(str(error)), id=name)]
    return [pytest.param(implementation, laws, id=named(laws)) for laws in able(implementation)]


@pytest.mark.parametrize(("implementation", "laws"), cases("pytorch"))
def test_torch_obeys(implementation, laws):
    assert obeyed(laws, [implementation], 0.2 if LONG else 0.5) == len(laws)


@pytest.mark.parametrize(("implementation", "laws"), cases("naive_c"))
def test_c_obeys(implementation, laws):
    assert obeyed(laws, [implementation], 0.2 if LONG else 0.5) == len(laws)


@pytest.mark.parametrize(("implementation", "laws"), cases("jax_numpy"))
def test_jax_obeys(implementation, laws):
    """Fewer inputs: JAX compiles each operation anew for each shape."""
    assert obeyed(laws, [implementation], 0.01 if LONG else 0.05) == len(laws)


@pytest.mark.parametrize("laws", able(FIVE), ids=named)
def test_minimal_written_from_the_page_obey(laws):
    assert obeyed(laws, [FIVE], 0.2 if LONG else 1.0) == len(laws)


def test_the_five_are_five():
    assert len(FIVE.functions) == 5


def keeps_one_of_equal_ids(d_out, cache):
    ids, shape, dtype = cache
    d_weight = np.zeros(shape, dtype)
    d_weight[ids] += d_out
    return d_weight


def test_plus_equals_on_indexed_rows_gets_a_counterexample_of_at_most_three_ratings():
    wrong = vars(minimal) | {"embedding_backward": keeps_one_of_equal_ids}
    implementation = Implementation(SimpleNamespace(**wrong), "wrong")
    laws = [law for law in LAWS.values() if set(law.needs) == set(LOOKUPS)]
    outcomes = [check(law, implementation, max_examples=examples(law)) for law in laws]
    broken = [outcome for outcome in outcomes if outcome.status == "broken"]
    assert "lookup_is_exact_within_the_bound" in [one.law.name for one in broken]
    for outcome in broken:
        found = outcome.counterexample
        if not isinstance(found, Sized):
            ids = getattr(found, "ids", found)  # of a long table the ids alone are drawn
            assert len(ids) <= 3, outcome.law.name


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
    for module in [module for module in sys.modules if module.startswith(f"{PLACE}.{name}")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(UsageError, match=library):
        Implementation.imported(f"{PLACE}.{name}")

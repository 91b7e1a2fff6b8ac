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


def able(*implementations):
    """Return the groups of laws that some of them can obey."""
    laws = LAWS.values()
    return groups(law for law in laws if any(not one.lacks(law.needs) for one in implementations))


def imported(name):
    """Return a shipped example, or the reason why there is none."""
    try:
        return Implementation.imported(f"{PLACE}.{name}")
    except UsageError as error:
        return str(error)


SHIPPED = {name: imported(name) for name in ("pytorch", "naive_c", "jax_numpy")}
JAX = SHIPPED["jax_numpy"]
QUICK = [FIVE, *(SHIPPED[n] for n in ("pytorch", "naive_c") if not isinstance(SHIPPED[n], str))]


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_example_is_there(name):
    if isinstance(SHIPPED[name], str):
        pytest.skip(SHIPPED[name])


@pytest.mark.parametrize("laws", able(*QUICK), ids=named)
def test_torch_c_and_the_minimal_one_obey(laws):
    """Shown the same inputs: what a library does not offer is left out."""
    assert obeyed(laws, QUICK, 0.2 if LONG else 0.5) >= len(laws)


@pytest.mark.skipif(isinstance(JAX, str), reason=str(JAX))
@pytest.mark.parametrize("laws", [] if isinstance(JAX, str) else able(JAX), ids=named)
def test_jax_obeys(laws):
    """Fewer inputs: JAX compiles each operation anew for each shape."""
    assert obeyed(laws, [JAX], 0.01 if LONG else 0.05) == len(laws)


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

"""Other people's implementations under the suite: PyTorch, JAX, C, and five functions by hand."""

import importlib
from types import SimpleNamespace

import numpy as np
import pytest

from compare import five_functions
from npcf.verify.conformance import LAWS, Implementation, check
from npcf.verify.conformance.counterexample import as_script
from tests.laws import examples, random_seed

PLACE = "npcf.verify.conformance.examples"
LOOKUPS = ("embedding_forward", "embedding_backward")
every_law = pytest.mark.parametrize("law", LAWS.values(), ids=list(LAWS))


def assert_obeys(name, law, max_examples):
    """Skip by name what is not installed and what the implementation lacks."""
    try:
        importlib.import_module(f"{PLACE}.{name}")
    except ImportError as error:
        pytest.skip(f"{name}: {error}")
    implementation = Implementation.load(f"{PLACE}.{name}")
    outcome = check(law, implementation, max_examples=max_examples, random_seed=random_seed())
    if outcome.status == "skipped":
        pytest.skip(f"{name}: {outcome.message}")
    script = as_script(law.name, implementation.name, outcome.counterexample)
    assert outcome.status == "held", f"{law.statement}\n{outcome.message}\n{script}"


@every_law
def test_torch_obeys(law):
    assert_obeys("pytorch", law, examples(law))


@every_law
def test_c_obeys(law):
    assert_obeys("naive_c", law, examples(law))


@every_law
def test_jax_obeys(law):
    """Fewer inputs: JAX compiles each operation anew for each shape."""
    assert_obeys("jax_numpy", law, -(-examples(law) // 20))


FIVE = Implementation(five_functions)


@every_law
def test_five_functions_written_from_the_page_obey(law):
    outcome = check(law, FIVE, max_examples=examples(law), random_seed=random_seed())
    if outcome.status == "skipped":
        pytest.skip(outcome.message)
    script = as_script(law.name, FIVE.name, outcome.counterexample)
    assert outcome.status == "held", f"{law.statement}\n{outcome.message}\n{script}"


def test_the_five_are_five():
    assert len(FIVE.functions) == 5


def keeps_one_of_equal_ids(d_out, cache):
    ids, shape, dtype = cache
    d_weight = np.zeros(shape, dtype)
    d_weight[ids] += d_out
    return d_weight


def test_plus_equals_on_indexed_rows_gets_a_counterexample_of_at_most_three_ratings():
    wrong = vars(five_functions) | {"embedding_backward": keeps_one_of_equal_ids}
    implementation = Implementation(SimpleNamespace(**wrong), "wrong")
    laws = [law for law in LAWS.values() if set(law.needs) == set(LOOKUPS)]
    outcomes = [check(law, implementation, max_examples=examples(law)) for law in laws]
    broken = [outcome for outcome in outcomes if outcome.status == "broken"]
    assert "lookup_gradient_is_exact_within_the_bound" in [one.law.name for one in broken]
    for outcome in broken:
        assert len(outcome.counterexample.ids) <= 3, outcome.law.name

"""Collected by `pytest --pyargs npcf.verify.conformance --impl package.module`: one test a law."""

from typing import Any

import pytest

from npcf.verify.conformance.counterexample import as_script
from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import Law
from npcf.verify.conformance.runner import BROKEN, SKIPPED, check


@pytest.fixture(scope="session")
def implementation(request: Any) -> Implementation:
    """Return the module that --impl names."""
    name = request.config.getoption("--impl")
    if name is None:
        pytest.skip("name the implementation with --impl package.module")
    chosen = Implementation.imported(name)
    sizes = request.config.getoption("--sizes")
    chosen.tiles += tuple(int(size) for size in sizes.split(",") if size)
    chosen.fixed_shapes |= request.config.getoption("--fixed-shapes")
    return chosen


def test_law(conformance_law: Law, implementation: Implementation, request: Any) -> None:
    """The law holds, or the failure shows the smallest input that breaks it."""
    examples = request.config.getoption("--max-examples")
    outcome = check(conformance_law, implementation, max_examples=examples)
    if outcome.status == SKIPPED:
        pytest.skip(outcome.message)
    if outcome.status == BROKEN:
        text = f"{conformance_law.statement}\n\n{outcome.message}"
        if outcome.counterexample is not None:
            script = as_script(conformance_law.name, implementation.name, outcome.counterexample)
            text += f"\n\n{script}"
        pytest.fail(text, pytrace=False)

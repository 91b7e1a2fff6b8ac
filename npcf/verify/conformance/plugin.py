"""The pytest side: `pytest --pyargs npcf.verify.conformance --impl package.module`.

Loaded by pytest through an entry point wherever npcf is installed, so it imports nothing heavy
until the suite itself is collected.
"""

from collections.abc import Callable
from typing import Any

import pytest


def pytest_addoption(parser: Any) -> None:
    """Add the options of the suite."""
    group = parser.getgroup("npcf", "npcf conformance suite")
    group.addoption("--impl", metavar="MODULE", help="the implementation: a dotted module name")
    group.addoption("--max-examples", type=int, default=200, help="inputs a law (default 200)")
    group.addoption("--sizes", metavar="N,N", default="", help="more sizes to try around")
    group.addoption("--fixed-shapes", action="store_true", help="few shapes only")


def pytest_generate_tests(metafunc: Any) -> None:
    """Give the suite's one test function every law."""
    if "conformance_law" in metafunc.fixturenames:
        from npcf.verify.conformance import LAWS

        metafunc.parametrize("conformance_law", list(LAWS.values()), ids=list(LAWS))


@pytest.fixture
def crosscheck() -> Callable[..., Any]:
    """Give a test `npcf.verify.assert_crosscheck`: crosscheck(model, users, items, rating, ...)."""
    from npcf.verify import assert_crosscheck

    return assert_crosscheck

"""npcf's executions, and the plain implementation that the mutants bend, obey every law."""

import pytest

from npcf.verify.conformance import LAWS, Implementation
from npcf.verify.conformance.runner import groups
from tests.laws import LONG, PLACE, named, obeyed

EXECUTIONS = [
    Implementation.imported(f"{PLACE}.{name}") for name in ("npcf_numpy", "npcf_numba", "plain")
]


@pytest.mark.parametrize("laws", groups(LAWS.values()), ids=named)
def test_npcf_obeys(laws):
    for law in laws:
        assert not EXECUTIONS[0].lacks(law.needs)
        assert not EXECUTIONS[2].lacks(law.needs)
    obeyed(laws, EXECUTIONS[:2] if LONG else EXECUTIONS)

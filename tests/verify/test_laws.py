"""npcf's executions obey every law; the plain one, which mutants bend, does in `test_examples`."""

import pytest

from npcf import kernels, ops
from npcf.verify.conformance import LAWS, Implementation
from npcf.verify.conformance.contracts import CONTRACTS
from npcf.verify.conformance.runner import groups
from npcf.verify.conformance.sizes import FIELDS
from npcf.verify.conformance.subjects import SUBJECTS
from tests.laws import NPCF, named, obeyed

EXECUTIONS = [Implementation.imported(name) for name in NPCF]
# As `npcf conformance npcf.ops` sees them: without a word on whose exp they use.
MODULES = [Implementation(ops), Implementation(kernels)]


@pytest.mark.parametrize("laws", groups(LAWS.values()), ids=named)
def test_npcf_obeys(laws):
    for law in laws:
        assert not EXECUTIONS[0].lacks(law.needs)
    obeyed(laws, EXECUTIONS)


EXACT = [law for law in LAWS.values() if law.name.endswith("is_exact_within_the_bound")]


@pytest.mark.parametrize("law", EXACT, ids=lambda law: law.name)
def test_the_modules_themselves_obey(law):
    obeyed([law], MODULES, 0.1)  # their bounds are those of any library, hence wider than above


def test_every_subject_has_its_contracts_and_its_sizes():
    for subject in SUBJECTS:
        names = {name for name in LAWS if name.startswith(f"{subject.name}_")}
        wanted = {f"{subject.name}_{name}" for name, one in CONTRACTS.items() if one.about(subject)}
        assert wanted | {f"{subject.name}_is_right_at_every_size"} <= names
    assert [*FIELDS] == [subject.name for subject in SUBJECTS]

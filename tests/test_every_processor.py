"""What does not take exp or cos has the same bits on every processor; what does, its bounds."""

import json
import subprocess
import sys

import numpy as np
import pytest

from npcf import kernels
from tests import fingerprints, processors


@pytest.mark.slow("a process of its own")
def test_bits_are_those_of_a_processor_without_vector_extensions():
    child = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.fingerprints"], cwd=processors.ROOT,
        env=processors.environment("baseline"), capture_output=True, text=True, check=True,
    )  # fmt: skip
    here, there = fingerprints.fingerprints(), json.loads(child.stdout)
    assert here.keys() == there.keys()
    assert [name for name in here if here[name] != there[name]] == []


@pytest.mark.slow("a process that compiles without vector instructions")
@pytest.mark.skipif(not kernels.compiles(), reason="fused steps are compiled")
def test_fused_runs_stay_within_their_bounds_on_any_processor():
    """A part of `make check-processors`: long runs, whose last bits differ with every exp.

    Of SGD and of Adam, in double precision: each rule is compiled anew for such a processor.
    """
    chosen = "float64 and 7-5-True and (torch or momentum)"
    child = subprocess.run(
        processors.pytest_command("tests/kernels/test_windows.py", "-k", chosen),
        cwd=processors.ROOT, env=processors.environment("baseline") | {"NPCF_PROFILE": "dev"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert child.returncode == 0, child.stdout[-4000:] + child.stderr[-1000:]
    assert " passed" in child.stdout


@pytest.mark.slow("a process of its own")
def test_a_level_holds_the_libraries_where_it_says():
    """Or the tests at two levels were the same test twice."""
    found = processors.code("baseline", "numpy_paths")["numpy exp float64"]
    if processors.DISPATCHED:
        assert not any(name in found for name in processors.DISPATCHED)
    for variables in processors.LEVELS.values():
        assert set(variables) <= set(processors.VARIABLES)
    assert [path for path in processors.TESTS if not (processors.ROOT / path).exists()] == []


def test_reference_and_twins_have_the_same_fingerprints():
    """Nor are the digests blind: another number gives another one."""
    found = fingerprints.fingerprints()
    twins = {name: value for name, value in found.items() if name.startswith("npcf.kernels")}
    for name, value in twins.items():
        assert found[name.replace("npcf.kernels", "npcf.ops")] == value, name
    x = np.arange(3.0)
    assert fingerprints.digest(x) != fingerprints.digest(np.nextafter(x, 9))

"""What does not take exp or cos has the same bits on every processor."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests import fingerprints

ROOT = Path(__file__).parents[1]


def without_dispatched_code():
    """Return the environment in which NumPy and Numba use what every processor of this kind has."""
    introspect = pytest.importorskip("numpy.lib.introspect")
    available = [
        version["available"].split()
        for signatures in introspect.opt_func_info().values()
        for version in signatures.values()
    ]
    names = sorted({name for names in available for name in names if "baseline" not in name})
    settings = {"NPY_DISABLE_CPU_FEATURES": " ".join(names)} if names else {}
    numba = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    return settings | numba | {"PYTHONWARNINGS": "ignore"}


def test_bits_are_those_of_a_processor_without_vector_extensions():
    settings = without_dispatched_code()
    child = subprocess.run(
        [sys.executable, "-m", "tests.fingerprints"], cwd=ROOT, env=os.environ | settings,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    here, there = fingerprints.fingerprints(), json.loads(child.stdout)
    assert here.keys() == there.keys()
    assert [name for name in here if here[name] != there[name]] == []


def test_reference_and_twins_have_the_same_fingerprints():
    """Nor are the digests blind: another number gives another one."""
    found = fingerprints.fingerprints()
    twins = {name: value for name, value in found.items() if name.startswith("npcf.kernels")}
    for name, value in twins.items():
        assert found[name.replace("npcf.kernels", "npcf.ops")] == value, name
    x = np.arange(3.0)
    assert fingerprints.digest(x) != fingerprints.digest(np.nextafter(x, 9))

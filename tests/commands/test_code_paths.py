"""`npcf doctor` names the code that the libraries run, as it is on this processor."""

import importlib.util
import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest

from npcf.commands import code_paths as module
from npcf.commands.code_paths import (
    PROBES,
    c_library_paths,
    code_paths,
    numpy_paths,
    torch_paths,
)
from npcf.kernels._target import target

introspect = pytest.importorskip("numpy.lib.introspect")


def in_child(function, **settings):
    """Return what a function says in a process with these environment variables."""
    module, name = function.__module__, function.__name__
    run = subprocess.run(
        [sys.executable, "-c", f"import json, {module} as m; print(json.dumps(m.{name}()))"],
        env=os.environ | {"PYTHONWARNINGS": "ignore"} | settings,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(run.stdout)


@pytest.mark.slow("a process of its own")
def test_every_library_is_named():
    found = code_paths()
    assert all(isinstance(value, str) and value for value in found.values())
    for library in ("numpy exp float64", "numba", "torch", "C library", "C library exp"):
        assert library in found


@pytest.mark.slow("a process of its own")
def test_numpy_without_its_dispatched_code_takes_the_baseline():
    """The environment variable that switches a version off, and the version that remains."""
    exp = introspect.opt_func_info(func_name="^exp$", signature="^float64$").get("exp")
    if not exp:
        pytest.skip("NumPy has one version of exp on this kind of processor")
    *dispatched, baseline = exp["dd"]["available"].split()
    assert numpy_paths()["numpy exp float64"] == exp["dd"]["current"]
    if dispatched:
        found = in_child(numpy_paths, NPY_DISABLE_CPU_FEATURES=" ".join(dispatched))
        assert found["numpy exp float64"] == baseline


@pytest.mark.slow("a process of its own")
def test_numba_compiles_for_the_processor_that_it_is_told():
    told = {"NUMBA_DISABLE_JIT": "0", "NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    assert in_child(target, **told)["numba"] == "generic (no vector extensions)"
    assert "plain Python" in in_child(target, NUMBA_DISABLE_JIT="1")["numba"]


@pytest.mark.slow("a process of its own")
@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="no torch")
def test_torch_and_its_mkl_are_asked_in_a_process_of_their_own():
    found = in_child(torch_paths, ATEN_CPU_CAPABILITY="default", MKL_CBWR="COMPATIBLE")
    assert found["torch"] in ("DEFAULT", "NO AVX")
    assert found.get("torch exp, sqrt (MKL)", "baseline") == "baseline"


def test_a_torch_that_does_not_load_is_reported(monkeypatch):
    monkeypatch.setattr(module, "ASK_TORCH", "raise ImportError('libc10.so: no such file')")
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: True)
    assert torch_paths()["torch"] == "does not load: ImportError: libc10.so: no such file"
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    assert torch_paths()["torch"] == "not installed"


@pytest.mark.parametrize("function", list(PROBES))
def test_probes_lie_on_both_sides_of_the_right_number(function):
    """Both versions are a unit apart and each less than one away, so neither is a mistake here."""
    mpmath = pytest.importorskip("mpmath")
    _, argument, fused, unfused = PROBES[function]
    x, with_it, without = (float.fromhex(number) for number in (argument, fused, unfused))
    with mpmath.workprec(200):
        right = getattr(mpmath, function)(mpmath.mpf(x))
        for result in (with_it, without):
            assert abs(mpmath.mpf(result) - right) < np.spacing(abs(result))
    assert abs(with_it - without) == np.spacing(abs(without))


@pytest.mark.parametrize("function", list(PROBES))
def test_the_c_library_s_version_is_told_from_its_result(function, monkeypatch):
    call, argument, fused, unfused = PROBES[function]
    for result, said in ((fused, "with fused"), (unfused, "without"), ("0x1p+0", "neither")):
        answer = float.fromhex(result)
        monkeypatch.setitem(PROBES, function, (lambda x, y=answer: y, argument, fused, unfused))
        assert said in c_library_paths()[f"C library {function}"]
    assert call is getattr(math, function)

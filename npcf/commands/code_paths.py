"""Which code the libraries run on this processor: it decides the last bits of exp and cos.

NumPy, Numba, torch and the C library each choose among versions of a function by what the processor
can do, or by their own environment variables.  The versions differ in their last bits.
"""

import importlib.util
import math
import os
import platform
import re
import subprocess
import sys

# Arguments at which the two versions in glibc 2.28 and later differ: result with fused
# multiply-add, result without.
PROBES = {
    "exp": (math.exp, "-0x1.935d4b2740268p+2", "0x1.e024208015587p-10", "0x1.e024208015586p-10"),
    "cos": (math.cos, "0x1.2375994110d59p+1", "-0x1.4c45cfc8b3a06p-1", "-0x1.4c45cfc8b3a07p-1"),
}
# MKL, whose exp and sqrt torch uses, names its instructions when it is first asked for a product.
ASK_TORCH = """
import torch
torch.eye(9) @ torch.eye(9)
print("ATen", torch.backends.cpu.get_cpu_capability())
"""
TIMEOUT = 120  # seconds; torch loads in one or two, from a cold disk in twenty


def code_paths() -> dict[str, str]:
    """Return {library and function: the code that computes it}."""
    return numpy_paths() | numba_paths() | torch_paths() | c_library_paths()


def numba_paths() -> dict[str, str]:
    """Return the processor that Numba compiles for, and the source of its exp."""
    from npcf.training.backend import numba_installed

    if not numba_installed():
        return {"numba": "not installed"}
    from npcf.kernels._target import target  # here, for it loads Numba

    return target()


def numpy_paths() -> dict[str, str]:
    """Return the versions of exp and sqrt among which NumPy has chosen."""
    try:
        from numpy.lib.introspect import opt_func_info
    except ImportError:
        return {"numpy": "this version of NumPy does not say"}
    paths = {}
    for name in ("exp", "sqrt"):
        found = opt_func_info(func_name=f"^{name}$", signature="^(float32|float64)$").get(name, {})
        for types, label in (("ff", "float32"), ("dd", "float64")):
            paths[f"numpy {name} {label}"] = found.get(types, {}).get("current", "one version only")
    return paths


def torch_paths() -> dict[str, str]:
    """Ask a process of its own: torch takes seconds to load, and a broken one must not end us."""
    if importlib.util.find_spec("torch") is None:
        return {"torch": "not installed"}
    try:
        answer = subprocess.run(
            [sys.executable, "-P", "-c", ASK_TORCH],
            capture_output=True, text=True, timeout=TIMEOUT, env=os.environ | {"MKL_VERBOSE": "1"},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"torch": f"does not answer: {type(error).__name__}"}
    if answer.returncode:
        lines = answer.stderr.strip().splitlines() or [f"exit {answer.returncode}"]
        return {"torch": f"does not load: {lines[-1]}"}
    level = re.search(r"^ATen (\w+)", answer.stdout, re.MULTILINE)
    paths = {"torch": level[1] if level else "does not say"}
    if mkl := re.search(r"^MKL_VERBOSE oneMKL .*$", answer.stdout, re.MULTILINE):
        instructions = re.search(r"\(Intel\(R\) ((?:AVX|SSE)[^)]*)\)", mkl[0])
        paths["torch exp, sqrt (MKL)"] = instructions[1] if instructions else "baseline"
    return paths


def c_library_paths() -> dict[str, str]:
    """Return the C library, and whose exp and cos it computes, checked by a result of each."""
    name, version = platform.libc_ver()
    paths = {"C library": f"{name} {version}".strip() or platform.system()}
    for function, (call, argument, fused, unfused) in PROBES.items():
        result = call(float.fromhex(argument)).hex()
        known = {fused: "glibc's with fused multiply-add", unfused: "glibc's without"}
        paths[f"C library {function}"] = known.get(result, "neither of glibc's")
    return paths

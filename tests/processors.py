"""The numeric tests with every library held at one level of the processor after the other.

    python -m tests.processors [default avx2 baseline mixed]

NumPy, Numba, PyTorch and the C library choose their code by what the processor can do, or by
environment variables; the versions differ in their last bits, exp above all.  A level is a set of
these variables, for a process of its own, because libraries read them once.  Each level has its
own cache of compiled code.  A processor can be held below what it is, never above it: the first
lines say which code was taken, and on what.

    default     as the processor is: the best it can do
    avx2        x86 without AVX-512
    baseline    what every processor of its kind can do: no vector extension, no fused multiply-add
    mixed       libraries at different levels: only NumPy takes the best

Tests are those that compare with something: the reference and its twins, bounds, fused runs and
their planted bugs, PyTorch, recorded runs, the README's numbers.
"""

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

from numpy._core import _multiarray_umath as numpy_core

ROOT = Path(__file__).parents[1]
X86 = platform.machine().lower() in ("x86_64", "amd64")
DISPATCHED = [name for name in numpy_core.__cpu_dispatch__ if numpy_core.__cpu_features__.get(name)]
BEYOND_AVX2 = [name for name in DISPATCHED if "AVX512" in name or name == "X86_V4"]
NO_FMA = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-FMA,-AVX2,-FMA4,-AVX512F"}
GENERIC = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
VARIABLES = (
    "NPY_DISABLE_CPU_FEATURES", "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "ATEN_CPU_CAPABILITY",
    "MKL_CBWR", "OPENBLAS_CORETYPE", "GLIBC_TUNABLES",
)  # fmt: skip
TESTS = [
    "tests/ops", "tests/models", "tests/optim", "tests/kernels/test_twins.py",
    "tests/kernels/test_windows.py", "tests/kernels/test_deferred.py",
    "tests/kernels/test_fused.py", "tests/kernels/test_fused_lanes.py",
    "tests/kernels/test_fused_machine.py", "tests/kernels/test_per_rating.py",
    "tests/training/test_execution.py", "tests/training/test_learner.py",
    "tests/training/test_per_rating.py", "tests/verify/test_bounded.py",
    "tests/verify/test_bounds.py", "tests/verify/test_gradcheck.py", "tests/test_pages.py",
    "tests/pages/test_pages.py", "tests/test_every_processor.py", "compare/test_ops.py",
    "compare/test_models.py",
    "compare/test_optimizers.py", "compare/test_libraries.py", "compare/test_schedules.py",
    "compare/test_trajectories.py",
]  # fmt: skip


def without(features: list[str]) -> dict[str, str]:
    """Return what switches off parts of NumPy; it refuses to switch off what it does not have."""
    return {"NPY_DISABLE_CPU_FEATURES": " ".join(features)} if features else {}


LEVELS: dict[str, dict[str, str]] = {
    "default": {},
    "avx2": without(BEYOND_AVX2) | {
        "NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx2,+fma",
        "ATEN_CPU_CAPABILITY": "avx2", "MKL_CBWR": "AVX2", "OPENBLAS_CORETYPE": "Haswell",
    },
    "baseline": without(DISPATCHED) | GENERIC | NO_FMA | {
        "ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "COMPATIBLE", "OPENBLAS_CORETYPE": "Nehalem",
    },
    "mixed": GENERIC | NO_FMA | {
        "ATEN_CPU_CAPABILITY": "default", "OPENBLAS_CORETYPE": "Prescott",
    },
}  # fmt: skip
if not X86:  # names of x86 processors mean nothing elsewhere
    del LEVELS["avx2"]
    for settings in LEVELS.values():
        settings.pop("OPENBLAS_CORETYPE", None)


def environment(level: str) -> dict[str, str]:
    """Return the environment of a process at that level, with its own cache of compiled code."""
    kept = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    cache = Path(sys.prefix) / "compiled" / level
    cache.mkdir(parents=True, exist_ok=True)
    return kept | {"NUMBA_CACHE_DIR": str(cache)} | LEVELS[level]


def code(level: str, paths: str = "code_paths") -> dict[str, str]:
    """Return which code the libraries take at that level, as `npcf doctor` says it."""
    ask = f"import json, npcf.commands.code_paths as m; print(json.dumps(m.{paths}()))"
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ask], cwd=ROOT, env=environment(level),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return dict(json.loads(run.stdout.splitlines()[-1]))


def pytest_command(*arguments: str) -> list[str]:
    """Return what runs pytest in a process of its own, beside another run."""
    return [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]


def passes(level: str, *arguments: str) -> bool:
    """Run pytest at that level; return whether all passed."""
    settings = environment(level) | {"NPCF_PROFILE": "dev"}
    return subprocess.run(pytest_command(*arguments), cwd=ROOT, env=settings).returncode == 0


def main(levels: list[str]) -> int:
    """Run the tests at each level, and say what was taken and how long it took."""
    failed, workers = [], os.environ.get("WORKERS", "auto")
    for level in levels or LEVELS:
        print(f"\n== {level}" + "".join(f"\n   {k:<22} {v}" for k, v in code(level).items()))
        sys.stdout.flush()
        start = time.perf_counter()
        failed += [] if passes(level, "-n", workers, "--durations=20", *TESTS) else [level]
        print(f"== {level}: {time.perf_counter() - start:.0f} s")
    print("failed: " + ", ".join(failed) if failed else f"passed at {', '.join(levels or LEVELS)}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`naive.c`, compiled when this module is imported, once for each dtype, and called by ctypes."""

import ctypes
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
REALS: dict[str, tuple[str, Any]] = {
    "float32": ("float", ctypes.c_float),
    "float64": ("double", ctypes.c_double),
}


def compiled() -> dict[str, Any]:
    """Return the library for each dtype; ImportError without a compiler that works."""
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise ImportError("naive_c needs a C compiler: there is no cc or gcc, and $CC is not set")
    source, libraries = Path(__file__).with_name("naive.c"), {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for dtype, (real, _) in REALS.items():
            target = str(Path(folder) / f"naive_{real}.so")
            options = ["-O2", "-std=c11", "-shared", "-fPIC", f"-DREAL={real}"]
            command = [*compiler.split(), *options, "-o", target, str(source), "-lm"]
            try:
                subprocess.run(command, check=True, capture_output=True, text=True)
            except (OSError, subprocess.CalledProcessError) as error:
                reason = getattr(error, "stderr", "") or error
                raise ImportError(f"naive_c cannot be compiled by {compiler}: {reason}") from None
            libraries[dtype] = ctypes.CDLL(target)
    return libraries


_LIBRARIES = compiled()


def call(name: str, dtype: Any, *args: Any) -> None:
    """Call a loop: arrays as pointers, ints as int64, `Real` as the dtype's, floats as double."""
    real = REALS[dtype.name][1]
    converted: list[Any] = []
    for arg in args:
        if isinstance(arg, np.ndarray):
            converted.append(arg.ctypes.data_as(ctypes.c_void_p))
        elif isinstance(arg, bool):
            converted.append(ctypes.c_int(arg))
        elif isinstance(arg, int):
            converted.append(ctypes.c_int64(arg))
        elif isinstance(arg, np.floating):
            converted.append(real(arg))
        else:
            converted.append(ctypes.c_double(arg))
    getattr(_LIBRARIES[dtype.name], name)(*converted)


def row_numbers(ids: Any, table: Array) -> Array:
    """Return ids as int64 in C's own layout, or raise."""
    ids = np.asarray(ids)
    if ids.dtype.kind not in "iu":
        raise TypeError(f"ids must be integers, got {ids.dtype}")
    if ((ids < 0) | (ids >= len(table))).any():
        raise IndexError(f"an id is outside a table of {len(table)} rows")
    return np.ascontiguousarray(ids, np.int64)


def arrays_of(*inputs: Any) -> list[Array]:
    """Return copies in C's own layout, or raise unless shapes and dtypes are equal."""
    arrays = list(map(np.asarray, inputs))
    if len({(a.shape, a.dtype) for a in arrays}) > 1 or arrays[0].dtype.name not in REALS:
        raise ValueError(f"{[(a.shape, a.dtype) for a in arrays]} do not belong together")
    return [np.array(array, order="C") for array in arrays]

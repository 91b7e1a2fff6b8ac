"""The C kernel of `roofline.c`, compiled here for this processor, over npcf's own tables."""

import ctypes
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compare.bench.measuring import Absent

SOURCE = Path(__file__).with_name("roofline.c")
OPTIONS = ("-O3", "-march=native", "-shared", "-fPIC")


class Side(ctypes.Structure):
    """One side's tables."""

    _fields_ = [("rows", ctypes.c_void_p), ("scalars", ctypes.c_void_p)]


def library() -> Any:
    """Compile the kernel and return it; Absent where there is no C compiler."""
    path = Path(tempfile.mkdtemp()) / "roofline.so"
    command = ["cc", *OPTIONS, "-o", str(path), str(SOURCE)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Absent(f"no C compiler that takes {' '.join(OPTIONS)}: {error}") from error
    loaded = ctypes.CDLL(str(path))
    loaded.epoch.restype = ctypes.c_double
    return loaded


def order(trainer: Any, number: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where the segments of an epoch begin and end, in npcf's order on one thread."""
    blocks = [block for stratum in trainer.strata(number) for block in stratum]
    segments = np.concatenate([trainer.segments(number, *block) for block in blocks])
    return np.ascontiguousarray(segments[:, 0]), np.ascontiguousarray(segments[:, 1])


def epoch(loaded: Any, trainer: Any, rule: Any, number: int) -> float:
    """Take npcf's epoch `number` in C, on the trainer's tables; return the sum of its errors**2."""
    firsts, ends = order(trainer, number)
    trainer.set_decays(rule)
    pointers = [ctypes.c_void_p(a.ctypes.data) for a in (*trainer.ratings[:3], firsts, ends)]
    sides = [Side(s.factors.ctypes.data, s.scalars.ctypes.data) for s in trainer.sides]
    numbers = np.array([rule.lr, rule.bias_lr, rule.mean], np.float32)
    result: float = loaded.epoch(
        *pointers, ctypes.c_int64(len(firsts)), *sides,
        ctypes.c_void_p(numbers.ctypes.data), len(trainer.lanes),
    )  # fmt: skip
    return result

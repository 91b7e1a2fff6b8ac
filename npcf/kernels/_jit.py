"""The one decorator of this room, so that compiler options are chosen once.

No fastmath: it licenses reordered sums and assumes NaN and inf away.  `error_model="numpy"`
divides as NumPy does; the Python model's zero check would also block vectorisation.
"""

import logging
from collections.abc import Callable
from typing import Any

import numba

log = logging.getLogger("npcf")


def jit(function: Callable[..., Any]) -> Any:
    """Compile `function` on first use, and keep the result on disk where there is a place for it.

    Without a writable place Numba raises at decoration, which would make the import fail in a
    read-only installation; then it compiles anew in every process.
    """
    try:
        return numba.njit(cache=True, error_model="numpy")(function)
    except RuntimeError as error:
        log.warning("npcf.kernels: not cached on disk (%s)", error)
        return numba.njit(error_model="numpy")(function)

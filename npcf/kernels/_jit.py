"""The decorators of this room, so that compiler options are chosen once.

`jit`, strict: no fastmath, which licenses reordered sums and assumes NaN and inf away.
`error_model="numpy"` divides as NumPy does; the Python model's zero check would also block
vectorisation.

`jit_both` compiles one loop twice: strictly, and fast, with licence to fuse a multiplication with
an addition ("contract"), to reorder sums ("reassoc") and to take -0 for 0 ("nsz"), and none to
assume that NaN or inf never happen.

`part` marks a function that loops call: it is compiled anew into each of them, with its options,
so that one text serves both.

What is kept on disk is filed under a digest of this room's source: Numba itself looks at the file
of the compiled function only, and would go on using what called an older version of a `part`.
"""

import logging
import zlib
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple

import numba
from numba.extending import register_jitable

log = logging.getLogger("npcf")

FAST = {"contract", "reassoc", "nsz"}


class Loop(NamedTuple):
    """One loop, compiled in two ways."""

    strict: Any
    fast: Any

    def __call__(self, *arguments: Any) -> Any:
        """Call the strict one."""
        return self.strict(*arguments)


def jit(function: Callable[..., Any]) -> Any:
    """Compile `function` on first use, and keep the result on disk where there is a place for it.

    Without a writable place Numba raises at decoration, which would make the import fail in a
    read-only installation; then it compiles anew in every process.
    """
    return _compiled(function)


def jit_both(function: Callable[..., Any]) -> Loop:
    """Compile `function` on first use, strictly and fast."""
    return Loop(
        _compiled(_renamed(function, f"strict_{_digest()}"), fastmath=False, _nrt=False),
        _compiled(_renamed(function, f"fast_{_digest()}"), fastmath=FAST, _nrt=False),
    )


def part(function: Callable[..., Any]) -> Any:
    """Let compiled loops call `function`; it takes on the options of each."""
    return register_jitable(forceinline=True)(function)


def _compiled(function: Callable[..., Any], **options: Any) -> Any:
    try:
        return numba.njit(cache=True, error_model="numpy", **options)(function)
    except RuntimeError as error:
        log.warning("npcf.kernels: not cached on disk (%s)", error)
        return numba.njit(error_model="numpy", **options)(function)


def _renamed(function: Any, suffix: str) -> Any:
    """Return a copy under another name, which is what its file in the cache is called by."""
    copy = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__
    )
    copy.__qualname__ = f"{function.__qualname__}_{suffix}"
    copy.__module__, copy.__doc__ = function.__module__, function.__doc__
    return copy


def _digest() -> str:
    """Return eight digits that change with any source file of this room."""
    value = 0
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        value = zlib.crc32(path.read_bytes(), value)
    return f"{value:08x}"

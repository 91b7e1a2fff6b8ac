"""Decorators for compiled functions: compiler options are chosen here, once.

`jit`, strict: no fastmath, which licenses reordered sums and assumes NaN and inf away.
`error_model="numpy"` divides as NumPy does; the Python model's zero check would also block
vectorisation.

`jit_both` compiles one loop twice: strictly, and fast, which allows FMA contraction ("contract"),
reassociation ("reassoc") and -0 for 0 ("nsz"), but never assumes that NaN or inf do not occur.

`part` marks a function that loops call: it is compiled anew into each of them, with its options,
so that one text serves both.

What was compiled is kept on disk by `npcf.kernels._disk_cache`.
"""

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, NamedTuple

import numba
from numba.core import event
from numba.extending import register_jitable

from npcf.kernels._disk_cache import keep

FAST = {"contract", "reassoc", "nsz"}

COMPILING = event.TimingListener()  # adds up; Numba compiles in one thread at a time
event.register("numba:compile", COMPILING)


class CompiledLoop(NamedTuple):
    """One loop, compiled in two ways."""

    strict: Any
    fast: Any

    def __call__(self, *arguments: Any) -> Any:
        """Call the strict one."""
        return self.strict(*arguments)


def jit(function: Callable[..., Any]) -> Any:
    """Compile `function` on first use, strictly."""
    return _compiled(function)


def jit_both(function: Callable[..., Any]) -> CompiledLoop:
    """Compile `function` on first use, strictly and fast."""
    name = function.__qualname__
    return CompiledLoop(
        _compiled(specialised(function, f"{name}_strict"), fastmath=False, _nrt=False),
        _compiled(specialised(function, f"{name}_fast"), fastmath=FAST, _nrt=False),
    )


def jit_threads(function: Callable[..., Any]) -> Any:
    """Compile `function` on first use, strictly, for use by several threads at once."""
    return _compiled(function, _nrt=False, nogil=True)


def compiles() -> bool:
    """Whether Numba compiles at all; with NUMBA_DISABLE_JIT it runs loops as plain Python."""
    return not numba.config.DISABLE_JIT  # type: ignore[attr-defined]


def compile_seconds() -> float:
    """Return how long Numba has compiled in this process; what is found on disk takes none."""
    return float(COMPILING.duration) if COMPILING.done else 0.0


def part(function: Callable[..., Any]) -> Any:
    """Let compiled loops contain `function`, with the options of each."""
    return register_jitable(forceinline=True, no_cfunc_wrapper=True)(function)


def stage(function: Callable[..., Any]) -> Any:
    """Let compiled loops call `function`, with the options of each: for what is done once a batch.

    Its dozens of arguments, three for each array, are handed over in memory, which a part that is
    called for every row could not afford; but it is compiled once however many places call it.
    """
    return register_jitable(forceinline=False, no_cfunc_wrapper=True)(function)


def _compiled(function: Callable[..., Any], **options: Any) -> Any:
    dispatcher = numba.njit(error_model="numpy", **options)(function)
    if compiles():
        keep(dispatcher)
    return dispatcher


def specialised(function: Any, name: str, values: Mapping[str, Any] | None = None) -> Any:
    """Return a copy under another name, which its file in the cache is called by.

    Global names of its module that `values` has mean something else in the copy.
    """
    globals_ = {**function.__globals__, **values} if values else function.__globals__
    copy = FunctionType(function.__code__, globals_, function.__name__, function.__defaults__)
    copy.__qualname__, copy.__module__, copy.__doc__ = name, function.__module__, function.__doc__
    return copy

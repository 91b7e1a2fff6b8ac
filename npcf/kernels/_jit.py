"""The decorators of this room, so that compiler options are chosen once.

`jit`, strict: no fastmath, which licenses reordered sums and assumes NaN and inf away.
`error_model="numpy"` divides as NumPy does; the Python model's zero check would also block
vectorisation.

`jit_both` compiles one loop twice: strictly, and fast, with licence to fuse a multiplication with
an addition ("contract"), to reorder sums ("reassoc") and to take -0 for 0 ("nsz"), and none to
assume that NaN or inf never happen.

`part` marks a function that loops call: it is compiled anew into each of them, with its options,
so that one text serves both.

What is compiled is kept on disk by `Kept`, and forgotten when any source file of this room changes:
Numba itself looks at the file of the compiled function only, and would go on using what called an
older version of a `part`.  A place on disk that is broken, or where nothing may be written, costs
the time of compiling in each process, and a warning; never a result.
"""

import logging
import pickle
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple

import numba
from numba.core.caching import FunctionCache, IndexDataCacheFile
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
    """Compile `function` on first use, strictly."""
    return _compiled(function)


def jit_both(function: Callable[..., Any]) -> Loop:
    """Compile `function` on first use, strictly and fast."""
    return Loop(
        _compiled(_renamed(function, "strict"), fastmath=False, _nrt=False),
        _compiled(_renamed(function, "fast"), fastmath=FAST, _nrt=False),
    )


def jit_fast(function: Callable[..., Any]) -> Any:
    """Compile `function` on first use, fast, for use by several threads at once."""
    return _compiled(function, fastmath=FAST, _nrt=False, nogil=True)


def compiles() -> bool:
    """Whether Numba compiles at all; with NUMBA_DISABLE_JIT it runs loops as plain Python."""
    return not numba.config.DISABLE_JIT  # type: ignore[attr-defined]


def part(function: Callable[..., Any]) -> Any:
    """Let compiled loops contain `function`, with the options of each."""
    return register_jitable(forceinline=True, no_cfunc_wrapper=True)(function)


def stage(function: Callable[..., Any]) -> Any:
    """Let compiled loops call `function`, with the options of each: for what is done once a batch.

    Its dozens of arguments, three for each array, are handed over in memory, which a part that is
    called for every row could not afford; but it is compiled once however many places call it.
    """
    return register_jitable(forceinline=False, no_cfunc_wrapper=True)(function)


class Kept(FunctionCache):  # type: ignore[misc]
    """What was compiled of one function, on disk; whatever goes wrong there, compiling goes on."""

    def __init__(self, function: Any):
        super().__init__(function)
        stamp = self._impl.locator.get_source_stamp(), _digest(), numba.config.BOUNDSCHECK  # type: ignore[attr-defined]
        self._cache_file = Checked(self._cache_path, self._impl.filename_base, stamp)

    def load_overload(self, signature: Any, context: Any) -> Any:
        """Return what was compiled for `signature`, or None."""
        try:
            _get_ready(context)
            return self._load_overload(signature, context)
        except Exception as error:  # damaged files fail in every way there is
            _warn_once(error)
            self._try(self.flush)  # so that the next process finds an empty index
            return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep what was compiled, if possible."""
        self._try(super().save_overload, signature, compiled)

    def _try(self, write: Callable[..., Any], *arguments: Any) -> None:
        try:
            write(*arguments)
        except Exception as error:
            _warn_once(error)


class Checked(IndexDataCacheFile):  # type: ignore[misc]
    """Files with checksums: machine code with a wrong bit in it would crash the process."""

    def _save_data(self, name: str, data: Any) -> None:
        content = self._dump(data)
        super()._save_data(name, (zlib.crc32(content), content))

    def _load_data(self, name: str) -> Any:
        checksum, content = super()._load_data(name)
        if zlib.crc32(content) != checksum:
            raise ValueError(f"{name} is damaged")
        return pickle.loads(content)


def _get_ready(context: Any) -> None:
    """Start what compiled code calls at run time.

    Numba would refresh the context: it loads all that *compiling* may need, scipy.linalg with it,
    which takes longer than the first epoch of most who find their code on disk.
    """
    try:
        from numba.core.runtime import rtsys  # type: ignore[attr-defined]

        rtsys.initialize(context)
    except (ImportError, AttributeError):  # another Numba
        context.refresh()


def _compiled(function: Callable[..., Any], **options: Any) -> Any:
    dispatcher = numba.njit(error_model="numpy", **options)(function)
    if compiles():
        try:
            dispatcher._cache = Kept(function)
        except RuntimeError as error:  # no place may be written to
            _warn_once(error)
    return dispatcher


@cache
def _warned() -> list[str]:
    """Return what this process has warned of."""
    return []


def _warn_once(error: Exception) -> None:
    if not _warned():
        log.warning("npcf.kernels: compiled code is not kept on disk: %s", error)
    _warned().append(str(error))


def _renamed(function: Any, suffix: str) -> Any:
    """Return a copy under another name, which is what its file in the cache is called by."""
    copy = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__
    )
    copy.__qualname__ = f"{function.__qualname__}_{suffix}"
    copy.__module__, copy.__doc__ = function.__module__, function.__doc__
    return copy


@cache
def _digest() -> int:
    """Return a number that changes with any source file of this room."""
    value = 0
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        value = zlib.crc32(path.read_bytes(), value)
    return value

"""On-disk cache of compiled kernels; invalidated when any kernel file changes.

Numba keeps what it has compiled beside the source or in $NUMBA_CACHE_DIR.  Three things are added.

Invalidation: Numba looks at the file of the compiled function only, and would go on using code that
calls an older version of a function in another file.  Here a change of any file of `npcf.kernels`,
or of NUMBA_BOUNDSCHECK, invalidates everything.

Robustness: where the cache cannot be written, or is damaged, each process compiles for itself and
logs one warning.  Files carry checksums: machine code with a wrong bit would crash the process.

Start-up time: see `_get_ready`.
"""

import logging
import pickle
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import FunctionCache, IndexDataCacheFile

log = logging.getLogger("npcf")

WARNED: list[str] = []  # problems with the cache in this process


def keep(dispatcher: Any) -> None:
    """Let a Numba dispatcher look on disk before it compiles, and write there what it compiled."""
    try:
        dispatcher._cache = DiskCache(dispatcher.py_func)
    except RuntimeError as error:  # there is no place where one may write
        _warn_once(error)


class DiskCache(FunctionCache):
    """Cache of one function's compiled signatures; errors of the cache never stop compilation."""

    def __init__(self, function: Any):
        super().__init__(function)
        checks = numba.config.BOUNDSCHECK  # type: ignore[attr-defined]
        stamp = self._impl.locator.get_source_stamp(), _digest(), checks
        self._cache_file = Checked(self._cache_path, self._impl.filename_base, stamp)

    def load_overload(self, signature: Any, context: Any) -> Any:
        """Return what was compiled for `signature`, or None."""
        _get_ready(context)
        return self._try(self._load_overload, signature, context)

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep what was compiled, if possible."""
        self._try(super().save_overload, signature, compiled)

    def _try(self, work: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return work(*arguments)
        except Exception as error:  # damaged files fail in every way there is
            _warn_once(error)
        try:
            self.flush()  # the next process is to find an empty index rather than a damaged one
        except Exception as error:
            _warn_once(error)
        return None


class Checked(IndexDataCacheFile):
    """Cache files with a checksum, which name the signature that they hold.

    Two processes that write at once may both take the same file: then the index is one's, and the
    file the other's.
    """

    def save(self, key: Any, data: Any) -> None:
        """Keep `data` under `key`."""
        content = self._dump(data)
        super().save(key, (key, zlib.crc32(content), content))

    def load(self, key: Any) -> Any:
        """Return what was kept under `key`, or None."""
        found = super().load(key)
        if found is None or found[0] != key:
            return None
        if zlib.crc32(found[2]) != found[1]:
            raise ValueError(f"what was kept in {self._index_path} is damaged")
        return pickle.loads(found[2])


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


def _warn_once(error: Exception) -> None:
    if not WARNED:
        log.warning("npcf.kernels: compiled code is not kept on disk: %s", error)
    WARNED.append(str(error))


@cache
def _digest() -> int:
    """Return a number that changes with any source file of this room."""
    value = 0
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        value = zlib.crc32(path.read_bytes(), value)
    return value

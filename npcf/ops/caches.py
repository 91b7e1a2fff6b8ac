"""Validation of the caches that backward passes get back.

A cache goes through the caller's hands between the forward pass and the backward.  Its ids are a
copy that the forward took, so that a buffer used again for the next batch changes nothing; and
because anybody can make or change a cache, the backward looks at all of it once more: it costs a
comparison or two, and one cheap pass over the ids.
"""

from typing import Any, TypeVar

import numpy as np

from npcf._types import FloatArray, IdArray
from npcf.errors import DTypeError, ShapeError, UsageError, require_count, require_ids, require_type

Cache = TypeVar("Cache")
CURE = "Pass the cache as the forward returned it."


def require_cache(cache: Any, kind: type[Cache]) -> Cache:
    """Return `cache` if it is one of `kind`, or raise."""
    found: Cache = require_type("cache", cache, kind, CURE)
    return found


def own_ids(argument: str, ids: Any, n_rows: int) -> IdArray:
    """Return a contiguous copy of `ids`, which nobody else can change, or raise as `require_ids`.

    The copy is checked too: another thread may have been writing meanwhile.
    """
    own = require_ids(argument, ids, n_rows).copy()
    return own if _inside(own, n_rows) else require_ids(argument, own, n_rows)


def cached_ids(argument: str, ids: Any, n_rows: int) -> IdArray:
    """Return a copy of the ids of a cache, as `own_ids`; as a rule at the cost of one pass."""
    require_type(argument, ids, np.ndarray, CURE)
    if type(ids) is np.ndarray and ids.dtype == np.intp and _inside(own := ids.copy(), n_rows):
        return own
    return own_ids(argument, ids, n_rows)


def cached_floats(argument: str, array: Any, ndim: int | None = None) -> FloatArray:
    """Return an array of a cache if it holds numbers that can be differentiated, or raise.

    Objects may be such numbers (symbols of a computer algebra system, fractions).
    """
    require_type(argument, array, (np.ndarray, np.generic), CURE)
    if array.dtype.kind not in "fcO":
        raise DTypeError(argument, f"dtype {array.dtype} is not one of floats", CURE)
    if ndim is not None and array.ndim != ndim:
        raise ShapeError(argument, f"needs {ndim} dimension(s), got shape {array.shape}", CURE)
    return np.asarray(array)


def cached_number(argument: str, value: Any) -> Any:
    """Return a number of a cache, or raise."""
    if isinstance(value, str | bytes | complex) or not hasattr(value, "__float__"):
        raise UsageError(argument, f"{value!r} is not one real number", CURE)
    if np.ndim(value):
        raise UsageError(argument, f"is an array of shape {np.shape(value)}, not a number", CURE)
    return value


def cached_zeros(shape: tuple[Any, ...], dtype: Any) -> FloatArray:
    """Return zeros for the gradient of a cache's table, or raise if there can be no such table."""
    lengths = [require_count("cache", length, 0) for length in shape]
    try:
        return np.zeros(lengths, np.dtype(dtype))
    except TypeError:
        raise DTypeError("cache.dtype", f"{dtype!r} is no number type", CURE) from None
    except (MemoryError, ValueError, OverflowError):
        problem = f"no memory for a table of shape {tuple(lengths)}"
        raise ShapeError("cache", problem, CURE) from None


def _inside(ids: IdArray, n_rows: int) -> bool:
    """Say whether all ids are in [0, n_rows), in one pass: without a sign, -1 is the largest."""
    return not ids.size or int(ids.view(np.uintp).max()) < n_rows

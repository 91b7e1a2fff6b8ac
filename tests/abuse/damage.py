"""What can be done to an array: grown, cut, turned, recast, locked, replaced by nonsense."""

import numpy as np


def _unaligned(array):
    raw = np.zeros(array.nbytes + 1, np.uint8)
    odd = raw[1:].view(array.dtype).reshape(array.shape)
    odd[...] = array
    return odd


def _read_only(array):
    fixed = array.copy()
    fixed.flags.writeable = False
    return fixed


def _filled(value):
    def filled(array):
        result = array.copy()
        with np.errstate(all="ignore"):
            result.reshape(-1)[-1:] = np.asarray(value).astype(array.dtype)
        return result

    return filled


def _rows(array, n):
    """Return `n` rows of an array, over and over."""
    return np.resize(array, (n, *array.shape[1:]))


HOWS = {
    "as it was": lambda a: a,
    "copied": lambda a: a.copy(),
    "one row more": lambda a: _rows(a, len(a) + 1),
    "many rows more": lambda a: _rows(a, len(a) * 50),
    "far more rows": lambda a: _rows(a, 60_000),
    "one row less": lambda a: a[:-1],
    "one row": lambda a: a[:1],
    "no row": lambda a: a[:0],
    "one column": lambda a: a[..., :1],
    "a column more": lambda a: np.concatenate([a, a[..., :1]], axis=-1),
    "turned": lambda a: a.T,
    "an axis more": lambda a: a[..., None],
    "an axis before": lambda a: a[None],
    "flat": lambda a: a.reshape(-1),
    "strided": lambda a: np.repeat(a, 2, axis=0)[::2],
    "backwards": lambda a: a[::-1],
    "in columns": np.asfortranarray,
    "broadcast": lambda a: np.broadcast_to(a[:1], a.shape),
    "unaligned": _unaligned,
    "read-only": _read_only,
    "float16": lambda a: a.astype(np.float16),
    "float32": lambda a: a.astype(np.float32),
    "float64": lambda a: a.astype(np.float64),
    "int32": lambda a: a.astype(np.int32),
    "uint8": lambda a: np.abs(a).astype(np.uint8),
    "complex": lambda a: a.astype(np.complex128),
    "foreign bytes": lambda a: a.astype(a.dtype.newbyteorder()),
    "text": lambda a: a.astype(str),
    "booleans": lambda a: a.astype(bool),
    "masked": lambda a: np.ma.masked_array(a, mask=a == a.reshape(-1)[0]),
    "a number": lambda a: a.reshape(-1)[0],
    "a list": lambda a: a.tolist(),
    "None": lambda a: None,
    "a word": lambda a: "x",
    "a dict": lambda a: {"a": a},
    "-1 in it": _filled(-1),
    "10**9 in it": _filled(10**9),
    "2**62 in it": _filled(2**62),
    "-2**63 in it": _filled(-(2**63)),
    "nan in it": _filled(np.nan),
    "infinite in it": _filled(np.inf),
}
NAMES = sorted(HOWS)
NUMBERS = (None, True, "x", -1, 0, 1, 2.5, 10**13, 10**30, np.nan, np.inf, 3j, (), [1, 2], (5, 1))
# what is no longer a table with as many rows of numbers
TABLES = [name for name in NAMES if name not in ("text", "booleans", "a dict", "nan in it")]


def damaged(array, how):
    """Return `array` with this done to it; where it cannot be done, as it was."""
    try:
        with np.errstate(all="ignore"):
            return HOWS[how](array)
    except (ValueError, TypeError, IndexError, OverflowError):
        return array

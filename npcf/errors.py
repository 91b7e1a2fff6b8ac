"""Typed errors, and the checks at the edges: the only place that judges input.

Every error names the argument, the first offending position and value, and the cure, and carries
a stable `code`.  Each class is also the built-in exception a caller would expect (`ShapeError` is
a `ValueError`), so `except IndexError` around a lookup keeps working.
"""

import pickle
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from npcf._types import FloatArray, IdArray

FLOAT_DTYPES = tuple(map(np.dtype, (np.float32, np.float64, np.complex64, np.complex128)))


class NpcfError(Exception):
    """Base of all errors raised by npcf: `argument`, `position`, `value`, `cure`, `code`."""

    code = "NPCF-E000"

    def __init__(
        self, argument: str, problem: str, cure: str, *, position: Any = None, value: Any = None
    ):
        where = argument if position is None else f"{argument}[{position}]"
        self.argument, self.position, self.value, self.cure = argument, position, value, cure
        self.message = f"{where}: {problem}. {cure} [{self.code}]"
        super().__init__(self.message)

    def __str__(self) -> str:  # KeyError would print the repr
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy as (class, args, attributes): unpickling does not call `__init__`.

        An attribute that cannot be pickled, such as a `value` that is a generator, travels as its
        repr: a worker process that fails to send its error would hide the reason.
        """
        state = {name: _portable(value) for name, value in self.__dict__.items()}
        return _rebuild, (type(self), *self.args), state


def _rebuild(cls: type[NpcfError], *args: Any) -> NpcfError:
    return cls.__new__(cls, *args)


def _portable(value: Any) -> Any:
    try:
        pickle.dumps(value)
    except Exception:  # whatever the object's own __reduce__ raises
        return repr(value)
    return value


class ShapeError(NpcfError, ValueError):
    """Shapes that do not belong together."""

    code = "NPCF-E001"


class DTypeError(NpcfError, TypeError):
    """A number type that cannot be computed with, or that would silently change another."""

    code = "NPCF-E002"


class IdRangeError(NpcfError, IndexError):
    """A row number outside its table."""

    code = "NPCF-E003"


class EmptyBatchError(NpcfError, ValueError):
    """A mean over nothing."""

    code = "NPCF-E004"


class SettingError(NpcfError, ValueError):
    """A hyper-parameter outside the range in which its formula means something."""

    code = "NPCF-E005"


class DataError(NpcfError, ValueError):
    """A file or table that cannot be used as it stands: a missing value, a torn line, a bad bit."""

    code = "NPCF-E006"


class UnknownIdError(NpcfError, KeyError):
    """A user or item that the vocabulary does not hold."""

    code = "NPCF-E007"


class DivergenceError(NpcfError, ArithmeticError):
    """A number on the way that is not finite: a loss, an overflowing logit."""

    code = "NPCF-E008"


class UsageError(NpcfError, TypeError):
    """Used in a way that is not meant: wrong brackets, a missing table, an extra not installed."""

    code = "NPCF-E009"


class WriteError(NpcfError, OSError):
    """A file that could not be written: a full disk, a folder that may not be written to."""

    code = "NPCF-E010"


def require_floats(argument: str, array: Any, ndim: int | None = None) -> FloatArray:
    """Return `array` as an ndarray of a floating dtype npcf computes in, or raise."""
    result = np.asarray(array)
    if result.dtype not in FLOAT_DTYPES:
        raise DTypeError(
            argument,
            f"dtype {result.dtype} is not one npcf computes in",
            "Use native float32 or float64, e.g. array.astype(np.float32).",
        )
    if ndim is not None and result.ndim != ndim:
        raise ShapeError(
            argument,
            f"needs {ndim} dimension(s), got shape {result.shape}",
            "Reshape it, or look whether two arguments changed places.",
        )
    return result


def require_ids(argument: str, ids: Any, n_rows: int, first: int = 0) -> IdArray:
    """Return `ids` as row numbers of a table with `n_rows` rows, or raise.

    `first` is the position of the first of them, where they are a stretch of a longer (n,).
    Negative ids are refused, as `torch.nn.Embedding` does: NumPy and compiled code would wrap them.
    """
    result = np.asarray(ids)
    if result.dtype.kind not in "iu":  # bool is kind "b": as an index it would be a mask
        raise DTypeError(
            argument,
            f"ids must be integers, got dtype {result.dtype}",
            "Use ids.astype(np.int64); for no ids at all, np.zeros(0, dtype=np.int64).",
        )
    outside = (result < 0) | (result >= n_rows)
    if outside.any():
        flat = int(outside.argmax())
        value = int(result.flat[flat])
        at = np.unravel_index(flat, result.shape)
        position = first + flat if result.ndim == 1 else tuple(map(int, at))
        raise IdRangeError(
            argument,
            f"id {value} is outside [0, {n_rows})",
            "Ids are row numbers of the table, and negative ids do not wrap.",
            position=position,
            value=value,
        )
    return result.astype(np.intp, copy=False)


def require_padding_idx(padding_idx: int | None, n_rows: int) -> int | None:
    """Return `padding_idx` counted from the front (torch allows negative ones), or raise."""
    if padding_idx is None:
        return None
    if not -n_rows <= padding_idx < n_rows:
        raise IdRangeError(
            "padding_idx",
            f"{padding_idx} is outside [-{n_rows}, {n_rows})",
            "It names a row of the table; a negative one counts from the end.",
            value=padding_idx,
        )
    return padding_idx % n_rows


def require_same_shape(**arrays: FloatArray) -> None:
    """Raise unless the two named arrays have one shape; the message knows the (B, 1) trap."""
    (first, a), (second, b) = arrays.items()
    if a.shape == b.shape:
        return
    cure = "Broadcasting would pair the wrong rows, so it is refused."
    if {a.ndim, b.ndim} == {1, 2} and a.shape[0] == b.shape[0] and 1 in (a.shape[-1], b.shape[-1]):
        n = a.shape[0]
        cure = (
            f"Broadcasting would make a ({n}, {n}) table out of {n} pairs. Either keep the unit "
            f"axis on both sides (sum(..., keepdim=True), or array[:, None]) or drop it on both "
            f"(array[:, 0])."
        )
    raise ShapeError(second, f"shape {b.shape} does not match {first} of shape {a.shape}", cure)


def require_same_dtype(**arrays: FloatArray) -> None:
    """Raise unless the named arrays share one dtype: mixing would silently promote."""
    (first, a), *rest = arrays.items()
    for name, b in rest:
        if b.dtype != a.dtype:
            raise DTypeError(
                name,
                f"dtype {b.dtype} does not match {first} of dtype {a.dtype}",
                f"Cast one of them, e.g. {name}.astype(np.{a.dtype}).",
            )


def require_gradient(d_out: Any, shape: tuple[int, ...], dtype: Any) -> FloatArray:
    """Return the upstream gradient if it has the forward output's shape and dtype, or raise."""
    result = np.asarray(d_out)
    if result.shape != shape:
        raise ShapeError(
            "d_out",
            f"shape {result.shape} is not the forward output's shape {shape}",
            "A gradient has the shape of its variable; (B, 1) becomes (B,) by [:, 0].",
        )
    if result.dtype != dtype:
        raise DTypeError(
            "d_out",
            f"dtype {result.dtype} is not the forward output's dtype {dtype}",
            f"Cast it: d_out.astype(np.{dtype}).",
        )
    return result


def require_number(
    argument: str, value: Any, low: float = 0.0, high: float = np.inf, *, open_high: bool = False
) -> float:
    """Return `value` as a float in [low, high] (or [low, high)), or raise."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    inside = low <= number < high if open_high else low <= number <= high
    if isinstance(value, bool | str) or not (inside and np.isfinite(number)):
        bracket = ")" if open_high or high == np.inf else "]"
        raise SettingError(
            argument,
            f"must be a finite number in [{low:g}, {high:g}{bracket}, got {value!r}",
            "Check the setting.",
            value=value,
        )
    return number


def require_pair(argument: str, value: Any) -> tuple[Any, Any]:
    """Return `value` as a tuple of two, or raise."""
    try:
        first, second = value
    except (TypeError, ValueError):
        raise SettingError(
            argument, f"must be a pair of numbers, got {value!r}", "Check the setting.", value=value
        ) from None
    return first, second


def require_count(argument: str, value: Any, low: int = 1) -> int:
    """Return `value` as an int >= low, or raise."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < low:
        raise SettingError(
            argument, f"must be a whole number >= {low}, got {value!r}", "Check it.", value=value
        )
    return int(value)


def require_choice(argument: str, value: Any, choices: Iterable[str]) -> str:
    """Return `value` if it is one of `choices`, or raise naming them."""
    names = tuple(choices)
    if value not in names:
        raise SettingError(
            argument, f"{value!r} is unknown", f"Choose one of {', '.join(names)}.", value=value
        )
    return str(value)


def require_params(params: Mapping[str, Any], names: Iterable[str]) -> None:
    """Raise unless every one of `names` is a table of `params` and all share one dtype."""
    names = tuple(names)
    for name in names:
        if name not in params:
            raise UsageError(
                "params", f"has no {name!r}", f"The model needs the tables {', '.join(names)}."
            )
    require_same_dtype(**{name: np.asarray(params[name]) for name in names})


def require_trainable(params: Mapping[str, Any]) -> None:
    """Raise unless every table is a writable array of real floats: steps change it in place."""
    for name, table in params.items():
        if not isinstance(table, np.ndarray) or table.dtype.kind != "f":
            raise DTypeError(
                f"params[{name!r}]", "is not an array of real floats", "Use float32 or float64."
            )
        require_floats(f"params[{name!r}]", table)
        if not table.flags.writeable:
            raise UsageError(f"params[{name!r}]", "is read-only", "Pass a copy: table.copy().")


def require_grads(grads: Mapping[str, Any], params: Mapping[str, Any]) -> None:
    """Raise unless `grads` has the keys, shapes and dtypes of `params`; before anything moves."""
    for name in sorted(params.keys() ^ grads.keys()):
        side = "has no gradient for" if name in params else "names an unknown parameter"
        raise UsageError("grads", f"{side} {name!r}", f"The parameters are {', '.join(params)}.")
    for name, table in params.items():
        grad = np.asarray(grads[name])
        if grad.shape != table.shape:
            raise ShapeError(
                f"grads[{name!r}]",
                f"shape {grad.shape} is not the parameter's shape {table.shape}",
                "A gradient has the shape of its parameter.",
            )
        if grad.dtype != table.dtype:
            raise DTypeError(
                f"grads[{name!r}]",
                f"dtype {grad.dtype} is not the parameter's dtype {table.dtype}",
                f"Cast it: grad.astype(np.{table.dtype}).",
            )

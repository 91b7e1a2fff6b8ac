"""Typed errors, and the checks at the edges: the only place that judges input.

Every error names the argument, the first offending position and value, and the cure, and carries
a stable `code`.  Each class is also the built-in exception a caller would expect (`ShapeError` is
a `ValueError`), so `except IndexError` around a lookup keeps working.
"""

import functools
import inspect
import pickle
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from npcf import foreign
from npcf._types import FloatArray, IdArray
from npcf.foreign import kind_of, shown
from npcf.suggestions import did_you_mean

P = ParamSpec("P")
T = TypeVar("T")

FLOAT_DTYPES = tuple(map(np.dtype, (np.float32, np.float64, np.complex64, np.complex128)))

LARGEST_COUNT = 2**63 - 1  # what an index can hold


class NpcfError(Exception):
    """Base of all errors raised by npcf: `argument`, `position`, `value`, `cure`, `code`."""

    code = "NPCF-E000"

    def __init__(
        self, argument: str, problem: str, cure: str, *, position: Any = None, value: Any = None
    ):
        where = argument if position is None else f"{argument}[{position}]"
        self.argument, self.position, self.value, self.cure = argument, position, value, cure
        # on one line, also where another library's message has several
        self.message = " ".join(f"{where}: {problem}. {cure} [{self.code}]".splitlines())
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


class RangeWarning(UserWarning):
    """Ratings lie outside the range of the model that is trained on them."""


def _rebuild(cls: type[NpcfError], *args: Any) -> NpcfError:
    error = cls.__new__(cls)
    error.args = args  # OSError.__new__ would leave them to __init__
    return error


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


def as_array(argument: str, value: Any) -> NDArray[Any]:
    """Return `value` as an ndarray of exactly its numbers, or raise (`npcf.foreign`)."""
    result = foreign.read_array(argument, value)
    if isinstance(result, foreign.Refusal):
        problem, cure, position, found = result
        raise DTypeError(argument, problem, cure, position=position, value=found)
    return result


def require_floats(argument: str, array: Any, ndim: int | None = None) -> FloatArray:
    """Return `array` as an ndarray of a floating dtype npcf computes in, or raise."""
    result = as_array(argument, array)
    if result.dtype not in FLOAT_DTYPES:
        problem = f"dtype {result.dtype} is not one npcf computes in"
        if not result.dtype.isnative:
            problem += ", which are native"
        raise no_numbers(argument, result, problem, "float64")
    if ndim is not None and result.ndim != ndim:
        raise ShapeError(
            argument,
            f"needs {ndim} dimension(s), got shape {result.shape}",
            "Reshape it, or look whether two arguments changed places.",
        )
    return result


def require_real(argument: str, value: Any, ndim: int | None = None) -> NDArray[Any]:
    """Return `value` as an ndarray of integers or real floats, or raise."""
    result = as_array(argument, value)
    if result.dtype.kind not in "iuf":
        problem = f"dtype {result.dtype} is not a real number"
        raise no_numbers(argument, result, problem, "float64")
    if ndim is not None and result.ndim != ndim:
        problem = f"needs {ndim} dimension(s), got shape {result.shape}"
        raise ShapeError(
            argument, problem, "Reshape it, or look whether two arguments changed places."
        )
    return result


def require_ids(argument: str, ids: Any, n_rows: int, first: int = 0) -> IdArray:
    """Return `ids` as row numbers of a table with `n_rows` rows, or raise.

    `first` is the position of the first of them, where they are a stretch of a longer (n,).
    Negative ids are refused, as `torch.nn.Embedding` does: NumPy and compiled code would wrap them.
    """
    result = as_array(argument, ids)
    if result.dtype.kind not in "iu":  # bool is kind "b": as an index it would be a mask
        raise _no_ids(argument, result)
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


def no_numbers(argument: str, array: NDArray[Any], problem: str, target: str) -> DTypeError:
    """Return the error for an array of another kind of things; objects are named."""
    cure, position, value = foreign.dtype_cure(argument, array, target), None, None
    if array.dtype.kind == "O":
        position, value = foreign.first_object(array)
        if position is not None:
            problem += f"; there is {foreign.kind_of(value)}"
    return DTypeError(argument, problem, cure, position=position, value=value)


def _no_ids(argument: str, array: NDArray[Any]) -> DTypeError:
    problem = f"ids must be integers, got dtype {array.dtype}"
    if not array.size:
        cure = f"For no ids at all pass np.zeros(0, dtype=np.int64), not {argument} of floats."
        return DTypeError(argument, problem, cure)
    if array.dtype.kind == "f" and (array != np.floor(array)).any():
        flat = int((array != np.floor(array)).argmax())
        value = float(array.flat[flat])
        cure = "Ids are row numbers; look whether ids and ratings changed places."
        problem += f", and {value} is no whole number"
        return DTypeError(argument, problem, cure, position=flat, value=value)
    return no_numbers(argument, array, problem, "int64")


def require_padding_idx(padding_idx: int | None, n_rows: int) -> int | None:
    """Return `padding_idx` counted from the front (torch allows negative ones), or raise."""
    if padding_idx is None:
        return None
    if isinstance(padding_idx, bool) or not isinstance(padding_idx, int | np.integer):
        raise DTypeError(
            "padding_idx", f"must be a whole number, got {padding_idx!r}", "It names a row."
        )
    if not -n_rows <= padding_idx < n_rows:
        raise IdRangeError(
            "padding_idx",
            f"{padding_idx} is outside [-{n_rows}, {n_rows})",
            "It names a row of the table; a negative one counts from the end.",
            value=padding_idx,
        )
    return int(padding_idx) % n_rows


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
    result = as_array("d_out", d_out)
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
    number = foreign.read_number(value)
    inside = low <= number < high if open_high else low <= number <= high
    if not (inside and np.isfinite(number)):
        bracket = ")" if open_high or high == np.inf else "]"
        raise SettingError(
            argument,
            f"must be a finite number in [{low:g}, {high:g}{bracket}, got {shown(value)}",
            "Give a number in that range.",
            value=value,
        )
    return number


def require_pair(argument: str, value: Any) -> tuple[Any, Any]:
    """Return `value` as a tuple of two, or raise."""
    if type(value) is tuple and len(value) == 2:  # nothing that could raise: `foreign.read_number`
        return value
    try:
        first, second = value
    except Exception:  # not iterable, or whatever a foreign object says to that
        raise SettingError(
            argument,
            f"must be a pair of numbers, got {shown(value)}",
            f"Write two: {argument}=(a, b).",
            value=value,
        ) from None
    return first, second


def require_count(argument: str, value: Any, low: int = 1, high: float = LARGEST_COUNT) -> int:
    """Return `value` as an int in [low, high], or raise."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < low:
        raise SettingError(
            argument,
            f"must be a whole number >= {low}, got {shown(value)}",
            f"Give an int, {low} or more.",
            value=value,
        )
    if value > high:
        problem = f"must be at most {high}, got {shown(value)}"
        raise SettingError(argument, problem, "Give a smaller number.", value=value)
    return int(value)


def require_choice(argument: str, value: Any, choices: Iterable[str]) -> str:
    """Return `value` if it is one of `choices`, or raise naming them."""
    names = tuple(choices)
    if not isinstance(value, str) or value not in names:
        hint = did_you_mean(value, names) if isinstance(value, str) else ""
        raise SettingError(
            argument,
            f"{shown(value)} is unknown",
            f"{hint}Choose one of {', '.join(names)}.",
            value=value,
        )
    return str(value)


def require_type(argument: str, value: Any, wanted: Any, cure: str) -> Any:
    """Return `value` if it is an instance of `wanted`, a class or a tuple of them, or raise."""
    if isinstance(value, wanted):
        return value
    classes = wanted if isinstance(wanted, tuple) else (wanted,)
    names = " or ".join(cls.__name__ for cls in classes)
    raise UsageError(argument, f"is {kind_of(value)}, not {names}", cure, value=value)


def require_members(argument: str, value: Any, names: Iterable[str], cure: str) -> Any:
    """Return `value` if it has all these attributes, or raise: anything that has them will do."""
    missing = [name for name in names if not hasattr(value, name)]
    if missing or isinstance(value, type):
        lacks = ", ".join(missing) or "instance"
        raise UsageError(argument, f"is {kind_of(value)}, which has no {lacks}", cure, value=value)
    return value


def require_dtype(argument: str, dtype: Any) -> np.dtype[Any]:
    """Return `dtype` as NumPy's if npcf computes in it, or raise."""
    try:
        found = np.dtype(dtype)
    except TypeError:  # torch.float32
        found = np.dtype(object)
    if found not in FLOAT_DTYPES or dtype is None:
        problem = f"{shown(dtype)} is not one npcf computes in"
        raise DTypeError(argument, problem, f"Pass {argument}=np.float32, or np.float64.")
    result: np.dtype[Any] = found
    return result


def require_rng(argument: str, rng: Any) -> np.random.Generator:
    """Return `rng` if it is a generator, or raise: a seed is none."""
    if not isinstance(rng, np.random.Generator):
        cure = f"Pass {argument}=np.random.default_rng(seed)."
        if isinstance(rng, int | np.integer) and not isinstance(rng, bool) and rng >= 0:
            cure = f"Pass {argument}=np.random.default_rng({int(rng)})."
        problem = f"is no numpy.random.Generator: {shown(rng)}"
        raise UsageError(argument, problem, cure, value=rng)
    return rng


def optional_rng(rng: Any) -> np.random.Generator:
    """Return a fresh generator for None, otherwise `rng`, or raise."""
    return np.random.default_rng() if rng is None else require_rng("rng", rng)


def spell_checked(function: Callable[P, T]) -> Callable[P, T]:
    """Return `function`, which says "did you mean" to a keyword that it does not have."""
    names = [
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    ]
    known = frozenset(names)

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        if not known.issuperset(kwargs):
            refuse_option(next(name for name in kwargs if name not in known), names)
        return function(*args, **kwargs)

    return checked


def refuse_option(name: str, known: Iterable[str]) -> None:
    """Raise UsageError for an option that there is not."""
    names = [other for other in known if other != "self"]
    cure = f"{did_you_mean(name, names)}There are {', '.join(names)}."
    raise UsageError(name, "is no option here", cure)


def require_params(params: Mapping[str, Any], names: Iterable[str]) -> None:
    """Raise unless every one of `names` is a table of `params` and all share one dtype."""
    names = tuple(names)
    require_tables("params", params)
    for name in names:
        if name not in params:
            raise UsageError(
                "params", f"has no {name!r}", f"The model needs the tables {', '.join(names)}."
            )
    require_same_dtype(**{name: as_array(f"params[{name!r}]", params[name]) for name in names})


def require_tables(argument: str, tables: Any) -> None:
    """Raise unless `tables` is a mapping from names to arrays."""
    cure = f"Pass a dict of arrays, such as a model's params: {argument}={{'user_factors': ...}}."
    require_type(argument, tables, Mapping, cure)


def require_trainable(params: Mapping[str, Any]) -> None:
    """Raise unless every table is a writable array of real floats: steps change it in place."""
    require_tables("params", params)
    for name, table in params.items():
        if not isinstance(table, np.ndarray) or table.dtype.kind != "f":
            cure = f"Convert it: np.array(params[{name!r}], dtype=np.float32)."
            raise DTypeError(f"params[{name!r}]", "is not an array of real floats", cure)
        if isinstance(table, np.matrix | np.ma.MaskedArray):
            problem, cure = f"is {kind_of(table)}", f"Take its array: np.array(params[{name!r}])."
            raise DTypeError(f"params[{name!r}]", problem, cure)
        require_floats(f"params[{name!r}]", table)
        if not table.flags.writeable:
            raise UsageError(f"params[{name!r}]", "is read-only", "Pass a copy: table.copy().")


def require_grads(grads: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, FloatArray]:
    """Return `grads` as arrays with the keys, shapes and dtypes of `params`, or raise."""
    require_tables("grads", grads)
    for name in sorted(params.keys() ^ grads.keys()):
        side = "has no gradient for" if name in params else "names an unknown parameter"
        raise UsageError("grads", f"{side} {name!r}", f"The parameters are {', '.join(params)}.")
    arrays = {}
    for name, table in params.items():
        grad = arrays[name] = as_array(f"grads[{name!r}]", grads[name])
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
    return arrays

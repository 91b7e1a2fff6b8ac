"""Validation of arrays, ids, tables and gradients."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npcf import foreign
from npcf._types import FloatArray, IdArray
from npcf.errors.settings import require_type
from npcf.errors.types import DTypeError, IdRangeError, ShapeError, UsageError
from npcf.foreign import SAID, kind_of, shown

FLOAT_DTYPES = tuple(map(np.dtype, (np.float32, np.float64, np.complex64, np.complex128)))


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
    return _of_dimensions(argument, result, ndim)


def require_real(argument: str, value: Any, ndim: int | None = None) -> NDArray[Any]:
    """Return `value` as an ndarray of integers or real floats, or raise."""
    result = as_array(argument, value)
    if result.dtype.kind not in "iuf":
        problem = f"dtype {result.dtype} is not a real number"
        raise no_numbers(argument, result, problem, "float64")
    return _of_dimensions(argument, result, ndim)


def _of_dimensions(argument: str, array: NDArray[Any], ndim: int | None) -> NDArray[Any]:
    if ndim is not None and array.ndim != ndim:
        problem = f"needs {ndim} dimension(s), got shape {array.shape}"
        cure = "Reshape it, or look whether two arguments changed places."
        raise ShapeError(argument, problem, cure)
    return array


def require_dtype(argument: str, dtype: Any) -> np.dtype[Any]:
    """Return `dtype` as NumPy's if npcf computes in it, or raise."""
    try:
        found = np.dtype(dtype)
    except SAID:  # torch.float32, or whatever the object says
        found = np.dtype(object)
    if found not in FLOAT_DTYPES or dtype is None:
        problem = f"{shown(dtype)} is not one npcf computes in"
        raise DTypeError(argument, problem, f"Pass {argument}=np.float32, or np.float64.")
    result: np.dtype[Any] = found
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
        place = tuple(map(int, np.unravel_index(flat, result.shape)))
        position = first + flat if result.ndim == 1 else place
        problem = f"id {value} is outside [0, {n_rows})"
        cure = "Ids are row numbers of the table, and negative ids do not wrap."
        raise IdRangeError(argument, problem, cure, position=position, value=value)
    return result.astype(np.intp, copy=False)


def require_positions(argument: str, index: Any, n: int) -> IdArray:
    """Return the positions that a list or a mask names among `n`, -1 the last, or raise."""
    index = as_array(argument, index)
    if index.ndim != 1:
        problem = f"needs 1 dimension, got shape {index.shape}"
        raise ShapeError(argument, problem, "Give the positions as one list.")
    if not len(index) or (index.dtype == bool and len(index) == n):
        return np.flatnonzero(index)
    if index.dtype.kind == "i":
        index = np.where(index < 0, index + n, index)
    return require_ids(argument, index, n)


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


def no_numbers(argument: str, array: NDArray[Any], problem: str, target: str) -> DTypeError:
    """Return the error for an array of another kind of things; objects are named."""
    cure, position, value = foreign.dtype_cure(argument, array, target), None, None
    if array.dtype.kind == "O":
        position, value = foreign.first_object(array)
        if position is not None:
            problem += f"; there is {kind_of(value)}"
    return DTypeError(argument, problem, cure, position=position, value=value)


def require_padding_idx(padding_idx: int | None, n_rows: int) -> int | None:
    """Return `padding_idx` counted from the front (torch allows negative ones), or raise."""
    if padding_idx is None:
        return None
    if isinstance(padding_idx, bool) or not isinstance(padding_idx, int | np.integer):
        problem = f"must be a whole number, got {shown(padding_idx)}"
        raise DTypeError("padding_idx", problem, "It names a row.")
    if not -n_rows <= padding_idx < n_rows:
        problem = f"{padding_idx} is outside [-{n_rows}, {n_rows})"
        cure = "It names a row of the table; a negative one counts from the end."
        raise IdRangeError("padding_idx", problem, cure, value=padding_idx)
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
            problem = f"dtype {b.dtype} does not match {first} of dtype {a.dtype}"
            cure = f"Cast one of them, e.g. {name}.astype(np.{a.dtype})."
            raise DTypeError(name, problem, cure)


def require_gradient(d_out: Any, shape: tuple[int, ...], dtype: Any) -> FloatArray:
    """Return the upstream gradient if it has the forward output's shape and dtype, or raise."""
    result = as_array("d_out", d_out)
    if result.shape != shape:
        problem = f"shape {result.shape} is not the forward output's shape {shape}"
        cure = "A gradient has the shape of its variable; (B, 1) becomes (B,) by [:, 0]."
        raise ShapeError("d_out", problem, cure)
    if result.dtype != dtype:
        problem = f"dtype {result.dtype} is not the forward output's dtype {dtype}"
        raise DTypeError("d_out", problem, f"Cast it: d_out.astype(np.{dtype}).")
    return result


def require_tables(argument: str, tables: Any) -> None:
    """Raise unless `tables` is a mapping from names to arrays."""
    cure = f"Pass a dict of arrays, such as a model's params: {argument}={{'user_factors': ...}}."
    require_type(argument, tables, Mapping, cure)


def require_params(params: Mapping[str, Any], names: Iterable[str]) -> None:
    """Raise unless every one of `names` is a table of `params` and all share one dtype."""
    names = tuple(names)
    require_tables("params", params)
    for name in names:
        if name not in params:
            cure = f"The model needs the tables {', '.join(names)}."
            raise UsageError("params", f"has no {name!r}", cure)
    require_same_dtype(**{name: as_array(f"params[{name!r}]", params[name]) for name in names})


def require_trainable(params: Mapping[str, Any]) -> None:
    """Raise unless every table is a writable array of real floats: steps change it in place."""
    require_tables("params", params)
    for name, table in params.items():
        argument = f"params[{name!r}]"
        if not isinstance(table, np.ndarray) or table.dtype.kind != "f":
            cure = f"Convert it: np.array({argument}, dtype=np.float32)."
            raise DTypeError(argument, "is not an array of real floats", cure)
        if isinstance(table, np.matrix | np.ma.MaskedArray):
            cure = f"Take its array: np.array({argument})."
            raise DTypeError(argument, f"is {kind_of(table)}", cure)
        require_floats(argument, table)
        if not table.flags.writeable:
            raise UsageError(argument, "is read-only", "Pass a copy: table.copy().")


def require_grads(grads: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, FloatArray]:
    """Return `grads` as arrays with the keys, shapes and dtypes of `params`, or raise."""
    require_tables("grads", grads)
    for name in sorted(params.keys() ^ grads.keys(), key=str):
        side = "has no gradient for" if name in params else "names an unknown parameter"
        raise UsageError("grads", f"{side} {name!r}", f"The parameters are {', '.join(params)}.")
    arrays = {name: as_array(f"grads[{name!r}]", grads[name]) for name in params}
    for name, table in params.items():
        argument, grad = f"grads[{name!r}]", arrays[name]
        if grad.shape != table.shape:
            problem = f"shape {grad.shape} is not the parameter's shape {table.shape}"
            raise ShapeError(argument, problem, "A gradient has the shape of its parameter.")
        if grad.dtype != table.dtype:
            problem = f"dtype {grad.dtype} is not the parameter's dtype {table.dtype}"
            raise DTypeError(argument, problem, f"Cast it: grad.astype(np.{table.dtype}).")
    return arrays

"""Arrays of other libraries.

Read are objects that hold exact numbers: lists, arrays and buffers, pandas and polars columns
without missing values, masked arrays without masked entries, torch tensors (detached, copied from
their device; bfloat16 and float16 widened to float32).  Anything else is a `Refusal`, which says
what to write instead.  No library is imported: an object is known by the module of its class.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

LIBRARIES = ("torch", "pandas", "polars", "pyarrow", "jax", "jaxlib", "tensorflow", "cupy", "scipy")
ARROW = ("polars", "pyarrow")
SHORT = 60  # letters
NO_NUMBERS = (bool, str, bytes, bytearray, np.bool_, np.datetime64, np.timedelta64,
              np.complexfloating)  # fmt: skip
WIDENED = ("bfloat16", "float16")  # to float32, which holds each of their numbers
READ = ("float32", "float64", "complex64", "complex128", "bool", "int8", "int16", "int32", "int64",
        "uint8", "uint16", "uint32", "uint64")  # fmt: skip
# What reading may raise.  Not Exception: a time limit that comes just then is no answer.
SAID = (ArithmeticError, AttributeError, BufferError, LookupError, RuntimeError, TypeError,
        ValueError)  # fmt: skip


class Refusal(NamedTuple):
    """Why an object is not read: the problem, the cure, and where."""

    problem: str
    cure: str
    position: Any = None
    value: Any = None


def library_of(value: Any) -> str:
    """Return the library that the object's class, or one it inherits from, comes from, or ""."""
    roots = [cls.__module__.partition(".")[0] for cls in type(value).__mro__]
    return next((root for root in roots if root in LIBRARIES), "")


def kind_of(value: Any) -> str:
    """Return what the object is, in words: "a polars DataFrame", "a dict", "None"."""
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, str):
        return f"text, {value!r}" if len(value) < SHORT else "text"
    words = f"{library_of(value)} {type(value).__name__}".strip()
    return f"{'an' if words[0] in 'aeioAEIO' else 'a'} {words}"


def written(value: Any) -> str:
    """Return the object's repr, or, where that fails, what it is."""
    try:
        return repr(value)
    except SAID:  # what is in a list may refuse
        # Python prints no whole number of more than 4,300 digits
        return "a number too long to print" if isinstance(value, int) else kind_of(value)


def shown(value: Any) -> str:
    """Return the object as a message shows it: written out if it is short, else its kind."""
    if isinstance(value, int | float | complex | str | bytes | np.generic | list | tuple | dict):
        words = written(value)
        if len(words) <= SHORT and "\n" not in words:
            return words
    return kind_of(value)


def read_number(value: Any) -> float:
    """Return `value` as a float; NaN if it is none: text, a truth value, a date, several numbers.

    What has `__float__` and stands for one number is read: Decimal, Fraction, a 0-d array, tensor.
    """
    if type(value) in (int, float):
        # below, a time limit whose exception comes just then would be taken for an answer
        try:
            return float(value)
        except OverflowError:
            return float("nan")
    try:
        if isinstance(value, NO_NUMBERS) or getattr(value, "ndim", 0) != 0:
            return float("nan")
        if isinstance(value, np.ndarray) and value.dtype.kind not in "iuf":
            return float("nan")
        return float(value)
    except SAID:  # whatever a foreign object says to float()
        return float("nan")


def read_array(argument: str, value: Any) -> NDArray[Any] | Refusal:
    """Return `value` as an ndarray of the same numbers, or why not."""
    if isinstance(value, np.ndarray) and not isinstance(value, np.ma.MaskedArray):
        return np.asarray(value)
    if library_of(value) == "torch" and hasattr(value, "layout"):  # no module, dtype or device
        return _of_torch(argument, value)
    refusal = _unreadable(argument, value) or _missing(argument, value)
    if refusal:
        return refusal
    try:
        if hasattr(value, "detach") and hasattr(value, "cpu"):  # what behaves like a tensor
            value = value.detach().cpu().numpy()
        result = np.asarray(value)
    except SAID as error:  # ragged lists, a device's array, whatever an __array__ raises
        problem = f"{kind_of(value)} cannot be read as an array ({_first_line(error)})"
        cure = "Make it one of equally long rows of numbers: np.array([[1.0, 2.0], [3.0, 4.0]])."
        return Refusal(problem, cure)
    if isinstance(value, list | tuple) and result.dtype.kind in "iuf":
        for position, flag in _bools(value):  # NumPy would count them 1 and 0
            cure = f"Write numbers: np.asarray({argument}, dtype=np.{result.dtype})."
            return Refusal(f"has {flag} among its numbers", cure, position, flag)
    return result


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def dtype_cure(argument: str, array: NDArray[Any], target: str) -> str:
    """Return how numbers of dtype `target` are made of `array`; it can be done as it is written."""
    kind = array.dtype.kind
    if kind == "V" and array.dtype.names:
        return f"Take one of its fields: {argument}[{array.dtype.names[0]!r}]."
    if kind in "Mm":
        return f"Dates are no numbers; count from an origin: {argument}.astype(np.int64)."
    if kind == "c":
        return f"Take its real part: {argument}.real."
    return f"Convert it: np.asarray({argument}, dtype=np.{target})."


def first_object(array: NDArray[Any]) -> tuple[Any, Any]:
    """Return position and value of the first entry of an object array that is no number."""
    for position, value in enumerate(array.flat):
        if not isinstance(value, int | float | np.number) or isinstance(value, bool):
            return _place(position, array.shape), value
    return None, None


def _place(flat: int, shape: tuple[int, ...]) -> Any:
    return flat if len(shape) < 2 else tuple(map(int, np.unravel_index(flat, shape)))


def _of_torch(argument: str, tensor: Any) -> NDArray[Any] | Refusal:
    dtype, layout = str(tensor.dtype).partition(".")[2], str(tensor.layout).partition(".")[2]
    if tensor.device.type == "meta":
        cure = f"Give it numbers: torch.zeros_like({argument}, device='cpu'), then load them."
        return Refusal("is a torch tensor on the device meta, which holds no numbers", cure)
    if tensor.is_quantized:
        return Refusal("is a quantized torch tensor", f"Pass {argument}.dequantize().")
    if layout != "strided":
        to = "to_padded_tensor(0.0)" if layout == "jagged" else "to_dense()"
        return Refusal(f"is a torch tensor of layout {layout}", f"Pass {argument}.{to}.")
    if dtype in WIDENED:
        tensor = tensor.detach().float()
    elif dtype not in READ:
        return Refusal(f"is a torch tensor of dtype {dtype}", f"Widen it: {argument}.float().")
    try:
        result: NDArray[Any] = tensor.numpy(force=True)  # detached, on the CPU, resolved
    except SAID as error:  # a tensor that exists only inside torch.compile or torch.func
        problem = f"is a torch tensor that cannot be read ({_first_line(error)})"
        return Refusal(problem, "Pass it outside of torch's transformations.")
    return result


def _unreadable(argument: str, value: Any) -> Refusal | None:
    """Return why an object is no array at all, whatever NumPy would make of it."""
    if value is None:
        return Refusal("is None, not an array", "Pass numbers: np.array([1.0, 2.0]).")
    if isinstance(value, Mapping):
        cure = f"Pass one of its values, or all: np.array(list({argument}.values()))."
    elif isinstance(value, Iterator | set | frozenset) or (
        isinstance(value, Iterable) and not _has_array(value)
    ):
        cure = f"Pass np.array(list({argument}))."
    elif callable(value) and not _has_array(value):
        cure = "Pass the array that it returns."
    else:
        return None
    return Refusal(f"is {kind_of(value)}, not an array", cure)


def _has_array(value: Any) -> bool:
    """Whether NumPy makes more of the object than an array of one object."""
    ways = ("__array__", "__array_interface__", "__array_struct__", "detach")
    sequence = hasattr(value, "__len__") and hasattr(value, "__getitem__")
    if sequence or isinstance(value, str | bytes) or any(hasattr(value, name) for name in ways):
        return True
    try:
        memoryview(value).release()
    except TypeError:
        return False
    return True


def _missing(argument: str, value: Any) -> Refusal | None:
    """Return why an object with masked or missing entries is not read: they would be numbers."""
    if isinstance(value, np.ma.MaskedArray):
        mask = np.ma.getmaskarray(value)
        problem = f"is a masked array with {int(mask.sum())} masked entries"
        cure = f"Fill them, {argument}.filled(0), or leave them out, {argument}.compressed()."
        place = _place(int(mask.argmax()), mask.shape) if mask.any() else None
        return Refusal(problem, cure, place) if mask.any() else None
    if library_of(value) == "pandas" and hasattr(value, "isna"):
        return _missing_in_pandas(argument, value)
    return _missing_in_arrow(argument, value) if library_of(value) in ARROW else None


def _missing_in_pandas(argument: str, value: Any) -> Refusal | None:
    """Return why a column of a nullable dtype is not read; NaN in a float64 column is a number."""
    if getattr(value, "nlevels", 1) > 1:
        cure = f"Pass one of its levels: {argument}.get_level_values(0)."
        return Refusal(f"is {kind_of(value)}, whose entries are tuples", cure)
    dtypes = list(value.dtypes) if hasattr(value, "columns") else [value.dtype]
    if all(isinstance(dtype, np.dtype) and dtype.kind != "O" for dtype in dtypes):
        return None
    missing = np.asarray(value.isna())
    if not missing.any():
        return None
    problem = f"is {kind_of(value)} with {int(missing.sum())} missing values"
    place = _place(int(missing.argmax()), missing.shape)
    return Refusal(problem, f"Fill or drop them: {argument}.dropna().", place)


def _missing_in_arrow(argument: str, value: Any) -> Refusal | None:
    """Return why a polars or pyarrow object is not read: nulls, or a table of columns."""
    if (name := type(value).__name__) in ("DataFrame", "LazyFrame", "Table", "RecordBatch"):
        how = ".to_pandas()" if library_of(value) == "pyarrow" else ""
        how = ".collect()" if name == "LazyFrame" else how
        return Refusal(f"is {kind_of(value)}, not an array", f"Pass {argument}{how}.to_numpy().")
    nulls = getattr(value, "null_count", 0)
    nulls = nulls() if callable(nulls) else nulls
    if not (isinstance(nulls, int) and nulls):
        return None
    how = "drop_nulls()" if library_of(value) == "polars" else "drop_null()"
    problem = f"is {kind_of(value)} with {nulls} missing values"
    return Refusal(problem, f"Fill or drop them: {argument}.{how}.")


def _bools(value: Any, place: tuple[int, ...] = ()) -> Iterator[tuple[Any, bool]]:
    types = set(map(type, value))
    if bool in types or np.bool_ in types:
        at = next(i for i, part in enumerate(value) if isinstance(part, bool | np.bool_))
        yield (place + (at,) if place else at), bool(value[at])
    if list in types or tuple in types:
        for i, part in enumerate(value):
            if isinstance(part, list | tuple):
                yield from _bools(part, (*place, i))

"""Named arrays from other libraries' files: safetensors, NumPy's npz and npy, torch's pt and pth.

What a file is, its content says, whatever it is called.  Nothing in a file is executed: safetensors
and npz are read here, without pickle; a pickle is left to `torch.load(..., weights_only=True)` of a
torch that is installed, which refuses all but numbers.  bfloat16 and float16 become float32, which
holds the same numbers.
"""

import importlib
import io
import json
import math
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from npcf.errors import DataError
from npcf.foreign import WIDENED, library_of, read_array
from npcf.training.other_files import TORCH_OLD, recognise
from npcf.training.safetensors_io import LARGEST, read_bytes

Array = NDArray[Any]

# safetensors' names of dtypes, little-endian; BF16 is the upper half of a float32.
DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4",
    "I16": "<i2", "I8": "<i1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "<u1", "BOOL": "?",
}  # fmt: skip
DEEPEST = 6  # mappings in mappings
ANOTHER = "Name a file of tensors: .safetensors, .npz, .npy, .pt or .pth."


class TensorFile(NamedTuple):
    """What a file holds.

    `tensors` maps names to arrays, and, in a file of torch's, to numbers, lists and mappings of the
    same; `text` is the metadata of safetensors; `narrow` says from which dtype arrays were widened.
    """

    tensors: dict[str, Any]
    text: dict[str, str]
    narrow: str  # "bfloat16", "float16" or ""


def read_tensors(path: Any, argument: str = "path", largest: int = LARGEST) -> TensorFile:
    """Return the arrays of a file.

    Raises
    ------
    DataError
        If it is missing, no regular file, larger than `largest` bytes, packed or not; damaged;
        none of the formats; or of torch, and torch is not installed, or holds more than numbers.
    """
    data = read_bytes(path, largest, ANOTHER)
    name = Path(path).name
    try:
        if data[:4] == b"PK\x03\x04":
            if _is_npz(data):
                return _widened(_npz(data, largest))
            return _of_torch(data, name)
        if data.startswith(TORCH_OLD):
            return _of_torch(data, name)
        if data.startswith(b"\x93NUMPY"):
            return _widened({"array": np.load(io.BytesIO(data), allow_pickle=False)})
        if data[8:9] == b"{":
            arrays, text, narrow = parse_safetensors(data)
            wide = _widened(arrays)
            return TensorFile(wide.tensors, text, narrow or wide.narrow)
    except (DataError, MemoryError):
        raise
    except Exception as error:  # zipfile, zlib, json, numpy and torch each raise their own
        raise _unusable(
            argument, path, f"is damaged ({_line(error)})", "Use another copy."
        ) from None
    other = recognise(Path(path), data)
    problem = other.problem if other else "is empty" if not data else "is no file of tensors"
    raise _unusable(argument, path, problem, ANOTHER)


def parse_safetensors(data: bytes) -> tuple[dict[str, Array], dict[str, str], str]:
    """Return (arrays, metadata, what was widened) of a safetensors file, or raise ValueError.

    Eight bytes say how long the header is, a JSON object {name: {dtype, shape, data_offsets}}; the
    numbers follow, without gaps.
    """
    length = int.from_bytes(data[:8], "little")
    if length > len(data) - 8:
        raise ValueError(f"its header claims {length} bytes of {max(len(data) - 8, 0)}")
    header = json.loads(data[8 : 8 + length])
    text = header.pop("__metadata__", {})
    if not all(isinstance(word, str) for pair in text.items() for word in pair):
        raise ValueError("its metadata is no mapping of text to text")
    body, end, arrays, narrow = memoryview(data)[8 + length :], 0, {}, ""
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        shape, (first, last) = entry["shape"], entry["data_offsets"]
        dtype = np.dtype(DTYPES[entry["dtype"]])
        if not all(type(n) is int and n >= 0 for n in (*shape, first, last)):
            raise ValueError(f"{name!r} has a shape or place that is no whole number")
        if first != end or last - first != math.prod(shape) * dtype.itemsize or last > len(body):
            raise ValueError(f"{name!r} does not lie where its header says")
        array, end = np.frombuffer(body[first:last], dtype).reshape(shape), last
        if entry["dtype"] == "BF16":
            array, narrow = (array.astype(np.uint32) << 16).view(np.float32), "bfloat16"
        arrays[name] = array.astype(array.dtype.newbyteorder("="))
    if end != len(body):
        raise ValueError(f"{len(body) - end} bytes belong to no tensor")
    return {name: arrays[name] for name in header}, text, narrow


def _is_npz(data: bytes) -> bool:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
    return bool(names) and all(name.endswith(".npy") for name in names)


def _npz(data: bytes, largest: int) -> dict[str, Array]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        size = sum(member.file_size for member in archive.infolist())
        if size > largest:
            raise ValueError(f"it would unpack to {size} bytes, more than the allowed {largest}")
        members = {name.removesuffix(".npy"): archive.read(name) for name in archive.namelist()}
    return {
        name: np.load(io.BytesIO(member), allow_pickle=False) for name, member in members.items()
    }


def _of_torch(data: bytes, name: str) -> TensorFile:
    """Read a file of torch's by torch itself, which executes nothing with weights_only=True."""
    try:
        torch = importlib.import_module("torch")
    except ImportError:
        code = (
            f"safetensors.torch.save_file(torch.load({name!r}, weights_only=True), 'w.safetensors')"
        )
        cure = f"Install torch; or, where it is, write safetensors: {code}."
        raise DataError(name, "was written by torch, which is not installed here", cure) from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as of a sparse tensor, or of a file from before 1.6
        try:
            loaded = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        except Exception as error:  # torch's own, and whatever its readers meet
            problem = f"is damaged, or holds more than numbers ({_line(error)})"
            cure = "Save numbers alone: torch.save(model.state_dict(), path)."
            raise DataError(name, problem, cure) from None
    narrow: list[str] = []
    tensors = _plain("", loaded if isinstance(loaded, Mapping) else {"tensor": loaded}, narrow)
    return TensorFile(tensors, {}, next(iter(narrow), ""))


def _plain(name: str, value: Any, narrow: list[str], depth: int = DEEPEST) -> Any:
    """Return the same with arrays for tensors, in mappings and lists."""
    if library_of(value) == "torch" and hasattr(value, "layout"):
        dtype = str(value.dtype).partition(".")[2]
        narrow += [dtype] if dtype in WIDENED else []
        array = read_array(name, value)
        if not isinstance(array, np.ndarray):
            raise ValueError(f"{name!r} {array.problem}")
        return np.array(array)
    if not isinstance(value, Mapping | list | tuple):
        return value
    if not depth:
        raise ValueError(f"{name!r} holds mappings more than {DEEPEST} deep")
    if isinstance(value, Mapping):
        return {key: _plain(str(key), part, narrow, depth - 1) for key, part in value.items()}
    return [_plain(name, part, narrow, depth - 1) for part in value]


def _widened(arrays: dict[str, Array]) -> TensorFile:
    narrow = "float16" if any(a.dtype == np.float16 for a in arrays.values()) else ""
    wide = {k: a.astype(np.float32) if a.dtype == np.float16 else a for k, a in arrays.items()}
    return TensorFile(wide, {}, narrow)


def _unusable(argument: str, path: Any, problem: str, cure: str) -> DataError:
    return DataError(argument, f"{path} {problem}", cure)


def _line(error: Exception) -> str:
    """Return the first line of a message, not too long: torch's run to a page."""
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return line if len(line) <= 200 else f"{line[:200]}..."

"""One file of named arrays and a JSON text, written whole or not at all, and verified when read.

The format is safetensors: a JSON header and raw numbers; reading it runs no code (a pickle would).
safetensors has no checksum, and a flipped bit in a weight reads as another weight; so the metadata
carries a SHA-256 over the text and over every array's name, dtype, shape and bytes.
"""

import hashlib
import json
import stat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npcf.errors import DataError, UsageError, require_count, require_path
from npcf.files import replace_file, require_replaceable
from npcf.training.other_files import recognise

Arrays = dict[str, NDArray[Any]]

LARGEST = 8 * 2**30  # bytes of a file that is read without being asked twice
TEXT, DIGEST = "npcf", "sha256"


def write(path: Any, text: dict[str, Any], arrays: Arrays, argument: str = "path") -> None:
    """Put `text` and `arrays` into the file `path`, replacing it in one move (`replace_file`)."""
    content = json.dumps(text, default=lambda value: value.tolist())
    arrays = {name: np.ascontiguousarray(a).reshape(a.shape) for name, a in arrays.items()}
    metadata = {TEXT: content, DIGEST: _digest(content, arrays)}
    replace_file(path, _safetensors().save(arrays, metadata=metadata), argument)


def require_writable(argument: str, path: Any) -> Path:
    """Return the file that `write` would replace, or raise: known before hours of training."""
    _safetensors()
    return require_replaceable(argument, path)


def read(path: str | Path, largest: int = LARGEST) -> tuple[dict[str, Any], Arrays]:
    """Return (text, arrays) of a file made by `write`, every byte verified.

    Raises DataError if the file is missing, larger than `largest` bytes, cut short, changed by as
    much as a bit, or not one of ours.
    """
    data, path = read_bytes(path, largest), Path(require_path("path", path))
    try:
        arrays: Arrays = _safetensors().load(data)
        length = int.from_bytes(data[:8], "little")
        metadata = json.loads(data[8 : 8 + length])["__metadata__"]
        content, digest = metadata[TEXT], metadata[DIGEST]
    except Exception as error:  # safetensors, JSON and UTF-8 each raise their own
        other = recognise(path, data)
        if other is not None:
            raise DataError("path", f"{path} {other.problem}", other.cure) from None
        problem = f"{path} is damaged or was not written by npcf ({error})"
        raise DataError("path", problem, "Use another copy.") from None
    if _digest(content, arrays) != digest:
        raise DataError("path", f"{path} has changed since it was written", "Use another copy.")
    try:
        text = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError("path", f"{path} holds no JSON ({error})", "Use another copy.") from None
    if not isinstance(text, dict):
        raise DataError("path", f"{path} was not written by npcf", "Use another copy.")
    return text, arrays


def read_bytes(
    path: Any, largest: int = LARGEST, cure: str = "Name a file written by npcf."
) -> bytes:
    """Return the bytes of a regular file of at most `largest`, or raise DataError."""
    file, largest = Path(require_path("path", path)), require_count("largest", largest, 0)
    try:
        status = file.stat()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        problem = f"there is no file {path}"
        if not isinstance(error, FileNotFoundError):
            problem = f"{str(path)[:100]!r} cannot be read ({getattr(error, 'strerror', error)})"
        raise DataError("path", problem, cure) from None
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
        raise DataError("path", f"{path} is {kind}", cure)
    size = status.st_size
    if size > largest:
        raise DataError(
            "path",
            f"{path} has {size} bytes, more than the allowed {largest}",
            "Pass a larger `largest` if you trust it.",
        )
    try:
        return file.read_bytes()
    except OSError as error:
        problem = f"{path} cannot be read ({error.strerror})"
        raise DataError("path", problem, "Name a file that may be read.") from None


def _digest(content: str, arrays: Arrays) -> str:
    """Return the SHA-256 of everything that is read back."""
    digest = hashlib.sha256(content.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"\0{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError:
        raise UsageError(
            "safetensors", "is not installed", 'Saving needs it: pip install "npcf[save]".'
        ) from None
    return safetensors.numpy

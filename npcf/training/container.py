"""One file of named arrays and a JSON text, written whole or not at all, and verified when read.

The format is safetensors: a JSON header and raw numbers; reading it runs no code (a pickle would).
safetensors has no checksum, and a flipped bit in a weight reads as another weight; so the metadata
carries a SHA-256 over the text and over every array's name, dtype, shape and bytes.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npcf.errors import DataError, UsageError

Arrays = dict[str, NDArray[Any]]

LARGEST = 8 * 2**30  # bytes of a file that is read without being asked twice
TEXT, DIGEST = "npcf", "sha256"


def write(path: Path, text: dict[str, Any], arrays: Arrays) -> None:
    """Put `text` and `arrays` into the file `path`, replacing it in one move.

    Written to a temporary file beside it, flushed to the disk, then renamed, then the folder is
    flushed: a kill or a power cut at any moment leaves the previous file or the new one.
    """
    content = json.dumps(text, default=lambda value: value.tolist())
    arrays = {name: np.ascontiguousarray(a).reshape(a.shape) for name, a in arrays.items()}
    metadata = {TEXT: content, DIGEST: _digest(content, arrays)}
    data = _safetensors().save(arrays, metadata=metadata)
    for stale in path.parent.glob(f".{path.name}.tmp-*"):  # of a process that was killed
        stale.unlink(missing_ok=True)
    temporary = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _flush_folder(path.parent)


def read(path: str | Path, largest: int = LARGEST) -> tuple[dict[str, Any], Arrays]:
    """Return (text, arrays) of a file made by `write`, every byte verified.

    Raises DataError if the file is missing, larger than `largest` bytes, cut short, changed by as
    much as a bit, or not one of ours.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError("path", f"there is no file {path}", "Name a file written by npcf.")
    size = path.stat().st_size
    if size > largest:
        raise DataError(
            "path",
            f"{path} has {size} bytes, more than the allowed {largest}",
            "Pass a larger `largest` if you trust it.",
        )
    data = path.read_bytes()
    try:
        arrays: Arrays = _safetensors().load(data)
        length = int.from_bytes(data[:8], "little")
        metadata = json.loads(data[8 : 8 + length])["__metadata__"]
        content, digest = metadata[TEXT], metadata[DIGEST]
    except Exception as error:  # safetensors, JSON and UTF-8 each raise their own
        raise DataError(
            "path", f"{path} is damaged or was not written by npcf ({error})", "Use another copy."
        ) from None
    if _digest(content, arrays) != digest:
        raise DataError("path", f"{path} has changed since it was written", "Use another copy.")
    text: dict[str, Any] = json.loads(content)
    return text, arrays


def _digest(content: str, arrays: Arrays) -> str:
    """Return the SHA-256 of everything that is read back."""
    digest = hashlib.sha256(content.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"\0{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _flush_folder(folder: Path) -> None:
    """Make a rename durable; Windows has no such call."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError:
        raise UsageError(
            "safetensors", "is not installed", 'Saving needs it: pip install "npcf[save]".'
        ) from None
    return safetensors.numpy

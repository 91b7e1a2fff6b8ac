"""Recognises model files of other libraries by content, and says how to convert them.

Nothing is unpickled: the names that a pickle would import are read from its opcodes.
"""

import io
import json
import pickletools
import zipfile
from pathlib import Path
from typing import NamedTuple

TORCH_OLD = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # the magic number of torch before 1.6
MAGIC = {
    b"\x93NUMPY": "a NumPy array, not a model",
    b"\x89HDF\r\n": "an HDF5 file (Keras?), which npcf does not read",
    b"\x1f\x8b": "compressed with gzip",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ": "compressed with xz",
    b"(\xb5/\xfd": "compressed with zstd",
    b"version https://git-lfs": "a pointer of Git LFS, not the file itself",
    b"<!DOCTYPE": "a web page, not the file behind it",
    b"<html": "a web page, not the file behind it",
}
CURES = {
    "compressed": "Unpack it first.",
    "a pointer": "Fetch the file: git lfs pull.",
    "a web page": "Download the file itself.",
}
PLAIN = ("collections", "torch", "numpy", "_codecs", "builtins")  # what tensors are made of


class Other(NamedTuple):
    """What a file is, and what to do with it."""

    problem: str
    cure: str


def recognise(path: Path, data: bytes) -> Other | None:
    """Return what a file that is none of npcf's is, or None where that is not known."""
    name = repr(str(path))
    if data[:4] == b"PK\x03\x04":
        return _archive(name, data)
    if data.startswith(TORCH_OLD):
        return Other("was written by torch.save", adopt(_torch(name)))
    if data[:1] == b"\x80" and data[1:2] in b"\x02\x03\x04\x05" and data.endswith(b"."):
        read = f"pickle.loads(pathlib.Path({name}).read_bytes())"
        return Other("is a pickle, which runs code when it is read", adopt(read, "if you trust it"))
    for magic, kind in MAGIC.items():
        if data.startswith(magic):
            cures = (cure for start, cure in CURES.items() if kind.startswith(start))
            return Other(f"is {kind}", next(cures, "Name a file written by npcf train --save."))
    if _is_safetensors(data):
        read = f"safetensors.numpy.load_file({name})"
        return Other("is a safetensors file that npcf did not write", adopt(read))
    first = data[:4096].partition(b"\n")[0].decode("utf-8", "replace")
    if first.isprintable() and any(mark in first for mark in ",;\t"):
        return Other("is a table of text", "The model comes first, a file of npcf train --save.")
    return None


def adopt(read: str, condition: str = "") -> str:
    """Return the cure: code that makes one of npcf's files of what the expression `read` gives."""
    start = f"Convert it{', ' + condition if condition else ''}, with the ratings it was trained on"
    return (
        f"{start}: dls = npcf.data.CollabDataLoaders.from_csv('ratings.csv', seed=0); "
        f"tables = npcf.interop.convert({read}, 'npcf'); "
        "npcf.Learner(dls, npcf.models.PairModel(tables, (0, 5.5))).save('model.npcf')"
    )


def _torch(name: str) -> str:
    return f"torch.load({name}, weights_only=True, map_location='cpu')"


def _archive(name: str, data: bytes) -> Other | None:
    """Return what a zip archive is: torch's, NumPy's or any other."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.namelist()
            pickled = next((member for member in members if member.endswith("/data.pkl")), None)
            imported = _imports(archive.read(pickled)) if pickled else set()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError):
        return None
    if members and all(member.endswith(".npy") for member in members):
        return Other("was written by np.savez", adopt(f"dict(np.load({name}))"))
    if pickled is None:
        return Other("is a zip archive", "Unpack it first.")
    strange = sorted(module for module in imported if module.partition(".")[0] not in PLAIN)
    if strange or any(module.startswith("torch.nn") for module in imported):
        whose = ", ".join(strange) or "torch.nn"
        return Other(
            f"is a whole object written by torch.save, whose class is in {whose}",
            f"Save its numbers alone, torch.save(model.state_dict(), path), and {_lower(name)}",
        )
    return Other("was written by torch.save", adopt(_torch(name)))


def _lower(name: str) -> str:
    cure = adopt(_torch(name))
    return cure[0].lower() + cure[1:]


def _imports(pickled: bytes) -> set[str]:
    """Return the modules that a pickle would import from."""
    modules: set[str] = set()
    texts: list[str] = []
    for opcode, argument, _ in pickletools.genops(pickled):
        if opcode.name == "GLOBAL":
            modules.add(str(argument).partition(" ")[0])
        elif opcode.name == "STACK_GLOBAL" and len(texts) > 1:
            modules.add(texts[-2])
        elif isinstance(argument, str):
            texts.append(argument)
    return {module for module in modules if module != "torch.nn.parameter"}


def _is_safetensors(data: bytes) -> bool:
    length = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8 : 8 + length]) if data[8:9] == b"{" else None
    except (ValueError, RecursionError):
        return False
    ours = (b'"npcf"', b'"sha256"', b"npcf checkpoint")  # one of them may be what is damaged
    return isinstance(header, dict) and not any(mark in data[: 8 + length] for mark in ours)

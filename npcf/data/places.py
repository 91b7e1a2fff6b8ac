"""Where files lie: a folder, a zip archive, packed (gz, bz2, xz, zst), or an open stream.

Nothing is unpacked onto the disk, and nothing is fetched: a URL is refused.  What a file is packed
with is told from its first bytes, not from its name.
"""

import bz2
import gzip
import io
import lzma
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from npcf.data.blocks import Text
from npcf.data.options import PYTHON, Spelling
from npcf.errors import DataError, UsageError
from npcf.foreign import kind_of

HARMLESS = 2**26  # bytes that an archive may always unpack to
MOST = 2**35  # bytes that no archive may unpack to
RATIO = 50  # ratings shrink four- to eightfold; only a bomb shrinks more than this
PACKED = {".gz", ".bz2", ".xz", ".zst"}
MAGIC = {b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zst"}


class Place:
    """The files of one folder or archive; `named` is the one the caller pointed at, if any."""

    def __init__(self, path: str | Path, spelling: Spelling = PYTHON):
        refuse_url(path)
        self.path, self.named, self.spelling = Path(path), "", spelling
        self.archived = False
        try:
            self._look(path)
        except OSError as error:  # a name too long for a file, a folder that may not be read
            cure = "Name a file that can be read."
            raise DataError("path", f"{path} cannot be read ({error})", cure) from None

    def _look(self, path: str | Path) -> None:
        if self.path.is_dir():
            self.names = [*_files(self.path, "*"), *_files(self.path, "*/*")]
        elif not self.path.exists():
            cure = "Name a folder, a ratings file, or the zip as it was downloaded."
            raise DataError("path", f"there is no file {path}", cure, value=str(path))
        elif self.path.is_file() and (
            zipfile.is_zipfile(self.path) or self.path.suffix.lower() == ".zip"
        ):
            self.archived, self.names = True, judge_zip(self.path)
        else:  # also a pipe, which has no size and is read once
            self.named = self.path.name
            self.path = self.path.parent
            self.names = [self.named, *_files(self.path, "*")]

    def find(self, wanted: Iterable[str]) -> str:
        """Return the one file called one of `wanted`, at any depth, or raise naming what is there.

        A folder may hold more releases below it: files on top come first.
        """
        wanted = tuple(wanted)
        found = [name for name in self.names if PurePosixPath(name).name in wanted]
        if not self.archived:
            found = [name for name in found if "/" not in name] or found
        if len(found) == 1:
            return found[0]
        if found:
            problem, cure = f"{self.path} holds {', '.join(found)}", "Name the one you mean."
            raise DataError("path", problem, cure)
        files = " or ".join(str(self.path / name) for name in wanted)
        raise DataError("path", f"there is no file {files}", "Name the folder that holds it.")

    def has_beside(self, name: str, other: str) -> bool:
        """Whether `other` lies in the folder of `name`."""
        return str(PurePosixPath(name).with_name(other)) in self.names

    def beside(self, name: str, other: str) -> str:
        """Return the name of `other` in the folder of `name`, or raise."""
        result = str(PurePosixPath(name).with_name(other))
        if result not in self.names:
            cure = "It belongs beside the ratings; unpack all of the release. Without titles: "
            cure += "read_csv(path, user=1, item=2, rating=3)."
            if self.spelling.shell:
                cure = cure.replace(
                    "read_csv(path, user=1, item=2, rating=3)",
                    self.spelling(user=1, item=2, rating=3),
                )
            raise DataError("path", f"there is no file {self.label(result)}", cure)
        return result

    def one(self) -> str:
        """Return the name of the only file, or raise."""
        if self.named:
            return self.named
        if not self.archived or len(self.names) != 1:
            problem = f"{self.path} holds {len(self.names)}"
            if not self.archived:
                problem = f"{self.path} is a folder"
            raise DataError("path", f"{problem} file(s), not one", "Name one csv file.")
        return self.names[0]

    def label(self, name: str) -> str:
        """How messages call a file."""
        return f"{self.path}:{name}" if self.archived else str(self.path / name)

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Open a file for reading bytes, unpacked; a damaged one becomes a DataError."""
        with _told(self.label(name)):
            if not self.archived:
                with open(self.path / name, "rb") as plain:
                    yield unpacked(plain, self.label(name))
                return
            with zipfile.ZipFile(self.path) as archive, archive.open(name) as packed:
                yield unpacked(packed, self.label(name))


@contextmanager
def open_text(source: Any, encoding: str = "utf-8", spelling: Spelling = PYTHON) -> Iterator[Text]:
    """Open the one file that `source` names, or the stream that it is, as text to be read once."""
    if is_stream(source):
        label = str(getattr(source, "name", None) or "the stream")
        label = "standard input" if label == "<stdin>" else label
        with _told(label):
            if "b" not in getattr(source, "mode", "b") or isinstance(source, io.TextIOBase):
                cure = "Open it in mode 'rb'."
                raise UsageError("path", "is a stream of characters, not of bytes", cure)
            yield Text(unpacked(source, label), label, encoding, spelling)
        return
    if not isinstance(source, str | Path):
        cure = "Name a file, or give an open binary stream."
        raise UsageError("path", f"is {kind_of(source)}", cure)
    place = Place(source, spelling)
    name = place.one()
    with place.open(name) as stream:
        yield Text(stream, place.label(name), encoding, spelling)


def is_stream(source: Any) -> bool:
    """Whether `source` is read from, and not opened."""
    return hasattr(source, "read")


def refuse_url(path: Any) -> None:
    """Raise DataError for a URL: nothing is fetched behind anybody's back."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/{1,2}(?!/?[A-Za-z]:)", str(path)):
        cure = "Fetch it yourself, look at it, and name the file."
        raise DataError("path", f"{path} is a URL, and npcf fetches none", cure, value=str(path))


def unpacked(stream: IO[bytes], label: str) -> IO[bytes]:
    """Return the stream as it was before it was packed; the same one if it was not."""
    head = stream.read(6)
    while 0 < len(head) < 6 and (more := stream.read(6 - len(head))):
        head += more
    joined: Any = io.BufferedReader(_Joined(head, stream), 2**20)
    kind = next((kind for magic, kind in MAGIC.items() if head.startswith(magic)), "")
    if head.startswith(b"PK\3\4"):
        problem, cure = "is a zip archive, which cannot be read as a stream", "Name it as a file."
        raise DataError(label, problem, cure)
    if kind == "zst":
        return _zst(joined, label)
    opened: dict[str, Any] = {"gz": gzip.open, "bz2": bz2.open, "xz": lzma.open}
    result: IO[bytes] = opened[kind](joined, "rb") if kind else joined
    return result


class _Joined(io.RawIOBase):
    """The bytes that were read already, then the rest of the stream."""

    def __init__(self, head: bytes, rest: IO[bytes]):
        self.head, self.rest = head, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self.head[: len(buffer)] or self.rest.read(len(buffer))
        self.head = self.head[len(piece) :]
        buffer[: len(piece)] = piece
        return len(piece)


def _zst(stream: IO[bytes], label: str) -> IO[bytes]:
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd

            found: IO[bytes] = zstd.open(stream, "rb")
            return found
        import zstandard
    except ImportError:
        cure = 'Install zstandard: pip install "npcf[zst]", or pip install zstandard.'
        raise UsageError(label, "is packed with zstd, which needs a library", cure) from None
    reader: Any = io.BufferedReader(_Zst(stream, zstandard.ZstdDecompressor), 2**20)
    result: IO[bytes] = reader
    return result


class _Zst(io.RawIOBase):
    """What a stream of zstd frames holds; zstandard takes a cut file for a whole one."""

    def __init__(self, stream: IO[bytes], new: Any):
        self.stream, self.new = stream, new
        self.frame: Any = None
        self.packed, self.plain = b"", b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self.plain:
            piece = self.packed or self.stream.read(2**12)
            if not piece and self.frame is None:
                return 0
            if not piece:
                raise EOFError("it is cut short")
            self.frame = self.frame or self.new().decompressobj()
            self.plain, self.packed = self.frame.decompress(piece), b""
            if self.frame.eof:
                self.packed, self.frame = self.frame.unused_data, None
        n = min(len(buffer), len(self.plain))
        buffer[:n], self.plain = self.plain[:n], self.plain[n:]
        return n


@contextmanager
def _told(label: str) -> Iterator[None]:
    """Make a DataError of what goes wrong when `label` is read."""
    try:
        yield
    except (DataError, UsageError):
        raise
    except (OSError, EOFError, RuntimeError, NotImplementedError) as error:  # encrypted, …
        raise DataError(label, f"cannot be read ({error})", "Check the file.") from None
    except Exception as error:
        packers = ("zlib", "_lzma", "lzma", "zstd", "backend_c", "zstandard")
        module = type(error).__module__.rpartition(".")[2]
        if not isinstance(error, zipfile.BadZipFile | gzip.BadGzipFile) and module not in packers:
            raise
        raise DataError(label, f"is damaged ({error})", "Fetch it again.") from None


def judge_zip(path: str | Path) -> list[str]:
    """Return the names of the files in an archive, or raise DataError if it is out to do harm.

    Refused: names that lead out of the folder it is unpacked into, links, absurd sizes.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        cure = "It is damaged, cut short or something else; fetch it again."
        raise DataError(str(path), f"is no zip archive ({error})", cure) from None
    for member in members:
        name = member.orig_filename.replace("\\", "/")
        link = member.external_attr >> 28 == 0o12
        if link or name.startswith("/") or ".." in name.split("/") or name[1:2] == ":":
            raise DataError(
                str(path),
                f"holds {'the link' if link else 'the file'} {member.orig_filename!r}, which leads "
                f"out of its folder",
                "No MovieLens archive does; do not use this one.",
                value=member.orig_filename,
            )
    size = sum(member.file_size for member in members)
    packed = Path(path).stat().st_size
    if size > MOST or size > max(HARMLESS, RATIO * packed):
        problem = f"would unpack {packed} bytes to {size}"
        raise DataError(str(path), problem, "No ratings shrink that much; do not use it.")
    apart = "__MACOSX/"
    return [m.filename for m in members if not m.is_dir() and not m.filename.startswith(apart)]


def _files(folder: Path, pattern: str) -> list[str]:
    found = sorted(path for path in folder.glob(pattern) if path.is_file())
    return [path.relative_to(folder).as_posix() for path in found]

r"""Bytes of any compression and encoding, decoded to UTF-8 and read piece by piece.

Memory does not grow with the file: neither the file nor a line beyond LONGEST is ever held.
Behind `Text` there is UTF-8 with line ends \n or \r\n, whatever the file had.  The compression is
told from the first bytes, not from the name.
"""

import bz2
import codecs
import gzip
import io
import lzma
import re
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from npcf.data.spelling import PYTHON, Spelling
from npcf.errors import DataError, UsageError

BLOCK = 2**22  # bytes read at a time: about 150,000 ratings
LONGEST = 2**26  # bytes of a line, or of a quoted field that goes on over line ends
COMPRESSED = {".gz", ".bz2", ".xz", ".zst"}
MAGIC = {b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zst"}
WIDE = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
        codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}  # fmt: skip
WIDE_ZEROS = {b"\0\1\0\1": "utf-16-le", b"\1\0\1\0": "utf-16-be",
              b"\0\1\1\1": "utf-32-le", b"\1\1\1\0": "utf-32-be"}  # fmt: skip
SKIPPABLE = b"\x2a\x4d\x18"  # behind the first byte of a zstd frame without content
UNREAD = {b"PAR1": "parquet", b"ARROW1": "feather", b"\x89HDF": "HDF5", b"SQLite": "SQLite",
          b"\x1f\x9d": ".Z", b"]\0\0": "lzma", b"7z\xbc\xaf": "7z", b"Rar!": "rar"}  # fmt: skip
CODECS = ("zlib", "_lzma", "lzma", "zstd", "backend_c", "zstandard")  # modules of their errors


class Text:
    """A stream of bytes as UTF-8, read piece by piece; the next piece may be looked at first."""

    def __init__(
        self, stream: IO[bytes], label: str, encoding: str = "utf-8", spelling: Spelling = PYTHON
    ):
        self.label, self.spelling = label, spelling
        self._stream, self._ahead, self._old_mac = stream, b"", False
        self._decoder: Any = None
        self._other = encoding + "-be" if encoding in ("utf-16", "utf-32") else "latin-1"
        if codecs.lookup(encoding).name != "utf-8":
            self._decoder = codecs.getincrementaldecoder(encoding)()
        self._ahead = self._next().removeprefix(codecs.BOM_UTF8)
        self._find_line_ends()

    def read(self) -> bytes:
        """Return the next piece, empty at the end."""
        piece, self._ahead = self._ahead or self._next(), b""
        return piece

    def peek_line(self, n: int = 1) -> str:
        """Return the next `n` lines without their end, and without taking them."""
        pieces = [self.read()]
        count = pieces[0].count(b"\n")
        while pieces[-1] and count < n:
            pieces.append(self.read())
            count += pieces[-1].count(b"\n")
            if sum(map(len, pieces)) > LONGEST:
                raise self.too_long(1)
        self._ahead = b"".join(pieces)
        line = b"\n".join(self._ahead.split(b"\n", n)[:n])
        return line.decode(errors="replace").removesuffix("\r")

    def header(self) -> str:
        """Return the first line without its end, and without taking it; raise if it is no text."""
        line = self.peek_line()
        if not line.strip():
            problem = "begins with a blank line" if self._ahead.strip() else "is empty"
            cure = "Remove it." if self._ahead.strip() else "Is it the right file?"
            raise DataError(self.label, problem, cure)
        self.check(self._ahead.partition(b"\n")[0], 1)
        return line

    def skip_line(self) -> None:
        """Take the next line."""
        self.peek_line()
        self._ahead = self._ahead.partition(b"\n")[2]

    def check(self, block: bytes, line: int) -> None:
        """Raise DataError unless `block`, which begins with line `line`, is UTF-8 text."""
        place = block.find(b"\0")
        if not block.isascii():
            try:
                block.decode("utf-8")
            except UnicodeDecodeError as error:
                place = error.start
        if place < 0:
            return
        zeros = bytes(byte == 0 for byte in block[:4])
        found = next((name for start, name in WIDE.items() if block.startswith(start)), None)
        found = (
            ""
            if self._decoder
            else found or WIDE_ZEROS.get(zeros, "" if not block[place] else "latin-1")
        )
        cure = f"Name its encoding: {self.spelling(encoding=found)}."
        if not found:
            cure = "It is no text: is it the right file?"
        where = f"{self.label}, line {line + block[:place].count(10)}"
        problem = f"byte 0x{block[place]:02X} is not UTF-8 text"
        raise DataError(where, problem, cure, value=block[place])

    def too_long(self, line: int) -> DataError:
        """Return the error of a line that is none."""
        problem = f"is longer than {LONGEST // 2**20} MiB, or a quoted field in it has no end"
        cure = f"If quotes are plain characters, {self.spelling(quoting='none')}; is it text?"
        return DataError(f"{self.label}, line {line}", problem, cure)

    def _next(self) -> bytes:
        piece = self._stream.read(BLOCK)
        if self._decoder is not None:
            text = self._decode(piece)
            while piece and not text:  # not one whole character yet
                piece = self._stream.read(BLOCK)
                text = self._decode(piece)
            piece = text.encode("utf-8", "surrogatepass")
        return piece.replace(b"\r", b"\n") if self._old_mac else piece

    def _decode(self, piece: bytes) -> str:
        try:
            text: str = self._decoder.decode(piece, not piece)
        except UnicodeError as error:
            problem, cure = f"is not text of this encoding ({error})", "Name another: "
            cure += self.spelling(encoding=self._other) + "."
            raise DataError(self.label, problem, cure) from None
        return text.removeprefix("\ufeff")

    def _find_line_ends(self) -> None:
        r"""Lines of old Macs and some spreadsheets end with \r alone."""
        end = re.search(rb"[\r\n]", self._ahead)
        if end is None or end[0] != b"\r":
            return
        if end.end() == len(self._ahead):
            self._ahead += self._next()
        self._old_mac = self._ahead[end.end() : end.end() + 1] != b"\n"
        if self._old_mac:
            self._ahead = self._ahead.replace(b"\r", b"\n")


def decompressed(stream: IO[bytes], label: str, *, piped: bool = False) -> IO[bytes]:
    """Return the decompressed stream; the same bytes if they are not compressed."""
    head = stream.read(6)
    while 0 < len(head) < 6 and (more := stream.read(6 - len(head))):
        head += more
    joined: Any = io.BufferedReader(_Joined(head, stream), 2**20)
    kind = next((kind for magic, kind in MAGIC.items() if head.startswith(magic)), "")
    if head.startswith(b"PK\3\4"):
        problem = "is a zip archive that cannot be read there"
        cure = "Name it as a file." if piped else "Unpack it: it is damaged, or in another archive."
        raise DataError(label, problem, cure)
    for magic, name in UNREAD.items():
        if head.startswith(magic):
            raise DataError(label, f"is a file of {name}, not of text", "Turn it into csv.")
    if kind == "zst" or head[1:4] == SKIPPABLE:
        return _zst(joined, label)
    opened: dict[str, Any] = {"gz": gzip.open, "bz2": bz2.open, "xz": lzma.open}
    result: IO[bytes] = opened[kind](joined, "rb") if kind else joined
    return result


class _Raw(io.RawIOBase):
    def readable(self) -> bool:
        return True


class _Joined(_Raw):
    """The bytes that were read already, then the rest of the stream."""

    def __init__(self, head: bytes, rest: IO[bytes]):
        self.head, self.rest = head, rest

    def readinto(self, buffer: Any) -> int:
        piece = self.head[: len(buffer)] or self.rest.read(len(buffer))
        self.head = self.head[len(piece) :]
        buffer[: len(piece)] = piece
        return len(piece)


class _Zst(_Raw):
    """The content of zstd frames; EOFError at a cut one, which zstandard takes for a whole file."""

    def __init__(self, stream: IO[bytes], new: Any):
        self.stream, self.new = stream, new
        self.frame: Any = None
        self.packed, self.plain = b"", b""

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


@contextmanager
def damage_named(label: str) -> Iterator[None]:
    """Turn an error of the system, or of a damaged file, into a DataError that names the file."""
    try:
        yield
    except (DataError, UsageError):
        raise
    except (OSError, EOFError, RuntimeError, NotImplementedError) as error:  # encrypted, …
        raise DataError(label, f"cannot be read ({error})", "Check the file.") from None
    except Exception as error:
        module = type(error).__module__.rpartition(".")[2]
        if not isinstance(error, zipfile.BadZipFile | gzip.BadGzipFile) and module not in CODECS:
            raise
        raise DataError(label, f"is damaged ({error})", "Fetch it again.") from None

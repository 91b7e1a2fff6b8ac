r"""Text in blocks of whole lines, each line with its number: what keeps reading within memory.

The same for any size of file: a file is never held, nor a line beyond LONGEST bytes.  Everything
behind `Text` is UTF-8 with line ends \n or \r\n, whatever the file had.
"""

import codecs
import functools
import re
from collections.abc import Iterator
from typing import IO, Any

from npcf.data.options import PYTHON, Spelling
from npcf.errors import DataError

BLOCK = 2**22  # bytes read at a time: about 150,000 ratings
LONGEST = 2**26  # bytes of a line, or of a quoted field that goes on over line ends


class Text:
    """A stream of bytes as UTF-8, read piece by piece; the next piece may be looked at first."""

    def __init__(
        self, stream: IO[bytes], label: str, encoding: str = "utf-8", spelling: Spelling = PYTHON
    ):
        self.label, self.spelling = label, spelling
        self._stream, self._ahead, self._old_mac = stream, b"", False
        self._decoder: Any = None
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
            raise DataError(self.label, "is empty", "Is it the right file?")
        judge_text(self._ahead.partition(b"\n")[0], 1, self.label, self.spelling)
        return line

    def skip_line(self) -> None:
        """Take the next line."""
        self.peek_line()
        self._ahead = self._ahead.partition(b"\n")[2]

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
            cure += self.spelling(encoding="latin-1") + "."
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


def blocks(
    text: Text,
    first_line: int,
    separator: str = "",
    *,
    quoted: bool = False,
    spaced: bool = False,
) -> Iterator[tuple[int, bytes]]:
    """Yield (number of its first line, whole lines); a quoted field is never torn."""
    line, rest = first_line, b""
    while piece := text.read():
        piece = rest + piece
        if quoted and b'"' in piece:
            cut = patterns(separator, spaced).lines.match(piece).end()  # type: ignore[union-attr]
        else:
            cut = piece.rfind(b"\n") + 1
        if cut:
            yield line, piece[:cut]
        line += piece.count(b"\n", 0, cut)
        rest = piece[cut:]
        if len(rest) > LONGEST:
            raise text.too_long(line)
    if rest.strip():
        yield line, rest


class Patterns:
    """Quotes count at the start of a field only; inside a quoted field, two stand for one.

    Possessive (`*+`): nothing is tried twice, so that time and memory do not explode.
    """

    def __init__(self, separator: str, spaced: bool):
        s, space = re.escape(separator), " *+" if spaced else ""
        quoted = rf'(?<![^{s}\n]){space}"[^"]*+(?:""[^"]*+)*+"'
        other = rf'[^"\n{s}]++|{s}' if spaced else r'[^"\n]++'
        line = rf'(?:{quoted}|{other}|(?<=[^{s}\n])")*+'
        self.quoted = re.compile(quoted.encode())  # a quoted field
        self.lines = re.compile(rf"(?:{line}\n)*+".encode())  # as many whole lines as there are
        self.line = re.compile(rf"{line}(?:\n|\Z)")
        self.field = re.compile(
            rf'{space}(?:"([^"]*+(?:""[^"]*+)*+)("?)([^{s}]*+)|([^{s}]*+))({s}|\Z)'
        )


@functools.cache
def patterns(separator: str, spaced: bool = False) -> Patterns:
    """Return the patterns of files with this separator (and spaces behind it), made once."""
    return Patterns(separator, spaced)


def judge_text(block: bytes, line: int, label: str, spelling: Spelling = PYTHON) -> None:
    """Raise DataError naming the first line that is not UTF-8 text."""
    place = block.find(b"\0")
    if not block.isascii():
        try:
            block.decode("utf-8")
        except UnicodeDecodeError as error:
            place = error.start
    if place >= 0:
        at = line + block.count(b"\n", 0, place)
        encoding = (
            "utf-16" if block[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "latin-1"
        )
        cure = f"Name its encoding: {spelling(encoding=encoding)}."
        if not block[place]:
            cure = "It is no text: is it the right file?"
        raise DataError(
            f"{label}, line {at}", f"byte 0x{block[place]:02X} is not UTF-8 text", cure,
            value=block[place],
        )  # fmt: skip

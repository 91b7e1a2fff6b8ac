"""Files in blocks of whole lines, each line with its number: what keeps reading within memory."""

from collections.abc import Iterator
from typing import IO

from npcf.errors import DataError

BLOCK = 2**22  # bytes read at a time: about 150,000 ratings


def read_header(stream: IO[bytes], label: str) -> str:
    """Return the first line, without its end or a byte-order mark; raise on an empty file."""
    line = stream.readline(2**20)
    if not line.strip():
        raise DataError(label, "is empty", "Is it the right file?")
    judge_text(line, 1, label)
    return line.decode("utf-8-sig").rstrip("\r\n")


def blocks(
    stream: IO[bytes], label: str, first_line: int, *, quoted: bool = False
) -> Iterator[tuple[int, bytes]]:
    """Yield (number of its first line, whole lines); a quoted field is never torn."""
    line, rest = first_line, b""
    while chunk := stream.read(BLOCK):
        chunk = rest + chunk
        cut = chunk.rfind(b"\n") + 1
        if len(chunk) > 16 * BLOCK:
            problem, cure = "has no end of a line or of a quoted field", "Is it a text file?"
            raise DataError(f"{label}, line {line}", problem, cure)
        if quoted and chunk.count(b'"', 0, cut) % 2:
            rest = chunk
            continue
        if cut:
            yield line, chunk[:cut]
        line += chunk.count(b"\n", 0, cut)
        rest = chunk[cut:]
    if rest.strip():
        yield line, rest


def judge_text(block: bytes, line: int, label: str) -> None:
    """Raise DataError naming the first line that is not UTF-8 text."""
    place = block.find(b"\0")
    if not block.isascii():
        try:
            block.decode("utf-8")
        except UnicodeDecodeError as error:
            place = error.start
    if place >= 0:
        at = line + block.count(b"\n", 0, place)
        raise DataError(
            f"{label}, line {at}",
            f"byte 0x{block[place]:02X} is not UTF-8 text",
            "Convert the file: iconv -f LATIN1 -t UTF-8, or -f UTF-16.",
            value=block[place],
        )

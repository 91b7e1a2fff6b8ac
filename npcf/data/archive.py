"""The files of a folder or a zip archive, and open streams.

Nothing is extracted to disk and nothing is downloaded: a URL is refused.
"""

import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from npcf.data.spelling import PYTHON, Spelling
from npcf.data.text import Text, damage_named, decompressed
from npcf.errors import DataError, UsageError, require_path
from npcf.foreign import kind_of

SMALL = 2**26  # bytes that an archive may always unpack to
LARGEST = 2**35  # bytes that no archive may unpack to
TABLE = re.compile(r"\.[ct]sv(\.(gz|bz2|xz|zst))?$", re.IGNORECASE)
RATIO = 50  # ratings compress four- to eightfold; only a zip bomb exceeds this


class Place:
    """The files of a folder or archive; `named` is the file that the caller named, if any."""

    def __init__(self, path: str | Path, spelling: Spelling = PYTHON):
        path = require_path("path", path)
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/{1,2}(?!/?[A-Za-z]:)", str(path)):
            cure = "Fetch it yourself, look at it, and name the file."
            raise DataError(
                "path", f"{path} is a URL, and npcf fetches none", cure, value=str(path)
            )
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
            self.archived, self.names = True, check_zip(self.path)
        else:  # also a pipe, which has no size and is read once
            self.path, self.named = self.path.parent, self.path.name
            self.names = [self.named, *_files(self.path, "*")]

    def find(self, wanted: Iterable[str]) -> str:
        """Return the one file called one of `wanted`, at any depth; DataError if there is no one.

        A folder may hold other releases below it: files at the top come first.
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
        """Whether `other` is in the folder of `name`."""
        return str(PurePosixPath(name).with_name(other)) in self.names

    def beside(self, name: str, other: str) -> str:
        """Return the name of `other` in the folder of `name`; DataError if it is not there."""
        result = str(PurePosixPath(name).with_name(other))
        if not self.has_beside(name, other):
            how = "" if ".csv" in name else self.spelling(user=1, item=2, rating=3)
            if self.spelling.shell:
                how = f"name {self.label(name)} itself{how and ', with '}{how}"
            else:
                how = f"read_csv({str(self.path / name)!r}{how and ', '}{how})"
            cure = "It belongs beside the ratings; unpack all of the release."
            cure += "" if self.archived else f" Without titles: {how}."
            raise DataError("path", f"there is no file {self.label(result)}", cure)
        return result

    def one(self) -> str:
        """Return the name of the only file; DataError if there are several, or none."""
        if self.named:
            return self.named
        tables = [name for name in self.names if TABLE.search(name)]  # beside a README
        if self.archived and len(tables or self.names) == 1:
            return (tables or self.names)[0]
        problem = f"holds {len(self.names)} files" if self.archived else "is a folder"
        problem, cure = f"{self.path} {problem}, not one file", "Name one csv file."
        if self.archived:
            cure = "Unpack it, and name the one that holds ratings."
        raise DataError("path", problem, cure)

    def label(self, name: str) -> str:
        """Return what messages call a file."""
        return f"{self.path}:{name}" if self.archived else str(self.path / name)

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Open a file for reading bytes, decompressed; DataError if it is damaged."""
        with damage_named(self.label(name)):
            if not self.archived:
                with open(self.path / name, "rb") as plain:
                    yield decompressed(plain, self.label(name))
                return
            with zipfile.ZipFile(self.path) as archive, archive.open(name) as packed:
                yield decompressed(packed, self.label(name))


@contextmanager
def open_text(source: Any, encoding: str = "utf-8", spelling: Spelling = PYTHON) -> Iterator[Text]:
    """Open the one file that `source` names, or the stream that it is, as text to be read once."""
    if is_stream(source):
        label = str(getattr(source, "name", None) or "the stream")
        label = "standard input" if label == "<stdin>" else label
        with damage_named(label):
            if "b" not in getattr(source, "mode", "b") or isinstance(source, io.TextIOBase):
                cure = "Open it in mode 'rb'."
                raise UsageError("path", "is a stream of characters, not of bytes", cure)
            yield Text(decompressed(source, label, piped=True), label, encoding, spelling)
        return
    if not isinstance(source, str | Path):
        cure = "Name a file, or give an open binary stream."
        raise UsageError("path", f"is {kind_of(source)}", cure)
    place = Place(source, spelling)
    name = place.one()
    with place.open(name) as stream:
        yield Text(stream, place.label(name), encoding, spelling)


def is_stream(source: Any) -> bool:
    """Whether `source` is an open stream, not a path."""
    return hasattr(source, "read")


def check_zip(path: str | Path) -> list[str]:
    """Return the names of an archive's files; DataError if unpacking it could do harm.

    Refused are links, names that lead out of the folder it is unpacked into, and absurd sizes.
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
            what = f"the {'link' if link else 'file'} {member.orig_filename!r}"
            problem = f"holds {what}, which leads out of its folder"
            cure = "No MovieLens archive does; do not use this one."
            raise DataError(str(path), problem, cure, value=member.orig_filename)
    size = sum(member.file_size for member in members)
    packed = Path(path).stat().st_size
    if size > LARGEST or size > max(SMALL, RATIO * packed):
        problem = f"would unpack {packed} bytes to {size}"
        raise DataError(str(path), problem, "No ratings shrink that much; do not use it.")
    apart = "__MACOSX/"
    return [m.filename for m in members if not m.is_dir() and not m.filename.startswith(apart)]


def _files(folder: Path, pattern: str) -> list[str]:
    found = sorted(path for path in folder.glob(pattern) if path.is_file())
    return [path.relative_to(folder).as_posix() for path in found]

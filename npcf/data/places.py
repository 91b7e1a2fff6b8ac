"""Where files lie: a folder, or a zip archive that is read without being unpacked."""

import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from npcf.errors import DataError

HARMLESS = 2**26  # bytes that an archive may always unpack to
MOST = 2**35  # bytes that no archive may unpack to
RATIO = 50  # ratings shrink four- to eightfold; only a bomb shrinks more than this


class Place:
    """The files of one folder or archive; `named` is the one the caller pointed at, if any."""

    def __init__(self, path: str | Path):
        self.path, self.named = Path(path), ""
        self.zip = False
        if self.path.is_dir():
            self.names = [*_files(self.path, "*"), *_files(self.path, "*/*")]
        elif not self.path.is_file():
            cure = "Name a folder, a ratings file, or the zip as it was downloaded."
            raise DataError("path", f"there is no file {path}", cure, value=str(path))
        elif zipfile.is_zipfile(self.path) or self.path.suffix == ".zip":
            self.zip, self.names = True, judge_zip(self.path)
        else:
            self.named = self.path.name
            self.path = self.path.parent
            self.names = _files(self.path, "*")

    def find(self, wanted: Iterable[str]) -> str:
        """Return the one file called one of `wanted`, at any depth, or raise naming what is there.

        A folder may hold more releases below it: files on top come first.
        """
        wanted = tuple(wanted)
        found = [name for name in self.names if PurePosixPath(name).name in wanted]
        if not self.zip:
            found = [name for name in found if "/" not in name] or found
        if len(found) == 1:
            return found[0]
        if found:
            problem, cure = f"{self.path} holds {', '.join(found)}", "Name the one you mean."
            raise DataError("path", problem, cure)
        files = " or ".join(str(self.path / name) for name in wanted)
        raise DataError("path", f"there is no file {files}", "Name the folder that holds it.")

    def beside(self, name: str, other: str) -> str:
        """Return the name of `other` in the folder of `name`, or raise."""
        result = str(PurePosixPath(name).with_name(other))
        if result not in self.names:
            cure = "It belongs beside the ratings; unpack all of the release."
            raise DataError("path", f"there is no file {self.label(result)}", cure)
        return result

    def label(self, name: str) -> str:
        """How messages call a file."""
        return f"{self.path}:{name}" if self.zip else str(self.path / name)

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Open a file for reading bytes; a damaged archive becomes a DataError."""
        label = self.label(name)
        try:
            if not self.zip:
                with open(self.path / name, "rb") as plain:
                    yield plain
                return
            with zipfile.ZipFile(self.path) as archive, archive.open(name) as packed:
                yield packed
        except DataError:
            raise
        except (OSError, EOFError, RuntimeError, NotImplementedError) as error:  # encrypted, …
            raise DataError(label, f"cannot be read ({error})", "Check the file.") from None
        except Exception as error:
            if not isinstance(error, zipfile.BadZipFile) and type(error).__module__ != "zlib":
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

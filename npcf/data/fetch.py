"""Download a MovieLens release from GroupLens and verify it; none is part of this package.

A download goes to a temporary folder, is compared with the published hash and checked for files
that lead out of their folder, and only then takes its name: an interrupted or wrong one leaves
nothing behind, and an older good file stays.  Certificates are always verified.
Downloading needs the extra `data` (pooch); a zip that is already there (`source`) does not.
"""

import hashlib
import importlib
import io
import logging
import os
import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from npcf.data.archive import check_zip
from npcf.errors import DataError, UsageError, WriteError, require_choice, require_number
from npcf.files import move_into_place, require_replaceable

log = logging.getLogger("npcf.data")

BASE_URL = "https://files.grouplens.org/datasets/movielens/"
LARGEST = 2**31  # bytes of a release whose size is not known
TERMS = (
    "{name}: MovieLens, GroupLens Research, University of Minnesota. For research; no commercial "
    "use without permission; redistribution only as its README.txt allows. Cite Harper and Konstan "
    "2015, doi:10.1145/2827872."
)


class Release(NamedTuple):
    """What is known of a zip: hashes as published, and its size where that is known."""

    md5: str = ""
    sha256: str = ""
    size: int = 0


MUTABLE = Release()  # changes now and then under the same name
REGISTRY = {
    "ml-100k": Release(
        "0e33842e24a9c977be4e0107933c0723",
        "50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
        4_924_029,
    ),
    "ml-1m": Release(
        "c4d9eecfca2ab87c1945afe126590906",
        "a6898adb50b9ca05aa231689da44c217cb524e7ebd39d264c56e2832f2c54e20",
    ),
    "ml-10m": Release("ce571fd55effeba0271552578f2648bd"),
    "ml-20m": Release(
        "cd245b17a1ae2cc31bb14903e1204af3",
        "96f243c338a8665f6bcc89c53edf6ee39162a846940de6b7c8c48aeada765ff3",
        198_702_078,
    ),
    "ml-25m": Release("6b51fb2759a8657d3bfcbfc42b592ada"),
    "ml-32m": Release("d472be332d4daa821edc399621853b57", size=238_950_008),
    "ml-latest": MUTABLE,
    "ml-latest-small": MUTABLE,
}
_told: set[str] = set()


def fetch(
    name: str,
    to: str | Path | None = None,
    source: str | Path | None = None,
    *,
    base_url: str = BASE_URL,
    timeout: float = 30.0,
) -> Path:
    """Return the path of a release's zip, downloaded if it is not there.

    Parameters
    ----------
    to : folder; by default $NPCF_DATA or the user's cache.
    source : a zip got by other means, copied instead of downloading.
    timeout : seconds without a byte before it gives up.

    ml-latest and ml-latest-small have no published hash: theirs is recorded beside the zip.

    Raises
    ------
    DataError
        For a failed, torn or wrong download.
    UsageError
        If pooch is not installed.
    """
    release = REGISTRY[require_choice("name", name, REGISTRY)]
    timeout = require_number("timeout", timeout, 0.001)
    if name not in _told:
        _told.add(name)
        log.info(licence(name))
    folder = Path(to) if to is not None else _cache()
    goal = folder / f"{name}.zip"
    if source is None and _is_good(goal, release):
        return goal
    try:
        folder.mkdir(parents=True, exist_ok=True)
        target = require_replaceable("to", goal)  # before anything is downloaded
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=target.parent) as apart:
            fresh = Path(apart) / goal.name
            if source is None:
                _download(name, base_url, fresh, release, timeout)
            else:
                _copy(source, fresh)
            _check(fresh, release, str(source or base_url + goal.name))
            _record(goal, fresh, release)
            move_into_place(fresh, goal, "to")
    except WriteError:
        raise
    except OSError as error:
        problem = f"cannot be written ({error})"
        raise DataError(str(goal), problem, "Choose another folder: to=...") from None
    return goal


def licence(name: str) -> str:
    """Return the terms of a release in one line."""
    return TERMS.format(name=require_choice("name", name, REGISTRY))


class _Capped(io.FileIO):
    """A file that refuses to grow beyond the size of a release."""

    limit = LARGEST

    def write(self, chunk: Any) -> int:
        if self.tell() + len(chunk) > self.limit:
            raise DataError("download", "is larger than the release", "It is not what was asked.")
        return super().write(chunk)


def _download(name: str, base_url: str, goal: Path, release: Release, timeout: float) -> None:
    try:
        pooch = importlib.import_module("pooch")
    except ImportError:
        cure = 'pip install "npcf[data]", or give a zip you have: source="ml-100k.zip".'
        raise UsageError("fetch", "downloading needs pooch, which is not installed", cure) from None
    url = f"{base_url}{name}.zip"
    transfer = pooch.HTTPDownloader(timeout=timeout)

    def capped(url: str, path: Any, pooch: Any) -> None:
        with _Capped(path, "wb") as file:
            file.limit = release.size or LARGEST
            transfer(url, file, pooch)

    quiet = pooch.get_logger()
    level = quiet.level
    quiet.setLevel(logging.WARNING)
    try:
        known = f"md5:{release.md5}" if release.md5 else None
        pooch.retrieve(url, known, fname=goal.name, path=goal.parent, downloader=capped)
    except DataError:
        raise
    except OSError as error:  # requests' exceptions are OSErrors
        raise DataError(url, *_diagnosis(error, name, url, timeout)) from None
    except ValueError:
        problem = "is not the file that was published: its hash differs"
        raise DataError(url, problem, _by_hand(name, url)) from None
    finally:
        quiet.setLevel(level)


def _diagnosis(error: OSError, name: str, url: str, timeout: float) -> tuple[str, str]:
    """Return what failed and the cure."""
    cause, cure = str(error), _by_hand(name, url)
    if "SSL" in type(error).__name__ or "SSL" in cause:
        return f"the certificate could not be verified ({cause})", (
            f"It is never switched off here; the published hash makes any other way safe. {cure}"
        )
    if "timed out" in cause.lower() or "Timeout" in type(error).__name__:
        return f"sent nothing for {timeout:g} s", f"Try again with a larger timeout. {cure}"
    return f"could not be downloaded ({cause})", cure


def _by_hand(name: str, url: str) -> str:
    return f"By hand: curl -LO {url} && npcf data fetch {name} --from {name}.zip"


def _cache() -> Path:
    if given := os.environ.get("NPCF_DATA"):
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "npcf"


def _copy(source: str | Path, goal: Path) -> None:
    try:
        shutil.copyfile(source, goal)
    except OSError as error:
        problem = f"cannot be read ({error})"
        raise DataError("source", problem, "Name the zip as it was downloaded.") from None


def _check(path: Path, release: Release, origin: str) -> None:
    """Raise DataError unless the file is the release: size, hashes, and a harmless archive."""
    size = path.stat().st_size
    cure = "It is cut short or another file; fetch it again."
    if release.size and size != release.size:
        raise DataError(origin, f"has {size} bytes, not {release.size}", cure, value=size)
    for kind, known in (("md5", release.md5), ("sha256", release.sha256)):
        if known and (got := _hash(path, kind)) != known:
            raise DataError(origin, f"has {kind} {got}, not {known}", cure, value=got)
    try:
        check_zip(path)
    except DataError as error:
        problem = error.message.removeprefix(f"{path}: ").partition(f". {error.cure}")[0]
        raise DataError(origin, problem, error.cure) from None


def _is_good(path: Path, release: Release) -> bool:
    """Tell whether the file is there and right; a mutable release is compared with its record."""
    if not path.is_file():
        return False
    if release.md5:
        return _hash(path, "md5") == release.md5
    record = _recorded(path)
    return record.is_file() and record.read_text().split()[:1] == [_hash(path, "sha256")]


def _record(goal: Path, fresh: Path, release: Release) -> None:
    """Write down the hash of a mutable release, in the form that sha256sum -c reads."""
    if release.md5:
        return
    got = _hash(fresh, "sha256")
    log.warning("%s changes from time to time; this one has sha256 %s", goal.name, got)
    record = fresh.with_name(_recorded(goal).name)
    record.write_text(f"{got}  {goal.name}\n")
    move_into_place(record, _recorded(goal), "to")


def _recorded(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _hash(path: Path, kind: str) -> str:
    with open(path, "rb") as file:
        new = partial(hashlib.new, kind, usedforsecurity=False)
        return hashlib.file_digest(file, new).hexdigest()

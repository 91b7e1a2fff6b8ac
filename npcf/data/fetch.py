"""Download a MovieLens release from GroupLens and verify it; none is part of this package.

A download goes to a temporary folder, is compared with the published hash and checked for files
that lead out of their folder, and only then takes its name: an interrupted or wrong one leaves
nothing behind, and an older good file stays.  Certificates are always verified.
Downloading needs the extra `data` (pooch); a zip that is already there (`source`) does not.
"""

import hashlib
import importlib
import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from npcf.data.archive import check_zip
from npcf.data.releases import BASE_URL, LARGEST, REGISTRY, TERMS, Release
from npcf.errors import DataError, UsageError, WriteError, require_choice, require_number
from npcf.files import move_into_place, require_replaceable

log = logging.getLogger("npcf.data")

_told: set[str] = set()


def fetch(
    name: str,
    to: str | Path | None = None,
    source: str | Path | None = None,
    *,
    base_url: str = BASE_URL,
    timeout: float = 30.0,
) -> Path:
    """Return the path of the zip of release `name` in folder `to`, downloaded if it is not there.

    `to` is $NPCF_DATA or the user's cache folder if None.  `source` is a zip got by other means,
    copied instead of downloading.  `timeout`: seconds without a byte before it gives up.
    ml-latest and ml-latest-small have no published hash: theirs is recorded beside the zip.
    Raises DataError on a failed, torn or wrong download, UsageError if pooch is not installed.
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


class _Capped:
    """A file that refuses to grow beyond what a release can have."""

    def __init__(self, file: Any, limit: int):
        self.file, self.left = file, limit

    def write(self, chunk: bytes) -> None:
        self.left -= len(chunk)
        if self.left < 0:
            raise DataError("download", "is larger than the release", "It is not what was asked.")
        self.file.write(chunk)

    def flush(self) -> None:
        self.file.flush()


def _download(name: str, base_url: str, goal: Path, release: Release, timeout: float) -> None:
    pooch = _pooch()
    url = f"{base_url}{name}.zip"
    transfer = pooch.HTTPDownloader(timeout=timeout)

    def capped(url: str, path: Any, pooch: Any) -> None:
        with open(path, "wb") as file:
            transfer(url, _Capped(file, release.size or LARGEST), pooch)

    quiet = pooch.get_logger()
    level = quiet.level
    quiet.setLevel(logging.WARNING)
    try:
        known = f"md5:{release.md5}" if release.md5 else None
        pooch.retrieve(url, known, fname=goal.name, path=goal.parent, downloader=capped)
    except OSError as error:  # requests' exceptions are OSErrors
        raise DataError(url, *_diagnosis(error, name, url, timeout)) from None
    except ValueError as error:
        if isinstance(error, DataError):
            raise
        raise DataError(url, "is not the file that was published: its hash differs", _by_hand(
            name, url)) from None  # fmt: skip
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


def _pooch() -> Any:
    try:
        return importlib.import_module("pooch")
    except ImportError:
        cure = 'pip install "npcf[data]", or give a zip you have: source="ml-100k.zip".'
        raise UsageError("fetch", "downloading needs pooch, which is not installed", cure) from None


def _cache() -> Path:
    given = os.environ.get("NPCF_DATA")
    if given:
        return Path(given)
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "npcf"


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
        return hashlib.file_digest(
            file, lambda: hashlib.new(kind, usedforsecurity=False)
        ).hexdigest()

"""Replace a regular file atomically, and check beforehand whether that can be done.

A path is resolved first: a symbolic link is followed, and what it points at is replaced, or made.
Nothing but a regular file is ever replaced.  The new content goes to a temporary file beside it,
is flushed to the disk and renamed; mode, and owner where the system allows it, stay those of the
old file, and a new file's mode follows the umask.  Other names of the old file (hard links) keep
the old content.

A temporary file is locked (flock) while it is written.  So a file that a killed process has left
behind is known from that of a living one, and only the former is removed.
"""

import contextlib
import errno
import os
import re
import secrets
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from npcf.errors import SettingError, WriteError, require_path

try:
    import fcntl
except ImportError:  # Windows has no flock; there nothing is taken for left behind
    fcntl = None  # type: ignore[assignment]

TEMPORARY = re.compile(r"\.npcf-[0-9a-f]{16}\.tmp")
KINDS = {
    stat.S_IFDIR: "folder", stat.S_IFCHR: "device", stat.S_IFBLK: "device",
    stat.S_IFIFO: "named pipe", stat.S_IFSOCK: "socket",
}  # fmt: skip


def replace_file(path: Any, data: bytes, argument: str = "path") -> None:
    """Put `data` into the file `path`: a kill at any moment leaves the old file or the new one.

    Raises
    ------
    SettingError
        If `path` is not a path, or what it names is not a regular file.
    WriteError
        If the system refuses, e.g. because the disk is full.  The old file is whole, and no
        temporary file is left.
    """
    target, old = _target(path, argument)
    with _errors_named(target):
        _remove_left_behind(target.parent)
        temporary, descriptor = _create(target.parent, old)
        try:
            with open(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                _keep_owner_and_mode(descriptor, old)
                os.fsync(descriptor)
                if fcntl is not None:  # still locked: not taken for left behind
                    os.replace(temporary, target)
            if fcntl is None:  # Windows renames no open file
                os.replace(temporary, target)
        except BaseException:  # Ctrl-C as well
            temporary.unlink(missing_ok=True)
            raise
        _flush_folder(target.parent)


def move_into_place(fresh: Path, path: Any, argument: str = "path") -> None:
    """Give the finished file `fresh` the name `path`, under the rules of `replace_file`."""
    target, old = _target(path, argument)
    with _errors_named(target):
        descriptor = os.open(fresh, os.O_RDWR)
        try:
            _keep_owner_and_mode(descriptor, old)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(fresh, target)
        _flush_folder(target.parent)


def require_replaceable(argument: str, path: Any) -> Path:
    """Return the file that `replace_file(path, ...)` would write, or raise SettingError.

    A file is created beside it and removed again: on a read-only disk, and for root, permission
    bits do not tell.
    """
    target, old = _target(path, argument)
    try:
        temporary, descriptor = _create(target.parent, None)
        os.close(descriptor)
        temporary.unlink()
    except OSError as error:
        problem = f"{target.parent} cannot be written to ({error.strerror})"
        raise SettingError(argument, problem, "Choose another folder.", value=path) from None
    if old is not None and not _may_be_replaced(target, old):
        problem = f"{target} is write-protected"
        cure = f"Choose another name, or: chmod u+w {shlex.quote(str(target))}"
        raise SettingError(argument, problem, cure, value=path)
    return target


def _target(path: Any, argument: str) -> tuple[Path, os.stat_result | None]:
    """Return (the path with links followed, what is there), or raise SettingError."""
    name = require_path(argument, path)
    if not name or "\0" in name:
        problem = "is empty" if not name else f"{name!r} contains a NUL character"
        raise SettingError(argument, problem, "Name a file.", value=path)
    try:
        target = Path(os.path.realpath(name))
        old = _status(Path(name))  # /dev/stdout is what it leads to, whatever realpath calls that
        folder = _status(target.parent)
    except OSError as error:  # too long, a circle of links, a file in the place of a folder
        problem = f"{_shown(name)} cannot be a file ({error.strerror})"
        raise SettingError(argument, problem, "Choose another name.", value=path) from None
    if folder is None:
        cure = f"Create it first: mkdir -p {shlex.quote(str(target.parent))}"
        raise SettingError(argument, f"there is no folder {target.parent}", cure, value=path)
    kind = "folder" if name.endswith(("/", os.sep)) else None
    if old is not None and not stat.S_ISREG(old.st_mode):
        kind = KINDS.get(stat.S_IFMT(old.st_mode), "special file")
    if kind is not None:
        cure = "Name a file: only regular files are replaced."
        raise SettingError(argument, f"{_shown(name)} is a {kind}", cure, value=path)
    return target, old


def _status(path: Path) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _shown(name: str) -> str:
    return name if len(name) <= 100 else f"{name[:60]}... ({len(name)} characters)"


def _may_be_replaced(target: Path, old: os.stat_result) -> bool:
    """Whether the file may be written, and its name given to another file."""
    if not os.access(target, os.W_OK):
        return False
    folder = os.stat(target.parent)
    if not folder.st_mode & stat.S_ISVTX or not hasattr(os, "geteuid"):
        return True
    return os.geteuid() in (0, old.st_uid, folder.st_uid)


def _create(folder: Path, old: os.stat_result | None) -> tuple[Path, int]:
    """Create a file of this call's own in `folder`; return (path, locked descriptor).

    From its first byte on it is readable for no more people than the file that it becomes.
    """
    mode = 0o666 if old is None else 0o600
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    while True:
        path = folder / f".npcf-{secrets.token_hex(8)}.tmp"
        descriptor = os.open(path, flags, mode)
        if _lock(descriptor) is not False and os.fstat(descriptor).st_nlink:
            return path, descriptor
        os.close(descriptor)  # it was removed just before it was locked
        path.unlink(missing_ok=True)


def _lock(descriptor: int) -> bool | None:
    """Lock a file; return whether it worked, or None where files cannot be locked."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _remove_left_behind(folder: Path) -> None:
    """Remove temporary files that no process holds; leave what cannot be told."""
    with contextlib.suppress(OSError):
        names = [name for name in os.listdir(folder) if TEMPORARY.fullmatch(name)]
        for path in (folder / name for name in names):
            if not stat.S_ISREG(os.lstat(path).st_mode):
                continue
            descriptor = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
            try:
                if _lock(descriptor):
                    path.unlink(missing_ok=True)
            finally:
                os.close(descriptor)


def _keep_owner_and_mode(descriptor: int, old: os.stat_result | None) -> None:
    """Give the file owner and mode of the old one; where the group must change, it gets nothing."""
    if old is None or not hasattr(os, "fchown"):
        return
    mode, new = stat.S_IMODE(old.st_mode), os.fstat(descriptor)
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        for owner in (old.st_uid, -1):
            with contextlib.suppress(OSError):
                os.fchown(descriptor, owner, old.st_gid)
                break
        else:
            mode &= ~stat.S_IRWXG
    os.fchmod(descriptor, mode)


@contextlib.contextmanager
def _errors_named(target: Path) -> Iterator[None]:
    """Turn an error of the system into one that names the file."""
    try:
        yield
    except OSError as error:
        if isinstance(error, WriteError):
            raise
        full = error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None))
        cure = "Make room, or choose another disk." if full else "Choose another place."
        problem = f"cannot be written ({error.strerror or error})"
        raise WriteError(str(target), problem, cure) from error


def _flush_folder(folder: Path) -> None:
    """Make a rename durable; Windows has no such call, and a folder may be closed to readers."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    try:
        descriptor = os.open(folder, os.O_DIRECTORY)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

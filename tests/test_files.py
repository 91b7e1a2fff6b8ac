"""Files are replaced whole or not at all, nothing else is touched, and nothing is left behind."""

import errno
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from npcf import files
from npcf.errors import SettingError, WriteError
from npcf.files import replace_file, require_replaceable

POSIX = pytest.mark.skipif(os.name != "posix", reason="modes, links and locks of POSIX")
ROOT = pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root may")


def modes(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def umask():
    """Set the umask, and put it back."""
    old = os.umask(0)
    yield os.umask
    os.umask(old)


@POSIX
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o027, 0o077])
def test_a_new_file_has_the_mode_that_the_umask_gives(mask, tmp_path, umask):
    umask(mask)
    replace_file(tmp_path / "new", b"1")
    assert modes(tmp_path / "new") == 0o666 & ~mask


@POSIX
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o660, 0o755, 0o200])
def test_an_old_file_keeps_its_mode(mode, tmp_path, umask):
    umask(0o022)
    path = tmp_path / "old"
    path.write_bytes(b"1")
    path.chmod(mode)
    replace_file(path, b"2")
    assert modes(path) == mode
    path.chmod(0o600)
    assert path.read_bytes() == b"2"


@POSIX
@ROOT
def test_an_old_file_keeps_its_owner(tmp_path):
    path = tmp_path / "old"
    path.write_bytes(b"1")
    os.chown(path, 12345, 23456)
    path.chmod(0o640)
    replace_file(path, b"2")
    status = path.stat()
    assert (status.st_uid, status.st_gid, modes(path)) == (12345, 23456, 0o640)


@POSIX
def test_a_group_that_cannot_be_kept_gives_nobody_else_its_rights(tmp_path, monkeypatch):
    path = tmp_path / "old"
    path.write_bytes(b"1")
    path.chmod(0o664)
    group = path.stat()

    def refuse(*args):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", refuse)
    old = os.stat_result((*group[:5], group.st_gid + 1, *group[6:]))
    with open(path, "rb+") as file:
        files._keep_owner_and_mode(file.fileno(), old)
    assert modes(path) == 0o604


@POSIX
@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("there", [False, True], ids=["dangling", "there"])
def test_links_are_followed_and_stay_links(there, relative, tmp_path):
    """Through a chain of two, into another folder."""
    folder = tmp_path / "data"
    folder.mkdir()
    target, link, second = folder / "real", tmp_path / "link", folder / "second"
    if there:
        target.write_bytes(b"old")
        target.chmod(0o600)
    second.symlink_to("real" if relative else target)
    link.symlink_to("data/second" if relative else second)
    replace_file(link, b"new")
    assert link.is_symlink() and second.is_symlink() and not target.is_symlink()
    assert target.read_bytes() == b"new"
    if there:
        assert modes(target) == 0o600
    assert sorted(p.name for p in folder.iterdir()) == ["real", "second"]


@POSIX
def test_other_names_of_a_file_keep_the_old_content(tmp_path):
    path, other = tmp_path / "a", tmp_path / "b"
    path.write_bytes(b"old")
    other.hardlink_to(path)
    replace_file(path, b"new")
    assert (path.read_bytes(), other.read_bytes()) == (b"new", b"old")


def make_pipe(path):
    os.mkfifo(path)


def make_socket(path):
    bound = socket.socket(socket.AF_UNIX)
    bound.bind(str(path))
    bound.close()


def make_device(path):
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root makes devices")


SPECIAL = {"named pipe": make_pipe, "socket": make_socket, "device": make_device,
           "folder": os.mkdir}  # fmt: skip


@POSIX
@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("kind", SPECIAL)
def test_nothing_but_a_regular_file_is_replaced(kind, linked, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    SPECIAL[kind]("special")
    before = os.stat("special")
    if linked:
        os.symlink("special", "link")
    for judge in (lambda p: replace_file(p, b"x"), lambda p: require_replaceable("path", p)):
        with pytest.raises(SettingError, match=f"is a {kind}"):
            judge("link" if linked else "special")
    after = os.stat("special")
    assert (before.st_mode, before.st_ino) == (after.st_mode, after.st_ino)
    assert len(os.listdir()) == 1 + linked


@POSIX
def test_an_open_pipe_by_its_descriptor_is_refused(tmp_path):
    """`--save >(gzip > model.gz)` names a pipe in /dev/fd."""
    if not os.path.exists("/dev/fd"):
        pytest.skip("no /dev/fd")
    reader, writer = os.pipe()
    with pytest.raises(SettingError, match="is a named pipe"):
        require_replaceable("--save", f"/dev/fd/{writer}")
    os.close(reader)
    os.close(writer)


NO_FILES = {
    "": "is empty",
    "a\0b": "NUL",
    "n" * 300: "File name too long",
    "/".join(["d"] * 3000): "too long",
    "plain/model": "Not a directory",
    "missing/model": "there is no folder .*missing.* mkdir -p ",
    "new/": "is a folder",
    "circle": "symbolic links",
    ".": "is a folder",
    "..": "is a folder",
}


@POSIX
@pytest.mark.parametrize(("name", "message"), NO_FILES.items(), ids=[n[:9] for n in NO_FILES])
def test_what_cannot_be_a_file_is_named(name, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.symlink("circle", "circle")
    (tmp_path / "plain").write_bytes(b"")
    for judge in (lambda: replace_file(name, b"x", "--save"),
                  lambda: require_replaceable("--save", name)):  # fmt: skip
        with pytest.raises(SettingError, match=message) as raised:
            judge()
        assert raised.value.argument == "--save"
        assert raised.value.value == name
    assert sorted(os.listdir()) == ["circle", "plain"]


@pytest.mark.parametrize("path", [None, 3, 1.5, ["m"], object()])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(SettingError, match="must be a path"):
        replace_file(path, b"x")


@POSIX
def test_the_cure_for_a_missing_folder_makes_it(tmp_path):
    """Whatever characters are in its name."""
    path = tmp_path / "it's a $new folder; really" / "model"
    with pytest.raises(SettingError) as raised:
        require_replaceable("--save", path)
    command = raised.value.cure.partition(": ")[2]
    subprocess.run(command, shell=True, check=True)
    require_replaceable("--save", path)


@POSIX
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.binary(min_size=1, max_size=255), old=st.none() | st.binary(), new=st.binary())
def test_any_name_that_the_disk_takes(name, old, new, tmp_path):
    """Up to the 255 bytes that a name may have, of any bytes."""
    name = name.replace(b"/", b"_").replace(b"\0", b"_")
    if name in (b".", b".."):
        return
    path = os.path.join(os.fsencode(tmp_path), name)
    try:
        if old is not None:
            with open(path, "wb") as file:
                file.write(old)
    except OSError:  # a disk that wants UTF-8
        return
    require_replaceable("path", path)
    replace_file(path, new)
    with open(path, "rb") as file:
        assert file.read() == new
    os.unlink(path)
    assert os.listdir(tmp_path) == []


def full(*args, **kwargs):
    raise OSError(errno.ENOSPC, "No space left on device")


def stopped(*args, **kwargs):
    raise KeyboardInterrupt


@POSIX
@pytest.mark.parametrize("old", [None, b"before"], ids=["new", "old"])
@pytest.mark.parametrize("fault", [full, stopped])
@pytest.mark.parametrize("call", ["open", "fsync", "fchmod", "replace", "write"])
def test_every_call_fails_once(call, fault, old, tmp_path, monkeypatch):
    """The old file is whole, or there is none; no temporary file; the error names the file."""
    path = tmp_path / "model"
    if old is not None:
        path.write_bytes(old)
        path.chmod(0o600)
    elif call == "fchmod":
        return  # a new file has its mode from the start
    if call == "write":

        class File:
            def __init__(self, descriptor, mode):
                self.descriptor = descriptor

            def __enter__(self):
                return self

            def __exit__(self, *error):
                os.close(self.descriptor)

            write = fault

        monkeypatch.setattr(files, "open", File, raising=False)
    else:
        monkeypatch.setattr(os, call, fault)
    with pytest.raises(WriteError if fault is full else KeyboardInterrupt) as raised:
        replace_file(path, b"after")
    monkeypatch.undo()
    if fault is full:
        assert str(path) in str(raised.value)
        assert "No space left on device" in str(raised.value)
        assert "Make room" in raised.value.cure
    assert os.listdir(tmp_path) == ([] if old is None else ["model"])
    if old is not None:
        assert path.read_bytes() == old
    replace_file(path, b"after")
    assert path.read_bytes() == b"after"


LIMITED = """
import resource, sys
from npcf.errors import WriteError
from npcf.files import replace_file
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    replace_file(sys.argv[1], bytes(5000))
except WriteError as error:
    print(error)
"""


@POSIX
def test_a_limit_of_the_system_in_the_middle_of_the_file(tmp_path):
    """Not a mock: the kernel refuses after 1,000 of 5,000 bytes."""
    path = tmp_path / "model"
    path.write_bytes(b"before")
    command = [sys.executable, "-c", LIMITED, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"{path}: cannot be written (File too large)")
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["model"]


@POSIX
@ROOT
def test_a_full_disk(tmp_path):
    """A disk of 64 kB of its own."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no disk may be mounted here")
    try:
        path = tmp_path / "model"
        replace_file(path, b"before")
        with pytest.raises(WriteError, match=f"{path}: .*No space left on device"):
            replace_file(path, bytes(100_000))
        assert path.read_bytes() == b"before"
        assert os.listdir(tmp_path) == ["model"]
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_threads_that_save_to_one_path(tmp_path):
    """Eight at a time, 50 times each: every file is one of theirs, whole, and nobody fails."""
    path, failed = tmp_path / "model", []

    def save(letter):
        try:
            for _ in range(50):
                replace_file(path, bytes([letter]) * 5000)
                content = path.read_bytes()
                assert len(content) == 5000
                assert len(set(content)) == 1
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=save, args=(65 + n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert os.listdir(tmp_path) == ["model"]


SAVING = """
import sys
from npcf.files import replace_file
for _ in range(200):
    replace_file(sys.argv[1], sys.argv[2].encode() * 5000)
"""


def test_processes_that_save_to_one_path(tmp_path):
    path = tmp_path / "model"
    command = [sys.executable, "-c", SAVING, str(path)]
    children = [subprocess.Popen([*command, letter], stderr=subprocess.PIPE) for letter in "ABC"]
    for child in children:
        assert child.communicate()[1] == b""
        assert child.returncode == 0
    assert os.listdir(tmp_path) == ["model"]
    assert len(path.read_bytes()) == 5000


SLOW = """
import os, sys
from npcf.files import replace_file
flush = os.fsync
def fsync(descriptor):
    os.fsync = flush
    print("writing", flush=True)
    sys.stdin.readline()
    flush(descriptor)
os.fsync = fsync
replace_file(sys.argv[1], b"slow")
"""


@POSIX
@pytest.mark.parametrize("end", ["killed", "finished"])
def test_only_the_dead_leave_files_that_are_removed(end, tmp_path):
    """A slow writer is stopped half-way; somebody else saves; then it goes on, or is killed."""
    path = tmp_path / "model"
    command = [sys.executable, "-c", SLOW, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as slow:
        assert slow.stdout.readline() == b"writing\n"
        replace_file(path, b"quick")
        assert len(os.listdir(tmp_path)) == 2  # the slow one's is there still
        if end == "killed":
            slow.kill()
            slow.wait()
            assert len(os.listdir(tmp_path)) == 2
            replace_file(path, b"after")
        else:
            slow.communicate(b"go on\n")
            assert slow.returncode == 0
    assert os.listdir(tmp_path) == ["model"]
    assert path.read_bytes() == (b"after" if end == "killed" else b"slow")


@POSIX
def test_files_of_others_are_left_alone(tmp_path):
    """Names that only look alike, folders, pipes and links in the place of a temporary file."""
    (tmp_path / ".npcf-0123456789abcdef.tmp.keep").write_bytes(b"")
    (tmp_path / ".npcf-notes.tmp").write_bytes(b"")
    (tmp_path / ".npcf-0000000000000000.tmp").mkdir()
    os.mkfifo(tmp_path / ".npcf-1111111111111111.tmp")
    (tmp_path / ".npcf-2222222222222222.tmp").symlink_to(".npcf-notes.tmp")
    before = sorted(os.listdir(tmp_path))
    replace_file(tmp_path / "model", b"x")
    assert sorted(os.listdir(tmp_path)) == sorted([*before, "model"])


NOBODY = """
import os, sys
from npcf.errors import SettingError
from npcf.files import replace_file, require_replaceable
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
for path in sys.argv[1:]:
    try:
        require_replaceable("--save", path)
        replace_file(path, b"x")
    except SettingError as error:
        print(error)
    else:
        print("saved")
"""


@POSIX
@ROOT
def test_people_without_the_right_to_write():
    """A closed folder, a folder of others, a protected file, a file of others in a sticky one."""
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        top.chmod(0o755)
        closed, shared, own = top / "closed", top / "shared", top / "own"
        for folder, mode in ((closed, 0o700), (shared, 0o1777), (own, 0o300)):
            folder.mkdir()
            folder.chmod(mode)
        (shared / "theirs").write_bytes(b"x")
        (shared / "theirs").chmod(0o666)
        (own / "protected").write_bytes(b"x")
        (own / "protected").chmod(0o444)
        for path in (own, own / "protected"):
            os.chown(path, 65534, 65534)
        paths = [closed / "m", top / "m", shared / "theirs", own / "protected", shared / "m",
                 own / "m"]  # fmt: skip
        command = [sys.executable, "-c", NOBODY, *map(str, paths)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.stderr == ""
        lines = done.stdout.splitlines()
    for line, words in zip(lines, ["Permission denied", "cannot be written to (Permission denied)",
                                   "is write-protected", "is write-protected", "saved", "saved"],
                           strict=True):  # fmt: skip
        assert words in line

"""Compiled once and kept on disk: fast to start, never stale, never in the way."""

import logging
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from npcf import kernels
from npcf.kernels import _disk_cache, _jit

compiling = pytest.mark.skipif(not kernels.compiles(), reason="NUMBA_DISABLE_JIT is set")
slow = pytest.mark.slow("processes that compile")

# A room of its own: `caller` compiled, `callee` in another file, and what a process says of them.
CALLEE = """
from room._jit import part

@part
def callee(x):
    return x + 1.0
"""
CALLER = """
from room._jit import jit, jit_both
from room.callee import callee

@jit
def caller(x):
    return 10.0 * callee(x)

@jit_both
def other(x):
    return callee(x) - 1.0
"""
SAY = """
import logging, os, shutil, sys
from numba.core import event

compiled = event.RecordingListener()
event.register("numba:compile", compiled)
from room.caller import caller, other

{before}
result = caller(2.0), other(2.0), other.fast(2.0)
print(result, sum(e.is_start and e.data["dispatcher"].__name__ != "callee"
                  for _, e in compiled.buffer))
"""


class Room:
    """A folder of sources, a place for what is compiled of them, and processes that use both."""

    def __init__(self, folder, place):
        self.folder, self.place = folder, place

    def __call__(self, before="", **environment):
        """Return (result, how many were compiled, lines of warnings) of a process."""
        done = subprocess.run(
            [sys.executable, "-B", "-c", SAY.format(before=before)],
            cwd=self.folder.parent,
            env=os.environ | {"NUMBA_CACHE_DIR": str(self.place)} | environment,
            capture_output=True,
            text=True,
            check=True,
        )
        result, compiled = done.stdout.rsplit(None, 1)
        return result, int(compiled), done.stderr.splitlines()


FIRST = ("(30.0, 2.0, 2.0)", 3, [])
AGAIN = ("(30.0, 2.0, 2.0)", 0, [])


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """The room, and what a first process has compiled of it."""
    room = Room(tmp_path_factory.mktemp("jit") / "room", tmp_path_factory.mktemp("first"))
    room.folder.mkdir()
    for name in ("_jit.py", "_disk_cache.py"):
        source = (Path(_jit.__file__).parent / name).read_text()
        (room.folder / name).write_text(source.replace("npcf.kernels.", "room."))
    (room.folder / "callee.py").write_text(CALLEE)
    (room.folder / "caller.py").write_text(CALLER)
    assert room() == FIRST
    return room


@pytest.fixture
def room(compiled, tmp_path):
    """The same with a copy of what was compiled; what a test does to the sources is undone."""
    before = {file: (file.read_bytes(), file.stat()) for file in compiled.folder.glob("*.py")}
    yield Room(compiled.folder, shutil.copytree(compiled.place, tmp_path / "kept"))
    for file, (content, was) in before.items():
        if file.read_bytes() != content:
            file.write_bytes(content)
            os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))


def warned(lines):
    """Whether exactly one warning was given, whatever the number of functions."""
    return len(lines) == 1 and "compiled code is not kept on disk" in lines[0]


@compiling
def test_what_one_process_compiles_the_next_one_finds(room):
    assert room() == AGAIN


@slow
@compiling
@pytest.mark.parametrize("name", ["callee.py", "caller.py"])
def test_an_edit_anywhere_in_the_room_is_seen(room, name):
    """Also if neither the size of the file nor its time tells."""
    file = room.folder / name
    times = file.stat().st_atime_ns, file.stat().st_mtime_ns
    file.write_text(file.read_text().replace("1.0", "3.0").replace("10.", "20."))
    os.utime(file, ns=times)
    assert room() == (
        {"callee.py": "(50.0, 4.0, 4.0)", "caller.py": "(60.0, 0.0, 0.0)"}[name], 3, []
    )  # fmt: skip


@slow
@compiling
def test_code_that_checks_bounds_is_not_taken_for_code_that_does_not(room):
    other = "0" if os.environ.get("NUMBA_BOUNDSCHECK") == "1" else "1"
    assert room(NUMBA_BOUNDSCHECK=other) == FIRST


DAMAGES = {
    "emptied": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "overwritten": lambda content: b"nonsense",
    "one bit": lambda content: content[:-99] + bytes([content[-99] ^ 1]) + content[-98:],
}


@slow
@compiling
@pytest.mark.parametrize(
    "ending, damage",
    [(".nbi", "emptied"), (".nbi", "overwritten"), (".nbc", "cut"), (".nbc", "one bit")],
)
def test_damaged_files_cost_a_warning_and_are_replaced(room, ending, damage):
    files = [file for file in room.place.rglob("*") if file.suffix == ending]
    assert len(files) == 3
    for file in files:
        file.write_bytes(DAMAGES[damage](file.read_bytes()))
    result, compiled, lines = room()
    assert (result, compiled) == FIRST[:2]
    assert warned(lines)
    assert room() == AGAIN


@slow
@compiling
def test_a_file_that_another_process_took_is_not_taken_for_one_s_own(room):
    """Two processes that write at once may leave the index of one and the code of the other."""
    strict, fast = (next(room.place.rglob(f"*other_{way}*.nbc")) for way in ("strict", "fast"))
    shutil.copy(next(room.place.rglob("*caller-*.nbc")), strict)
    shutil.copy(strict, fast)
    assert room() == ("(30.0, 2.0, 2.0)", 2, [])
    assert room() == AGAIN


@slow
@compiling
def test_a_folder_that_is_deleted_is_made_again(room):
    assert room(f"shutil.rmtree({str(room.place)!r})") == FIRST
    assert room() == AGAIN


@slow
@compiling
@pytest.mark.parametrize(
    "before",
    [
        "shutil.rmtree({0!r}); open({0!r}, 'w')",
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (99, 99))",
    ],
    ids=["not a folder", "full"],
)
def test_where_nothing_can_be_written_a_process_compiles_and_says_so_once(room, before):
    shutil.rmtree(room.place)
    result, compiled, lines = room(before.format(str(room.place)))
    assert (result, compiled) == FIRST[:2]
    assert warned(lines)


@slow
@compiling
def test_without_any_place_for_the_cache_it_compiles_all_the_same(room):
    """Numba raises RuntimeError at decoration: in a read-only installation, at import."""
    nowhere = "from numba.core import caching; caching.CacheImpl._locator_classes = []\n"
    file = room.folder / "callee.py"
    file.write_text(nowhere + file.read_text())
    result, compiled, lines = room()
    assert (result, compiled) == FIRST[:2]
    assert warned(lines)


def test_where_the_disk_fails_there_is_one_warning(monkeypatch, caplog):
    def fail(*arguments):
        raise OSError("no space left")

    class Dispatcher:
        py_func = staticmethod(fail)

    monkeypatch.setattr(_disk_cache, "WARNED", [])
    monkeypatch.setattr(_disk_cache, "_get_ready", lambda context: None)
    for name in ("_load_overload", "save_overload", "flush"):
        monkeypatch.setattr(_disk_cache.FunctionCache, name, fail)
    with caplog.at_level(logging.WARNING, logger="npcf"):
        _disk_cache.keep(Dispatcher)
        assert Dispatcher._cache.load_overload((), None) is None
        Dispatcher._cache.save_overload((), None)
    assert [record.getMessage() for record in caplog.records] == [
        "npcf.kernels: compiled code is not kept on disk: no space left"
    ]
    assert _disk_cache.WARNED == 4 * ["no space left"]


def test_where_there_is_no_disk_there_is_one_warning(monkeypatch, caplog):
    def fail(*arguments):
        raise RuntimeError("no locator available")

    class Dispatcher:
        py_func = staticmethod(fail)

    monkeypatch.setattr(_disk_cache, "WARNED", [])
    monkeypatch.setattr(_disk_cache.FunctionCache, "__init__", fail)
    with caplog.at_level(logging.WARNING, logger="npcf"):
        for _ in range(2):
            _disk_cache.keep(Dispatcher)
    assert not hasattr(Dispatcher, "_cache")
    assert len(caplog.records) == 1
    assert "no locator available" in caplog.text


def test_without_what_npcf_knows_of_numba_numba_gets_ready_itself(monkeypatch):
    """Its internals may change with a version; then loading only takes longer."""
    refreshed = []

    class Context:
        def refresh(self):
            refreshed.append(self)

    monkeypatch.delattr("numba.core.runtime.rtsys")
    _disk_cache._get_ready(Context())
    assert len(refreshed) == 1


def test_files_say_what_they_hold(tmp_path):
    def file(stamp="stamp"):
        return _disk_cache.Checked(str(tmp_path), "name", stamp)

    assert file().load("key") is None
    file().save("key", [1, 2, 3])
    assert file().load("key") == [1, 2, 3]
    assert file("later").load("key") is None
    file().save("other", 4)
    shutil.copy(tmp_path / "name.2.nbc", tmp_path / "name.1.nbc")
    assert file().load("key") is None
    assert file().load("other") == 4
    (tmp_path / "name.1.nbc").write_bytes(pickle.dumps(("key", 0, pickle.dumps(5))))
    with pytest.raises(ValueError, match="damaged"):
        file().load("key")

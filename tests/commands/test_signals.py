"""Signals that end a process: the model of a whole step, the exit code, nothing left behind."""

import os
import signal
import subprocess
import sys
import time

import pytest

from npcf.training import load
from tests.extras import needs

fcntl, termios = pytest.importorskip("fcntl"), pytest.importorskip("termios")
pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
NPCF = [sys.executable, "-m", "npcf.cli"]
LONG = ["train", "--epochs", "20000", "--factors", "2", "--bs", "2000"]
BY_RATING = ["train", "--epochs", "20000", "--factors", "2", "--bs", "1", "--rows", "touched"]


def start(arguments, first, **options):
    """Start a command; return it when it has printed a line that begins with `first`."""
    child = subprocess.Popen(
        [*NPCF, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"}, **options,
    )  # fmt: skip
    while not child.stdout.readline().strip().startswith(first):
        assert child.poll() is None, child.stderr.read()
    return child


@pytest.mark.slow("processes of their own")
@pytest.mark.parametrize(
    ("how", "name"),
    [("save", "SIGINT"), ("save", "SIGTERM"), ("save", "SIGHUP"), ("checkpoint", "SIGTERM"),
     ("by rating", "SIGINT"), ("by rating", "SIGHUP")],
)  # fmt: skip
def test_training_saves_the_model_of_a_whole_step(how, name, tmp_path):
    path, number = tmp_path / "model", getattr(signal, name)
    arguments = [*(BY_RATING if how == "by rating" else LONG),
                 "--checkpoint" if how == "checkpoint" else "--save", str(path)]  # fmt: skip
    with start(arguments, "1 ") as child:
        child.send_signal(number)
        if number != signal.SIGINT:  # sent to the group, and passed on by a wrapper
            time.sleep(0.02)
            child.send_signal(number)
        _, err = child.communicate()
    # a second signal may come when all is saved and nobody listens any more; shells see the same
    assert child.returncode in (128 + number, -number)
    assert "Traceback" not in err
    saved = load(path)
    assert os.listdir(tmp_path) == ["model"]
    if how != "by rating":
        assert saved.text["fit"]["epoch"] >= 1
        assert saved.text["fit"]["n_epoch"] == 20000


def test_a_signal_before_training_is_one_line(tmp_path):
    """While standard input is read: no copy of it is left behind."""
    for number in (signal.SIGINT, signal.SIGTERM):
        reader, writer = os.pipe()
        os.write(writer, b"user,item,rating\n" + b"1,2,3\n" * 10)
        environment = os.environ | {"TMPDIR": str(tmp_path)}
        child = subprocess.Popen(
            [*NPCF, "data", "show", "-"], stdin=reader, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        while unread(reader):  # then it has imported all it needs, and waits for more
            assert child.poll() is None, child.stderr.read()
            time.sleep(0.05)
        time.sleep(0.2)
        child.send_signal(number)
        out, err = child.communicate()
        assert (child.returncode, out, err) == (128 + number, "", "npcf: interrupted\n")
        assert os.listdir(tmp_path) == []
        os.close(reader)
        os.close(writer)


def unread(pipe):
    """Return how many bytes nobody has read yet."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def test_a_hangup_that_is_ignored_stays_ignored(tmp_path):
    """`nohup npcf train`."""
    path = tmp_path / "model"
    ignore = {"preexec_fn": lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)}
    with start([*LONG, "--save", str(path)], "1 ", **ignore) as child:
        child.send_signal(signal.SIGHUP)
        child.stdout.readline()
        child.stdout.readline()
        assert child.poll() is None
        child.send_signal(signal.SIGTERM)
        child.communicate()
    assert child.returncode == 128 + signal.SIGTERM


@needs("safetensors")
@pytest.mark.parametrize(
    ("reader", "buffered"),
    [("| head -1", True), ("| head -1", False), ("> /dev/full", True), (">&-", False)],
)
def test_a_real_shell_loses_no_model(reader, buffered, tmp_path):
    """The whole end of a Python process; the long table is more than a buffer holds."""
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    path = tmp_path / "model"
    command = f"{' '.join(NPCF)} train --epochs 150 --factors 2 --bs 4000 --save {path} {reader}"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "" if buffered else "1"},
    )  # fmt: skip
    load(path)
    if reader.startswith("|"):
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("source")
    else:
        assert done.returncode == 1
        assert done.stderr.startswith("npcf: standard output: cannot be written to")
        assert done.stderr.count("\n") == 1

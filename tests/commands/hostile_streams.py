"""Run command lines of npcf with standard streams in every state; one warm process, many forks.

    python hostile_streams.py REQUESTS.json RESULTS.json

A request is [arguments, situation, [encoding, errors, whether lines are flushed at once]].  Each
runs in a fork that sets up its file descriptors and its streams as Python does when it starts, and
ends as a Python process ends, without the third of a second that Python takes to tidy up.  The
result is [exit code, standard error, standard output, whether a file called "saved" can be loaded];
that file is removed again.
"""

import json
import os
import sys
import tempfile
import traceback

from npcf.cli import main
from npcf.commands import code_paths
from npcf.training import load

ENCODING = sys.stdout.encoding  # as Python chose it here


def apply_situation(situation, out, err):
    """Lead descriptors 0, 1, 2 where the situation says, e.g. "stdout full stdin closed"."""
    words = situation.split()
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        state = words[words.index(name) + 1] if name in words else "plain"
        if state == "closed":
            os.close(number)
        elif state == "full":
            os.dup2(os.open("/dev/full", os.O_WRONLY), number)
        elif state == "left":  # a pipe whose reader has gone
            reader, writer = os.pipe()
            os.close(reader)
            os.dup2(writer, number)
        elif number:
            os.dup2((out if number == 1 else err).fileno(), number)


def open_streams(encoding=None, errors=None, at_once=False):
    """Make sys.stdin, stdout and stderr anew; None where the descriptor is closed, as Python."""
    encoding, errors = encoding or ENCODING, errors or "strict"
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            stream = None
        else:
            how = {"encoding": encoding, "errors": "backslashreplace" if number == 2 else errors}
            stream = open(number, "w" if number else "r", closefd=False, **how)
            stream.reconfigure(line_buffering=number == 2 or at_once)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def run(arguments, situation, stream_options):
    """Return (exit code, standard error, standard output) of one command line."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            apply_situation(situation, out, err)
            open_streams(*(stream_options or ()))
            os._exit(ended(arguments))
        status = os.waitpid(child, 0)[1]
        out.seek(0)
        err.seek(0)
        how = "utf-8", "backslashreplace"
        return (
            os.waitstatus_to_exitcode(status),
            err.read().decode(*how),
            out.read().decode(*how),
            was_saved(arguments),
        )


def ended(arguments):
    """Run `main`; return the exit code that Python would end with."""
    try:
        code = main(arguments)
    except SystemExit as stop:
        code = stop.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            code = 120
    return code


def was_saved(arguments):
    """Tell whether the command saved a model that can be loaded, and remove it."""
    paths = [path for path in arguments if path.endswith("/saved") and os.path.exists(path)]
    for path in paths:
        load(path)
        os.unlink(path)
    return bool(paths)


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        requests = json.load(file)
    quiet = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1):
        os.dup2(quiet, number)
    code_paths.torch_paths = dict  # torch takes seconds to ask, and `doctor` prints what it may say
    for warm in {tuple(arguments) for arguments, _, _ in requests}:
        try:
            main(warm)  # compiles and imports what the forks then have
        except SystemExit:
            pass
    results = [run(*request) for request in requests]
    with open(sys.argv[2], "w") as file:
        json.dump(results, file)

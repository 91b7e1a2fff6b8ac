"""`npcf VERB`: the entry point; the verbs are in `npcf.commands`."""

import argparse
import sys
from collections.abc import Callable, Sequence

from npcf.commands import config, streams
from npcf.commands.parser import Parser
from npcf.commands.signals import INTERRUPTED, as_interrupts
from npcf.commands.wording import told
from npcf.errors import NpcfError, SettingError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; return the exit code.

    0 done, 1 failed, 2 wrong usage, 128 + n ended by signal n (130: Ctrl-C, 143: SIGTERM).
    """
    with streams.prepared() as output, as_interrupts() as signal_code:
        try:
            code = _exit_code(lambda: _run(argv))
        except SystemExit as stop:  # argparse: help was asked for, or the usage is wrong
            raise SystemExit(stop.code or _exit_code(output.finish)) from None
        finished = _exit_code(output.finish)
        return signal_code() if INTERRUPTED in (code, finished) else code or finished


def _run(argv: Sequence[str] | None) -> int:
    parser = _parser()
    args = parser.parse_args(argv)
    files = [path for path in (args.config, args.verb_config) if path is not None]
    if files:
        for path in files:
            config.set_defaults(parser, path)
        args = parser.parse_args(argv)
    return int(args.run(args))


def _exit_code(work: Callable[[], int | None]) -> int:
    """Do `work`; return its exit code, or that of what it raised, told in one line."""
    try:
        return work() or 0
    except NpcfError as error:
        problem, code = told(error), 2 if isinstance(error, SettingError) else 1
    except BrokenPipeError:  # the reader of a pipe has left
        return 0
    except OSError as error:  # a disk that is full, a folder that may not be written
        problem, code = str(error), 1
    except MemoryError as error:
        problem, code = f"not enough memory ({error})", 1
    except KeyboardInterrupt:
        problem, code = "interrupted", INTERRUPTED
    print(f"npcf: {problem}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    # inside, so that Ctrl-C while they load is one line
    from npcf.commands import (
        ask,
        conformance,
        crosscheck,
        data,
        doctor,
        exercise,
        explain,
        predict,
        report,
        sheet,
        train,
    )

    parser = Parser(
        prog="npcf",
        description="Collaborative filtering with every gradient written out by hand.",
        epilog="example: npcf train --epochs 2    (npcf VERB --help shows more)",
    )
    parser.add_argument("--config", metavar="FILE", help="TOML: a table of options for each verb")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for room in (
        train,
        predict,
        ask,
        report,
        explain,
        exercise,
        data,
        conformance,
        crosscheck,
        sheet,
        doctor,
    ):
        room.add(verbs)
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""`npcf VERB`: thin; every line of work is somebody else's."""

import argparse
import os
import sys
import tomllib
from collections.abc import Sequence
from typing import Any

from npcf.commands import VERBS
from npcf.commands.parser import Parser
from npcf.errors import NpcfError, SettingError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; return the exit code: 0 done, 1 failed, 2 wrong usage."""
    try:
        args = _parser().parse_args(_with_config(list(sys.argv[1:] if argv is None else argv)))
        code = int(args.run(args))
        sys.stdout.flush()
        return code
    except NpcfError as error:
        print(f"npcf: {error}", file=sys.stderr)
        return 2 if isinstance(error, SettingError) else 1
    except BrokenPipeError:  # the reader of a pipe has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # a disk that is full, a folder that may not be written
        print(f"npcf: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("npcf: interrupted", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="npcf",
        description="Collaborative filtering with every gradient written out by hand.",
        epilog="example: npcf train --epochs 2    (npcf VERB --help shows more)",
    )
    parser.add_argument("--config", metavar="FILE", help="TOML: a table of options for each verb")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for verb in VERBS:
        verb.add(verbs)
    return parser


def _with_config(argv: list[str]) -> list[str]:
    """Return `argv` with the options of --config FILE behind the verb, where later ones win.

    A file with `[train]` and `lr = 0.01` stands for `npcf train --lr 0.01`.
    """
    if "--config" not in argv[:-1]:
        return argv
    place = argv.index("--config")
    path, rest = argv[place + 1], argv[:place] + argv[place + 2 :]
    names = [verb.__name__.rsplit(".", 1)[-1] for verb in VERBS]
    verb = next((word for word in rest if word in names), None)
    if verb is None:
        return argv
    behind = rest.index(verb) + 1
    return rest[:behind] + _options(_read_config(path).get(verb, {}), verb) + rest[behind:]


def _read_config(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(
            "--config", f"{path} cannot be read ({error})", "Give a TOML file."
        ) from None


def _options(table: Any, verb: str) -> list[str]:
    """Return the words of the command line that a table stands for."""
    if not isinstance(table, dict):
        raise SettingError("--config", f"{verb} is no table", f"Write [{verb}] and options below.")
    words: list[str] = []
    for name, value in table.items():
        option = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(option)
        elif value is not False:
            values = value if isinstance(value, list) else [value]
            words += [option, *map(str, values)]
    return words


if __name__ == "__main__":
    sys.exit(main())

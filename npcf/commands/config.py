"""Options from a TOML file: a table for each verb, `[train]` or `[data.show]`, all validated.

An option has the name that it has on the command line, without the dashes in front; `-` may be
written `_`.  The command line wins.
"""

import argparse
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from npcf.errors import SettingError
from npcf.foreign import shown
from npcf.suggestions import did_you_mean

NOT_OPTIONS = ("-h", "--help", "--config")
WORDS: dict[Any, str] = {int: "a whole number", float: "a number", None: "text"}


def set_defaults(parser: argparse.ArgumentParser, path: str) -> None:
    """Let the options in the file `path` be the defaults of the verbs of `parser`."""
    _set_tables(parser, read(path), path, ())


def read(path: str) -> dict[str, Any]:
    """Return the content of a TOML file, or raise SettingError in one line."""
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except OSError as error:
        problem = f"{path!r} cannot be read ({error.strerror})"
    except RecursionError:
        problem = f"{path} is nested too deeply"
    except ValueError as error:  # not TOML, not UTF-8, a number of 5,000 digits, a NUL in the path
        problem = f"{path!r} cannot be read ({str(error)[:200]})"
    raise SettingError("--config", problem, "Give a TOML file.", value=path)


def values_of(parser: argparse.ArgumentParser, table: Any, where: str) -> dict[str, Any]:
    """Return the values of the options in `table`, by their names in `args`; or raise."""
    values = {}
    for key, value in table.items():
        action = _action(parser, key)
        if action is None:
            names = parser._option_string_actions.keys() - set(NOT_OPTIONS)
            raise _unknown(where, key, "option", (name.lstrip("-") for name in names))
        if action.dest in values:
            problem, cure = f"{where} names {key!r} twice", "Leave one of the two out."
            raise SettingError("--config", problem, cure, value=key)
        values[action.dest] = _converted(action, value, f"{where} {key}")
    return values


def _set_tables(
    parser: argparse.ArgumentParser, tables: Any, path: str, place: tuple[str, ...]
) -> None:
    """Set the defaults of a verb; or go through the tables of verbs, or of a verb's actions."""
    where = f"{path}: [{'.'.join(place)}]" if place else path
    if not isinstance(tables, Mapping):
        name = ".".join(place)
        cure = f"Write [{name}] and options below."
        raise SettingError("--config", f"{path}: {name} is no table", cure, value=tables)
    verbs = next((a for a in parser._actions if isinstance(a, argparse._SubParsersAction)), None)
    if verbs is None:
        parser.set_defaults(**values_of(parser, tables, where))
        return
    for name, table in tables.items():
        if name in verbs.choices:
            _set_tables(verbs.choices[name], table, path, (*place, name))
        elif place and any(_action(action, name) for action in verbs.choices.values()):
            for action in verbs.choices.values():  # [data] to = ... is for those that have --to
                if _action(action, name):
                    action.set_defaults(**values_of(action, {name: table}, where))
        else:
            raise _unknown(where, name, "verb", (".".join((*place, v)) for v in verbs.choices))


def _action(parser: argparse.ArgumentParser, key: str) -> argparse.Action | None:
    """Return the option of `parser` that is called `key` in a file, if there is one."""
    option = f"-{key}" if len(key) == 1 else f"--{key.replace('_', '-')}"
    options = parser._option_string_actions  # argparse has no public way to ask
    return None if option in NOT_OPTIONS else options.get(option)


def _unknown(where: str, name: str, kind: str, known: Iterable[str]) -> SettingError:
    known = sorted(known)
    cure = did_you_mean(name.replace("_", "-"), known) or f"Choose among {', '.join(known)}."
    problem = f"{where}: there is no {kind} {name!r}"
    return SettingError("--config", problem, cure.strip(), value=name)


def _converted(action: argparse.Action, value: Any, where: str) -> Any:
    """Return `value` as the command line would give it."""
    if action.nargs == 0:
        if isinstance(value, bool):
            return value
        raise _wrong(where, value, "true or false")
    if action.nargs in (None, "?"):
        return _one(action, value, where)
    n = action.nargs if isinstance(action.nargs, int) else None
    if not isinstance(value, list) or n not in (None, len(value)):
        raise _wrong(where, value, "a list" if n is None else f"a list of {n}")
    return [_one(action, part, where) for part in value]


def _one(action: argparse.Action, value: Any, where: str) -> Any:
    kind: Any = action.type
    if kind in (int, float):
        right = isinstance(value, int if kind is int else int | float)
        if isinstance(value, bool) or not right:
            raise _wrong(where, value, WORDS[kind])
    elif not isinstance(value, str):
        raise _wrong(where, value, WORDS[None])
    try:
        result = value if kind is None else kind(value)
    except (argparse.ArgumentTypeError, ValueError, TypeError, OverflowError) as error:
        raise _wrong(where, value, f"something else ({error})") from None
    if action.choices is not None and result not in action.choices:
        raise _wrong(where, value, f"one of {', '.join(map(str, action.choices))}")
    return result


def _wrong(where: str, value: Any, wanted: str) -> SettingError:
    problem = f"{where}: {shown(value)} is not {wanted}"
    return SettingError("--config", problem, f"Write {wanted} there.", value=value)

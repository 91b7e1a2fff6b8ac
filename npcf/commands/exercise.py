"""`npcf exercise`: print a task with numbers of its own, or check an answer to it."""

import argparse
import json
from pathlib import Path
from typing import Any

from npcf.commands.common import add_verb, print_json, require_effect
from npcf.commands.reading import standard_input
from npcf.errors import DataError, SettingError, UsageError, require_count

SEED = "Give the one that was printed: --seed N."


def add(verbs: Any) -> None:
    """Declare the verb."""
    example = "npcf exercise mse_backward --seed 7 --answer mine.json"
    parser = add_verb(verbs, "exercise", "exercises in gradients and steps, checked with a "
                      "diagnosis", example, run)  # fmt: skip
    add = parser.add_argument
    add("name", nargs="?", metavar="NAME", help="which (default: list them)")
    add("--seed", type=int, metavar="N", help="the same seed has the same numbers (default: fresh)")
    add("--answer", metavar="FILE", help="check it, and exit with 1 if it is wrong: JSON, numbers, "
        "or a .py with a function of the exercise's name; - reads standard input")  # fmt: skip
    add("--hints", type=int, metavar="N", help="how many of the three to show (default: 1)")


def run(args: argparse.Namespace) -> int:
    """List, print or check."""
    from npcf.teach import exercise, exercises

    has_name = args.name is not None
    require_effect(args, ("seed", "answer", "hints"), has_name, "without the name of an exercise")
    require_effect(args, ("hints",), args.answer is not None, "without --answer")
    if not has_name:
        _print(args, dict(exercises()), exercises())
        return 0
    if args.answer is not None and args.seed is None:
        raise SettingError("--seed", "is needed with --answer", SEED)
    hints = 1 if args.hints is None else require_count("--hints", args.hints, 0, 3)
    task = exercise(args.name, args.seed)
    if args.answer is None:
        _print(args, {"name": task.name, "seed": task.seed, "inputs": task.inputs}, task)
        return 0
    verdict = task.check(_answer(args.answer, args.name))
    shown = [] if verdict else task.hints(hints)
    found = vars(verdict) | {"hint": shown}
    _print(args, found, "\n".join(filter(None, (verdict.message, verdict.suspicion, *shown))))
    return int(not verdict)


def _print(args: argparse.Namespace, found: dict[str, Any], text: Any) -> None:
    if args.json:
        print_json(found)
    else:
        print(text)


def _answer(path: str, name: str) -> Any:
    """Return numbers, or the function of a file of Python."""
    text = standard_input().read().decode() if path == "-" else _text_of(path)
    if path.endswith(".py"):
        return _function(path, text, name)
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return [float(word) for word in text.replace(",", " ").split()]
    except ValueError:
        problem = "is neither JSON nor a list of numbers"
        raise DataError("--answer", problem, "Write [0.5, -1.25], or numbers.") from None


def _text_of(path: str) -> str:
    try:
        return Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problem = f"{path} cannot be read ({getattr(error, 'strerror', None) or 'not UTF-8'})"
        raise DataError("--answer", problem, "Name a file of numbers, or -.") from None


def _function(path: str, text: str, name: str) -> Any:
    """Return the function of the exercise's name that a file of Python defines."""
    from npcf.teach.practice.answers import RAISED

    names: dict[str, Any] = {"__name__": "answer", "__file__": path}
    try:
        exec(compile(text, path, "exec"), names)
    except (*RAISED, SyntaxError) as error:
        problem = f"{path} raised {type(error).__name__}: {error}"
        raise DataError("--answer", problem, "Mend the file first.") from None
    if not callable(names.get(name)):
        raise UsageError("--answer", f"{path} has no function {name}", f"Write def {name}(...).")
    return names[name]

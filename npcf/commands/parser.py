"""An ArgumentParser that says "did you mean" to a verb, an option or a choice it does not know."""

import argparse
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from npcf.suggestions import nearest

NEGATIVE = re.compile(r"-(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$|-(inf|infinity|nan)$", re.IGNORECASE)


class Parser(argparse.ArgumentParser):
    """argparse's, and so are the parsers of its verbs."""

    words: Sequence[str] = ()

    def __init__(self, **options: Any):
        super().__init__(**{"allow_abbrev": False} | options)  # --conf is not --config
        self._negative_number_matcher = NEGATIVE

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse as ever; remember the words, for `error` knows those of its message alone."""
        self.words = sys.argv[1:] if args is None else list(args)
        return super().parse_known_args(args, namespace)

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print the message; argparse's own ignores a full disk."""
        print(message, end="", file=file or sys.stderr)

    def error(self, message: str) -> NoReturn:
        """Print usage, the message and the nearest known word; exit with code 2."""
        super().error(message + self._hint(message))

    def _hint(self, message: str) -> str:
        word, known = "", list[str]()
        if choice := re.search(r"invalid choice: '?(.+?)'? \(choose from (.*)\)$", message):
            word, known = choice[1], re.findall(r"[\w-]+", choice[2])
        elif strange := re.search(r"unrecognized arguments:.*?(?<!\S)(--?[\w-]+)", message):
            word, known = strange[1], self._options()
        found = nearest(word, known) or self._nearest_option()
        if found and found[0] == word:  # an option of the verb
            return f". Write it behind the verb: npcf VERB {word}"
        return f". Did you mean {found[0]}?" if found else ""

    def _nearest_option(self) -> list[str]:
        """Return an option like the first word that is none: it may have led the rest astray."""
        known = self._options()
        names = [word.partition("=")[0] for word in self.words if word.startswith("--")]
        return next((nearest(name, known) for name in names if name not in known), [])

    def _options(self) -> list[str]:
        """Return the options of the verb and of the command itself."""
        return [*self._innermost()._option_string_actions, *self._option_string_actions]

    def _innermost(self) -> argparse.ArgumentParser:
        """Return the parser of the verb that was called."""
        parser: argparse.ArgumentParser = self
        for word in self.words:
            for action in parser._actions:
                if isinstance(action, argparse._SubParsersAction) and word in action.choices:
                    parser = action.choices[word]
                    break
        return parser

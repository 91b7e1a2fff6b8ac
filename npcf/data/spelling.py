"""How options of reading are written where a cure is printed: as Python keywords, or in a shell."""

from typing import Any, NamedTuple

ROLES = ("user", "item", "rating")


class Spelling(NamedTuple):
    """`spelling(ids="text")` is `ids="text"` in Python and `--ids text` in a shell."""

    shell: bool = False
    suffix: str = ""  # of the names of columns, as in from_csv(user_name=...)

    def __call__(self, **options: Any) -> str:
        """Return the options as they are typed."""
        if not self.shell:
            words = [
                f"{name}{self.suffix if name in ROLES else ''}={_python(value)}"
                for name, value in options.items()
            ]
            return ", ".join(words)
        roles = [_role(name, value) for name, value in options.items() if name in ROLES]
        words = [f"--columns {_quoted(','.join(roles))}"] if roles else []
        for name, value in options.items():
            if name not in ROLES:
                words.append(f"--{name.replace('_', '-')}" + _argument(value))
        return " ".join(words)


PYTHON, SHELL = Spelling(), Spelling(shell=True)


def _python(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) and '"' not in value else repr(value)


def _role(role: str, column: Any) -> str:
    """Return `user=NAME` as --columns reads it: a part of a line of csv; digits are a position."""
    if isinstance(column, str) and (column.isdecimal() or column[:1] == column[-1:] == '"'):
        column = f'"{column}"'
    part = f"{role}={column}"
    return '"' + part.replace('"', '""') + '"' if "," in part else part


def _argument(value: Any) -> str:
    if value is True:
        return ""
    text = ",".join(f"{v:g}" for v in value) if isinstance(value, list | tuple) else str(value)
    return f"={text}" if text.startswith("-") else f" {_quoted(text)}"


def _quoted(text: str) -> str:
    plain = all(c.isalnum() or c in "-_=,.:/" for c in text)
    return text if plain else "'" + text.replace("'", "'\\''") + "'"

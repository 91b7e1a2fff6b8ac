"""What a question is asked with, and what it answers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from compare.bench.measuring import ROUNDS
from compare.bench.rows import Row


class Options(NamedTuple):
    """`small`: everything in seconds, for tests; figures that mean nothing and are not kept."""

    rounds: int = ROUNDS
    small: bool = False


class Answer(NamedTuple):
    """Rows of the table, other figures worth keeping, and how to draw the picture into a file."""

    rows: list[Row]
    more: dict[str, Any]
    draw: Callable[[Path], None] | None = None

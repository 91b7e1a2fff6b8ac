"""Reads `survivors.md`: which changes no test can notice, or need not, and why.

A heading names a file; under it, a block of `diff` gives a line and what cosmic-ray makes of it
(several lines with + are several changes of the one line above them), and the text after the block
is the reason.
"""

import re
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).with_name("survivors.md")


class Explained(NamedTuple):
    """One change and the reason why it may survive."""

    module: str  # npcf/optim/adam.py
    line: str  # as it stands, stripped
    becomes: str  # "" where the line is taken away
    reason: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What a survivor is recognised by."""
        return self.module, self.line, self.becomes


def explained(text: str | None = None) -> list[Explained]:
    """Return every change that survivors.md explains."""
    found = []
    sections = re.split(r"^## `(.+)`$", FILE.read_text() if text is None else text, flags=re.M)
    for module, section in zip(sections[1::2], sections[2::2], strict=True):
        for block, reason in re.findall(
            r"^```diff\n(.*?)^```\n+(.*?)(?=^```|\Z)", section, re.S | re.M
        ):
            found += [Explained(module, *pair, " ".join(reason.split())) for pair in pairs(block)]
    return found


def pairs(diff: str) -> list[tuple[str, str]]:
    """Return (line, what it becomes) for each change in the text of a diff."""
    found: list[tuple[str, str]] = []
    for text in diff.splitlines():
        sign, line = text[:1], text[1:].strip()
        if sign == "-" and line and text[:3] != "---":
            found.append((line, ""))
        elif sign == "+" and line and text[:3] != "+++":
            last, becomes = found.pop()
            found += [(last, line)] if not becomes else [(last, becomes), (last, line)]
    return found

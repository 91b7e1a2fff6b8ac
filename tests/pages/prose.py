"""No number of a page is typed by hand: a lint of the sources' prose.

In a Markdown cell a digit may stand only

- in a quotation (a block that begins with >): numbers of a source are the source's;
- as a year, or behind a word that counts places in a text (chapter, lesson, page, ...);
- in a name (float32, ML-100k, PyTorch 2);
- in a link's target;
- in a formula between dollars: 0, 1 and 2, the numbers of its structure;
- in `code`, or behind a word that counts what the code has (user, row, id, ...), where the same
  number stands in one of the page's code cells: a size, a setting, a place.

Everything else comes from a cell that computes it.
"""

import io
import re
import tokenize
from collections.abc import Iterator

NAMES = (
    "float32",
    "float64",
    "int64",
    "int32",
    "ML-100k",
    "PyTorch 2",
    "Python 3",
    "UTF-8",
    "Latin-1",
)
PLACES = "post|posts|chapter|lesson|page|pages|question|section|part|equation"
COUNTED = r"(?i:\b(?:users?|items?|films?|movies?|ratings?|rows?|ids?|factors?|epochs?) \d+\b)"
ALLOWED = [
    r"^>.*$",  # a quotation's line
    r"\]\([^)]*\)",  # a link's target
    r"https?://\S+",
    r"\b(?:19|20)\d\d\b",
    rf"(?i:\b(?:{PLACES}) \d+\b)",
    *map(re.escape, NAMES),
]
STRUCTURE = re.compile(r"(?<![\d.])[012](?![\d.])")


def typed_digits(source: str) -> Iterator[tuple[int, str]]:
    """Yield (line, its text) of every line of prose in a percent script with a number typed."""
    prose, code = split(source)
    known = numbers_of("\n".join(code.values()))
    text = "\n".join(prose.values())
    text = _blank(r"\$\$.*?\$\$|\$[^$]*\$", text, lambda m: STRUCTURE.sub(" ", m))
    for place in (r"`[^`]*`", COUNTED):
        text = _blank(place, text, lambda m: re.sub(r"\d[\d_.]*", lambda n: _known(n, known), m))
    for allowed in ALLOWED:
        text = _blank(allowed, text, lambda m: re.sub(r"\d", " ", m))
    for number, left in zip(prose, text.split("\n"), strict=True):
        if re.search(r"\d", left):
            yield number, prose[number].strip()


def split(source: str) -> tuple[dict[int, str], dict[int, str]]:
    """Return the lines of prose and of code, by their numbers, without the script's header."""
    prose, code = {}, {}
    inside = None  # the header
    for number, line in enumerate(source.splitlines(), start=1):
        if line.startswith("# %%"):
            inside = prose if "[markdown]" in line else code
        elif inside is prose:
            prose[number] = line.removeprefix("#").removeprefix(" ")
        elif inside is code:
            code[number] = line
    return prose, code


def numbers_of(code: str) -> set[str]:
    """Return the numbers that stand in code as such."""
    code = re.sub(r"^[%!].*$", "", code, flags=re.MULTILINE)
    tokens = tokenize.generate_tokens(io.StringIO(code).readline)
    return {token.string for token in tokens if token.type == tokenize.NUMBER}


def _known(found: re.Match[str], known: set[str]) -> str:
    return " " if found[0].rstrip(".") in known else found[0]


def _blank(pattern: str, text: str, change) -> str:
    flags = re.MULTILINE | (re.DOTALL if pattern.startswith((r"\$", "`")) else 0)
    return re.sub(pattern, lambda found: change(found[0]), text, flags=flags)

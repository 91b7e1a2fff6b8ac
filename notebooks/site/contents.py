"""The table of contents: `index.rst` orders pages; one that it does not name follows its first list."""

import re
from pathlib import Path

NOTEBOOKS = Path(__file__).parents[1]


def setup(app):
    app.connect("source-read", complete)


def complete(app, name, source):
    if name == "index":
        source[0] = completed(source[0], [path.stem for path in NOTEBOOKS.glob("*.md")])


def completed(index, pages):
    """Return the index with every page in one of its lists."""
    unnamed = sorted(set(pages) - set(named(index)))
    first = re.search(r"(\.\. toctree::\n(?:   .+\n|\n)*?(?:   [\w/]+\n)+)", index)
    lines = "".join(f"   {page}\n" for page in unnamed)
    return index[: first.end()] + lines + index[first.end() :]


def named(index):
    """Return the pages that the index names."""
    return re.findall(r"^   ([\w/]+)$", index, re.MULTILINE)

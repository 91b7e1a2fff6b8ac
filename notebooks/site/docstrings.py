"""Docstrings as reStructuredText: they are plain text with formulas, written to be read in an editor.

What stands indented is a formula or code; `*`, `|` and a trailing `_` are meant as they stand; and
an entry "name : what it is" of a section describes the name, or gives its type and describes it below.
"""

import re

SECTIONS = ("Parameters", "Returns", "Raises", "Attributes", "Yields", "Other Parameters", "Notes",
            "Examples", "See Also", "References", "Warns")  # fmt: skip
ENTRIES = ("Parameters", "Attributes", "Other Parameters")
CODE = re.compile(r"(`[^`]*`|(?<![\w*])\*\w+\*(?![\w*]))")  # and one *word* that is stressed
FIELD = "Alias for field number"


def setup(app):
    app.connect("autodoc-process-docstring", process, priority=400)  # before napoleon
    app.connect("autodoc-skip-member", skip)


def skip(app, what, name, obj, skipped, options):
    """Leave out fields of named tuples that say nothing, and what is of other libraries."""
    foreign = not (getattr(obj, "__module__", None) or "npcf").startswith("npcf")
    said = getattr(obj, "__doc__", None) or ""
    return True if foreign or said.startswith(FIELD) else None


def process(app, what, name, obj, options, lines):
    lines[:] = restructured([line.expandtabs().rstrip() for line in lines])


def restructured(lines):
    """Return the lines of a docstring as reStructuredText with numpydoc's sections."""
    made, section, i = [], None, 0
    while i < len(lines):
        line = lines[i]
        if i + 1 < len(lines) and line.strip() in SECTIONS and set(lines[i + 1]) == {"-"}:
            section = line.strip()
            made += [line, lines[i + 1]]
            i += 2
            continue
        if line[:1] == " " and section is None:
            block = _indented(lines, i)
            made += ([] if made and not made[-1] else [""]) + ["::", "", *block, ""]
            i += len(block)
            continue
        if section in ENTRIES and line and line[0] != " ":
            block = _indented(lines, i + 1)
            made += _entry(line, [text.strip() for text in block])
            i += 1 + len(block)
            continue
        made.append(_plain(line))
        i += 1
    return made


def _indented(lines, start):
    """Return the indented lines from `start` on, blank lines inside them too."""
    end = start
    while end < len(lines) and (lines[end][:1] == " " or not lines[end]):
        end += 1
    while end > start and not lines[end - 1]:
        end -= 1
    return lines[start:end]


def _entry(line, rest):
    name, colon, said = line.partition(" : ")
    if not colon:
        return [_plain(line), *(f"    {_plain(text)}" for text in rest)]
    typed = rest and rest[0][:1].isupper() and said[-1:] not in ",;:."
    if not typed:
        said, rest = "", [said, *rest]
    head = f"{name} : {said}" if said else name
    return [_plain(head), *(f"    {_plain(text)}" for text in rest)]


def _plain(text):
    """Return text in which only backticks and stressed words mean something."""
    parts = CODE.split(text)
    for i in range(0, len(parts), 2):
        parts[i] = re.sub(r"([*|])|(?<=\w)_(?!\w)", lambda m: "\\" + m[0], parts[i])
    return "".join(parts)

"""A page: a jupytext percent script, executed, as Markdown with its pictures beside it.

`notebooks/NAME.py` is written; `NAME.md` and `pictures/NAME-1.svg` beside it are made from it.
The first line of the Markdown holds two digests: of the source it was made from, and of the page,
so that a source changed since, and a page changed by hand, are noticed without running anything.
"""

import hashlib
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

from tests.pages import pictures

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
WITHOUT_PAGE = {"proven"}  # its last digits are its subject: run by the tests, shown by nobody
PREPARE = "from tests.pages.kernel import prepare\nprepare()"
HEAD = re.compile(r"<!-- made from ([\w.]+) by make notebooks: source (\w+), page (\w+) -->\n")
SHOWN = ["text/markdown", "image/svg+xml", "text/plain"]
SECONDS = 600  # of a cell


class Page(NamedTuple):
    """Markdown, and its pictures by their paths from notebooks/."""

    text: str
    pictures: dict[str, str]


def sources() -> list[Path]:
    """Return the sources of all pages."""
    return sorted(path for path in NOTEBOOKS.glob("*.py") if path.stem not in WITHOUT_PAGE)


def execute(source: Path, *, movielens: bool = False) -> Page:
    """Run a source in a kernel of its own, on planted data unless `movielens`; return its page."""
    import jupytext
    import nbformat
    from nbclient import NotebookClient

    notebook = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent")
    notebook.cells.insert(0, nbformat.v4.new_code_cell(PREPARE))
    env = {name: value for name, value in os.environ.items() if movielens or name != "NPCF_DATA"}
    client = NotebookClient(
        notebook, timeout=SECONDS, coalesce_streams=True, extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(NOTEBOOKS)}},
    )  # fmt: skip
    client.execute(env=env | {"PYTHONPATH": str(ROOT)})
    del notebook.cells[0]
    require_silence(source.name, notebook)
    return markdown(source.stem, notebook)


def require_silence(name: str, notebook: Any) -> None:
    """A warning holds paths and lines of one installation: a page has none."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if output.get("name") == "stderr":
                raise ValueError(f"{name} writes to stderr: {output['text']}")


def markdown(name: str, notebook: Any) -> Page:
    """Return an executed notebook as Markdown; cells tagged `prose` show their result only."""
    from nbconvert import MarkdownExporter
    from traitlets.config import Config

    config = Config()
    config.NbConvertBase.display_data_priority = SHOWN
    config.TagRemovePreprocessor.enabled = True
    config.TagRemovePreprocessor.remove_input_tags = {"prose"}
    text, resources = MarkdownExporter(config=config).from_notebook_node(notebook)
    found = {}
    for number, (path, picture) in enumerate(resources["outputs"].items(), start=1):
        svg, place = picture.decode(), f"pictures/{name}-{number}.svg"
        text = re.sub(rf"!\[\w*\]\({re.escape(path)}\)",
                      lambda _, svg=svg, place=place: f"![{pictures.title_of(svg)}]({place})",
                      text)  # fmt: skip
        found[place] = svg
    text = re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)
    fences = re.split(r"(^```python\n.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    fences[::2] = (re.sub(r"\n{3,}", "\n\n", between) for between in fences[::2])  # not in code
    return Page("".join(fences).strip() + "\n", found)


def write(source: Path, page: Page, folder: Path = NOTEBOOKS) -> None:
    """Store a page with its digests, and its pictures; remove pictures that it no longer has."""
    for old in (folder / "pictures").glob(f"{source.stem}-*.svg"):
        if f"pictures/{old.name}" not in page.pictures:
            old.unlink()
    for place, svg in page.pictures.items():
        path = folder / place
        path.parent.mkdir(exist_ok=True)
        kept = path.read_text(encoding="utf-8") if path.exists() else ""
        if pictures.difference(svg, kept) is not None:  # no commit for what nobody sees
            path.write_text(svg, encoding="utf-8", newline="\n")
    head = f"<!-- made from {source.name} by make notebooks: source "
    head += f"{digest(source.read_text(encoding='utf-8'))}, page {digest(page.text)} -->\n"
    path = folder / f"{source.stem}.md"
    path.write_text(head + page.text, encoding="utf-8", newline="\n")


def stored(source: Path, folder: Path = NOTEBOOKS) -> Page | None:
    """Return the page beside a source as it is stored, None if there is none."""
    path = folder / f"{source.stem}.md"
    if not path.exists():
        return None
    text = HEAD.sub("", path.read_text(encoding="utf-8"), count=1)
    places = re.findall(rf"\]\((pictures/{source.stem}-\d+\.svg)\)", text)
    found = {place: folder / place for place in places}
    return Page(text, {place: path.read_text(encoding="utf-8") if path.exists() else ""
                       for place, path in found.items()})  # fmt: skip


def stale(source: Path, folder: Path = NOTEBOOKS) -> str | None:
    """Return why a stored page is not what its source made, as far as that can be seen unrun."""
    page, cure = stored(source, folder), f"make notebooks WRITE=1 PAGES={source.stem}"
    if page is None:
        return f"{source.name} has no page: {cure}"
    head = HEAD.match((folder / f"{source.stem}.md").read_text(encoding="utf-8"))
    if head is None or head[1] != source.name:
        return f"{source.stem}.md does not say what it was made from: {cure}"
    if head[2] != digest(source.read_text(encoding="utf-8")):
        return f"{source.name} has changed since its page was made: {cure}"
    if head[3] != digest(page.text):
        return f"{source.stem}.md was changed by hand; change {source.name}: {cure}"
    for place, svg in page.pictures.items():
        if not pictures.plotted_in(svg):
            return f"{place} is missing, or holds no data: {cure}"
    return None


def changes(now: Page, before: Page) -> list[str]:
    """Return what a run says differently from the stored page: texts, numbers, plotted data."""
    found = []
    ours, theirs = now.text.splitlines(), before.text.splitlines()
    if ours != theirs:
        length = max(len(ours), len(theirs))
        ours, theirs = (lines + [""] * (length - len(lines)) for lines in (ours, theirs))
        line = next(n for n in range(length) if ours[n] != theirs[n])
        found.append(f"line {line + 1} is now {ours[line]!r}, was {theirs[line]!r}")
    if now.pictures.keys() == before.pictures.keys():
        for place, svg in now.pictures.items():
            seen = pictures.difference(svg, before.pictures[place])
            found += [f"{place}: {seen}"] if seen else []
    return found


def digest(text: str) -> str:
    """Return twelve digits that are others for another text."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]

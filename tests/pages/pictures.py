"""Pictures of the pages: SVG that holds what is plotted, so that two are compared by their data.

Fonts and the last bits of numbers differ from machine to machine, the bytes of a picture with them.
So each picture carries, as JSON in its metadata, all texts and, for every curve, point, bar and
cell, where it stands: as a share of its axes' width and height, with the limits of the axes.
"""

import html
import io
import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

WIDTH = 7.2  # inches of the widest picture
PIXELS = round(WIDTH * 72)  # its width in the SVG's units
LEVELS = 256  # of a colour
STYLE = {
    "figure.figsize": (WIDTH, 2.6), "figure.constrained_layout.use": True, "svg.hashsalt": "npcf",
    "axes.titlesize": 10, "axes.titlelocation": "left", "axes.labelsize": 9,
    "axes.spines.top": False, "axes.spines.right": False, "xtick.labelsize": 8,
    "ytick.labelsize": 8, "legend.fontsize": 8, "legend.frameon": False, "image.cmap": "Blues",
    "axes.prop_cycle": "cycler('color', ['1f6f8b', 'c8692c', '8d8778', '6a4c93', '2f7d4f'])",
}  # fmt: skip
DATA = re.compile(r'<metadata id="plotted">(.*?)</metadata>', re.DOTALL)
TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)


def svg_of(figure: Any) -> str:
    """Return a figure as SVG with its title and what is plotted."""
    figure.canvas.draw()
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    svg = re.sub(r"[ \t]+$", "", stream.getvalue(), flags=re.MULTILINE)
    plotted = [_axes(axes) for axes in figure.axes]
    titles = [figure.get_suptitle(), *(one["texts"][0] for one in plotted)]
    title = ", ".join(filter(None, titles)) or "a picture"
    head = f"<title>{html.escape(title)}</title>\n"
    head += f'<metadata id="plotted">{html.escape(json.dumps(plotted), quote=False)}</metadata>\n'
    return re.sub(r"(<svg\b[^>]*>\n?)", lambda tag: tag[0] + head, svg, count=1)


def title_of(svg: str) -> str:
    """Return what a picture shows, in words."""
    return html.unescape(TITLE.search(svg)[1])


def plotted_in(svg: str) -> list[dict[str, Any]]:
    """Return what a picture says of its axes, one by one; an empty list if it says nothing."""
    found = DATA.search(svg)
    return json.loads(html.unescape(found[1])) if found else []


def difference(now: str, before: str) -> str | None:
    """Return what differs visibly between two pictures, None if nothing does.

    Texts must be equal; a place may differ by less than a pixel, a colour by less than a level.
    """
    ours, theirs = plotted_in(now), plotted_in(before)
    if not theirs or len(ours) != len(theirs):
        return f"{len(ours)} axes with data, not {len(theirs)}"
    for number, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        where = f"axes {number} ({a['texts'][0] or a['texts'][1]})"
        if a["texts"] != b["texts"]:
            return f"{where}: texts {a['texts']}, not {b['texts']}"
        if [part["kind"] for part in a["parts"]] != [part["kind"] for part in b["parts"]]:
            return f"{where}: other kinds of parts"
        spans = np.ptp(b["limits"], axis=1)[:, None]
        if not _near(a["limits"] / spans, b["limits"] / spans, PIXELS):
            return f"{where}: limits {a['limits']}, not {b['limits']}"
        for x, y in zip(a["parts"], b["parts"], strict=True):
            if not _near(x["at"], y["at"], LEVELS if x["kind"] == "image" else PIXELS):
                return f"{where}: a {x['kind']} lies elsewhere"
    return None


def _near(a: Any, b: Any, steps: int) -> bool:
    """Whether no number of a lies a step of 1 / steps from its partner in b."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    return a.shape == b.shape and not (np.abs(a - b) * steps >= 1).any()


def _axes(axes: Any) -> dict[str, Any]:
    texts = [axes.get_title("left") or axes.get_title("center"), axes.get_xlabel(),
             axes.get_ylabel()]  # fmt: skip
    for axis in (axes.xaxis, axes.yaxis):
        texts += [label.get_text() for label in axis.get_ticklabels() if label.get_visible()]
    legend = axes.get_legend()
    texts += [text.get_text() for text in legend.get_texts()] if legend else []
    limits = np.array([axes.get_xlim(), axes.get_ylim()])
    parts = [{"kind": kind, "at": np.round(at, 4).tolist()} for kind, at in _parts(axes)]
    texts += [text.get_text() for text in axes.texts]
    return {"texts": texts, "limits": limits.tolist(), "parts": parts}


def _parts(axes: Any) -> Iterator[tuple[str, Any]]:
    """Yield (kind, numbers in [0, 1] where they are visible) of everything plotted in the axes."""
    from matplotlib.collections import PathCollection

    def place(points: Any, transform: Any) -> Any:
        return axes.transAxes.inverted().transform(transform.transform(np.reshape(points, (-1, 2))))

    for line in axes.lines:
        yield "line", place(line.get_xydata(), line.get_transform())
    for patch in axes.patches:
        yield "patch", place(patch.get_path().vertices, patch.get_transform())
    for text in axes.texts:
        yield "text", place(text.xy if hasattr(text, "xy") else text.get_position(),
                            axes.transData)  # fmt: skip
    for group in axes.collections:
        if isinstance(group, PathCollection):  # of scatter: one path, many places
            yield "points", place(group.get_offsets(), group.get_offset_transform())
        for path in () if isinstance(group, PathCollection) else group.get_paths():
            yield "path", place(path.vertices, group.get_transform())
        if group.get_array() is not None:
            yield "image", group.norm(np.ma.filled(group.get_array(), 0)).ravel()
    for image in axes.images:
        yield "image", np.asarray(image.norm(np.ma.filled(image.get_array(), 0)), float).ravel()

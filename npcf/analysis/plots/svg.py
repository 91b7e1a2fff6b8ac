"""A picture as SVG that stands in a page of HTML: its text is text, its colours are the page's."""

import io
import re
import warnings
from collections.abc import Callable
from html import escape
from typing import Any

from npcf.analysis.plots.axes import BLUE, GREEN, GREY, VERMILION, pyplot

INK, LINE = "#010203", "#0a0b0c"  # stand for the page's colours until the picture is drawn
COLOURS = {
    INK: "--ink", "#000000": "--ink", LINE: "--quiet", BLUE: "--blue", VERMILION: "--vermilion",
    GREEN: "--green", GREY: "--quiet",
}  # fmt: skip
STYLE = {
    "svg.fonttype": "none", "font.family": ["DejaVu Sans"], "text.color": INK,
    "axes.labelcolor": INK, "axes.edgecolor": LINE, "patch.edgecolor": INK,
    "xtick.color": LINE, "ytick.color": LINE, "xtick.labelcolor": INK, "ytick.labelcolor": INK,
    "axes.titlelocation": "left", "axes.titlesize": 11, "axes.labelsize": 10,
    "xtick.labelsize": 9, "ytick.labelsize": 9, "legend.fontsize": 9,
}  # fmt: skip


def svg_of(draw: Callable[[Any], Any], size: tuple[float, float], name: str) -> str:
    """Return the picture that draw(ax) draws, `size` inches large, as an <svg> element.

    `name` is what it shows, for those who do not see it, and keeps its ids apart from those of
    other pictures on the page.  Colours become var(--ink), var(--blue), and so on.
    """
    library = pyplot().matplotlib
    from matplotlib.figure import Figure

    stream = io.StringIO()
    with library.rc_context(STYLE | {"svg.hashsalt": name}), warnings.catch_warnings():
        # a reader's browser has other fonts, and letters that the one for measuring lacks
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.subplots())
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    return _for_a_page(stream.getvalue(), name)


def _for_a_page(svg: str, name: str) -> str:
    """Return the element alone, without what a file needs; no address is left in it."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>\s*", "", body, flags=re.DOTALL)
    body = re.sub(r"<g id=\"[^\"]*\"", "<g", body)  # figure_1, axes_1: every picture has them
    body = body.replace("xlink:href=", "href=")
    box = re.search(r'viewBox="[^"]*"', body)
    head = f'<svg {box[0] if box else ""} role="img" aria-label="{escape(name)}">'
    body = re.sub(r"^<svg[^>]*>", lambda _: head, body, count=1)
    for colour, variable in COLOURS.items():
        body = body.replace(colour, f"var({variable})")
    return body.strip()

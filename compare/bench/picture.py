"""Pictures of times: bars for contestants, lines for growth; logarithmic, SVG.

The same figures give the same file: no date, no random names in it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from compare.bench.measuring import OURS, Times

BLUE, GREY = "#1f6f8b", "#b9b4a7"


def bars(path: Path, title: str, times: Mapping[str, Times], unit: str) -> None:
    """Draw a bar for each contestant, slowest first, with the spread of its rounds."""
    names = sorted(times, key=lambda name: -times[name].median)
    middles = [times[name].median for name in names]
    spreads = [times[name].spread for name in names]
    errors = [
        [middle - low for middle, (low, _) in zip(middles, spreads, strict=True)],
        [high - middle for middle, (_, high) in zip(middles, spreads, strict=True)],
    ]
    colours = [BLUE if name.startswith(OURS) else GREY for name in names]
    figure, axes = axes_of(title, height=0.6 + 0.34 * len(names))
    axes.barh(names, middles, xerr=errors, color=colours, ecolor="#555", height=0.7)
    for row, middle in enumerate(middles):
        axes.annotate(f" {middle:,.4g}", (spreads[row][1], row), va="center", fontsize=8)
    axes.set_xscale("log")
    axes.set_xlim(min(middles) / 3, 4 * max(high for _, high in spreads))
    axes.set_xlabel(unit)
    axes.invert_yaxis()
    save(figure, path)


def lines(
    path: Path, title: str, series: Mapping[str, Mapping[float, Times]], labels: tuple[str, str]
) -> None:
    """Draw a line for each contestant over sizes, with the spread of its rounds."""
    figure, axes = axes_of(title, height=3.4)
    for name, points in series.items():
        sizes = sorted(points)
        colour = BLUE if name.startswith(OURS) else None
        lows, highs = zip(*(points[size].spread for size in sizes), strict=True)
        axes.plot(sizes, [points[size].median for size in sizes], "o-", label=name, color=colour)
        axes.fill_between(sizes, lows, highs, alpha=0.2, color=colour)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
    axes.legend(frameon=False, fontsize=8)
    save(figure, path)


def axes_of(title: str, height: float, columns: int = 1) -> tuple[Any, Any]:
    """Return a figure and its axes, or an array of them, in one style."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "npcf"
    from matplotlib import pyplot

    matplotlib.rcParams.update({"axes.titlesize": 10, "axes.labelsize": 9})
    figure, axes = pyplot.subplots(1, columns, figsize=(7.2, height), layout="constrained")
    for one in np.atleast_1d(axes):
        one.set_title(title, loc="left")
        one.spines[["top", "right"]].set_visible(False)
        one.tick_params(labelsize=8)
    return figure, axes


def save(figure: Any, path: Path) -> None:
    """Write a figure: the same bytes for the same figures."""
    from matplotlib import pyplot

    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    pyplot.close(figure)

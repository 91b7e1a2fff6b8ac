"""Labels beside points that cover neither each other nor a point.

Greedy: one label after another takes the first free place on rings around its point, the nearest
ring first.  Far from its point it has a line to it, and lines cross no label.
"""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from npcf._types import FloatArray

RINGS = (4, 9, 16, 25, 36, 50, 66, 84, 106, 132)  # pixels between a point and its label
ANGLES = np.arange(16) * np.pi / 8
NEAR = 10  # pixels at which a label needs no line
DOT = 4  # pixels around a point that stay free
LONGEST = 32  # characters
YEAR = re.compile(r" \(\d{4}\)$")  # of a film's title


class Box(NamedTuple):
    """A rectangle, in pixels."""

    left: float
    bottom: float
    right: float
    top: float

    def meets(self, other: "Box") -> bool:
        """Whether the two have a point in common inside."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.bottom < other.top
            and other.bottom < self.top
        )

    def nearest(self, x: float, y: float) -> tuple[float, float]:
        """Return the point of the box next to (x, y)."""
        return min(max(x, self.left), self.right), min(max(y, self.bottom), self.top)

    def is_crossed(self, a: tuple[float, float], b: tuple[float, float]) -> bool:
        """Whether the line from a to b goes through the inside."""
        first, last = (
            0.0,
            1.0,
        )  # the part of the line that is inside, seen along one axis, then both
        sides = ((self.left, self.right), (self.bottom, self.top))
        for (low, high), start, end in zip(sides, a, b, strict=True):
            if start == end:
                if not low < start < high:
                    return False
                continue
            entry, leaving = sorted(((low - start) / (end - start), (high - start) / (end - start)))
            first, last = max(first, entry), min(last, leaving)
        return first < last


class Placed(NamedTuple):
    """Where a label stands, and the line to its point where it stands far from it."""

    box: Box
    line: tuple[tuple[float, float], tuple[float, float]] | None


def place_labels(
    points: FloatArray, sizes: FloatArray, area: Box, dots: FloatArray | None = None
) -> list[Placed | None]:
    """Return a place for the label of each of `points` (n, 2), None where there is none left.

    Parameters
    ----------
    sizes : (n, 2) width and height of each label
    area : which no label leaves
    dots : (m, 2) points that are drawn, if not `points` alone: no label covers one
    """
    drawn = points if dots is None else dots
    taken = [Box(x - DOT, y - DOT, x + DOT, y + DOT) for x, y in drawn.tolist()]
    placed: list[Placed | None] = []
    labels: list[Box] = []
    lines: list[tuple[Any, Any]] = []
    for point, size in zip(points.tolist(), sizes.tolist(), strict=True):
        found = _free_place(point, size, area, taken, labels, lines)
        placed.append(found)
        if found is not None:
            taken.append(found.box)
            labels.append(found.box)
            lines += [] if found.line is None else [found.line]
    return placed


def _free_place(
    point: Any, size: Any, area: Box, taken: list[Box], labels: list[Box], lines: list[Any]
) -> Placed | None:
    x, y = point
    width, height = size
    for ring in RINGS:
        for dx, dy in zip(np.cos(ANGLES).tolist(), np.sin(ANGLES).tolist(), strict=True):
            # the middle of the label, so that it touches the ring from outside
            cx, cy = x + dx * (ring + width / 2), y + dy * (ring + height / 2)
            box = Box(cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2)
            inside = area.left <= box.left and box.right <= area.right
            inside = inside and area.bottom <= box.bottom and box.top <= area.top
            if not inside or any(map(box.meets, taken)):
                continue
            if any(box.is_crossed(a, b) for a, b in lines):
                continue
            end = box.nearest(x, y)
            line = None if np.hypot(end[0] - x, end[1] - y) <= NEAR else ((x, y), end)
            if line is None or not any(label.is_crossed(*line) for label in labels):
                return Placed(box, line)
    return None


def draw_labels(ax: Any, x: Any, y: Any, texts: Iterable[str], dots: Any = None) -> int:
    """Write a label beside each point (x, y) of `ax` where there is room; return how many.

    The limits of the axes are to be set already: labels are placed in the picture as it is now.
    """
    figure = ax.get_figure()
    figure.draw_without_rendering()  # lays the axes out
    made = [ax.annotate(shortened(text), (a, b), fontsize=7, parse_math=False)
            for text, a, b in zip(texts, x, y, strict=True)]  # fmt: skip
    extents = [label.get_window_extent() for label in made]
    sizes = np.array([(e.width + 2, e.height) for e in extents]).reshape(-1, 2)
    drawn = np.column_stack([x, y]) if dots is None else np.asarray(dots)
    # to tenths of a pixel: last bits, which differ between processors, are to move no label
    points = ax.transData.transform(np.column_stack([x, y])).round(1)
    area = Box(*(float(end) for end in ax.bbox.extents))
    places = place_labels(points, sizes.round(1), area, ax.transData.transform(drawn).round(1))
    scale = 72 / figure.dpi  # points a pixel
    for label, place, point in zip(made, places, points, strict=True):
        if place is None:
            label.remove()
            continue
        corner = (np.array([place.box.left + 1, place.box.bottom]) - point) * scale
        label.set(anncoords="offset points", in_layout=False, va="bottom")
        label.set_position(tuple(corner))
        if place.line is not None:
            end = (np.array(place.line[1]) - point) * scale
            line = ax.annotate("", label.xy, end, textcoords="offset points",
                               arrowprops={"arrowstyle": "-", "linewidth": 0.5, "alpha": 0.6,
                                           "shrinkA": 0, "shrinkB": 2})  # fmt: skip
            line.set_in_layout(False)
    return sum(place is not None for place in places)


def shortened(text: str) -> str:
    """Return a label on one line, of at most LONGEST characters; the year goes first."""
    text = " ".join(str(text).split())
    if len(text) > LONGEST:
        text = YEAR.sub("", text)
    return text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip() + "…"

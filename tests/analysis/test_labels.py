"""Labels cover neither each other, nor a point, nor leave the picture; no line crosses one."""

import itertools

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from npcf.analysis.plots.labels import DOT, LONGEST, Box, draw_labels, place_labels, shortened
from npcf.verify import assert_within
from npcf.verify.precision import DOUBLE

AREA = Box(0, 0, 300, 200)
CROWD = np.array([[103.0, 92], [112, 104], [101, 93], [117, 101], [100, 98], [119, 92]])
points = arrays(np.float64, st.tuples(st.integers(1, 12), st.just(2)),
                elements=st.integers(10, 190).map(float))  # fmt: skip


def shared(one, other):
    """Return the area that two boxes have in common."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.top, other.top) - max(one.bottom, other.bottom)
    return max(width, 0) * max(height, 0)


@given(at=points, width=st.integers(5, 90))
@example(at=CROWD, width=41)  # where a later label would stand on an earlier one's line
def test_no_label_covers_another_or_a_point_or_leaves_the_area(at, width):
    """Points may coincide; a label with no room has no place, and the others do not mind."""
    sizes = np.tile([float(width), 9.0], (len(at), 1))
    placed = place_labels(at, sizes, AREA)
    boxes = [place.box for place in placed if place is not None]
    for box in boxes:
        assert AREA.left <= box.left and box.right <= AREA.right
        assert AREA.bottom <= box.bottom and box.top <= AREA.top
        for x, y in at.tolist():
            assert not shared(box, Box(x - DOT, y - DOT, x + DOT, y + DOT))
    for one, other in itertools.combinations(boxes, 2):
        assert not shared(one, other)
    lines = [place.line for place in placed if place is not None and place.line is not None]
    for (start, end), box in itertools.product(lines, boxes):
        along = np.linspace(start, end, 257)
        inside = (along > [box.left, box.bottom]) & (along < [box.right, box.top])
        assert not inside.all(axis=1).any()
    for point, place, size in zip(at.tolist(), placed, sizes.tolist(), strict=True):
        if place is not None:
            width, height = place.box.right - place.box.left, place.box.top - place.box.bottom
            # the middle and the sides are rounded, each of them less than twice the area
            assert_within([width, height], size, 16 * AREA.right * DOUBLE.u)
            assert place.line is None or place.line[0] == tuple(point)


def test_a_point_alone_has_its_label_at_its_right_and_no_line():
    place = place_labels(np.array([[50.0, 60.0]]), np.array([[40.0, 10.0]]), AREA)[0]
    assert place.box == Box(54, 55, 94, 65) and place.line is None


def test_where_there_is_no_room_there_is_no_label():
    at = np.array([[50.0, 60.0]])
    assert place_labels(at, np.array([[301.0, 10.0]]), AREA) == [None]
    assert place_labels(at, np.zeros((1, 2)) + 10, Box(0, 0, 55, 65), at) != [None]


@pytest.mark.parametrize(
    ("title", "label"),
    [
        ("Fargo (1996)", "Fargo (1996)"),
        ("a\nb\t c", "a b c"),
        ("E.T. the Extra-Terrestrial (1982)", "E.T. the Extra-Terrestrial"),
        ("Once upon a time in the west of them (1968)", "Once upon a time in the west of…"),
    ],
)
def test_a_long_title_loses_its_year_first(title, label):
    assert shortened(title) == label and len(label) <= LONGEST


def test_drawn_labels_do_not_overlap_as_they_are_drawn():
    """Measured after drawing, in a figure of a given size; dollars are no formula."""
    figure_class = pytest.importorskip("matplotlib.figure").Figure
    agg = pytest.importorskip("matplotlib.backends.backend_agg")
    figure = figure_class(figsize=(6, 5), layout="constrained")
    agg.FigureCanvasAgg(figure)
    ax = figure.subplots()
    x, y = np.random.default_rng(0).normal(size=(2, 40))
    ax.plot(x, y, "o", markersize=3)
    n = draw_labels(ax, x, y, [f"Item of ${i}$ and more" for i in range(40)])
    figure.canvas.draw()
    texts = [text for text in ax.texts if text.get_text()]
    assert len(texts) == n > 30
    boxes = [Box(*map(float, text.get_window_extent().extents)) for text in texts]
    assert not any(shared(*pair) for pair in itertools.combinations(boxes, 2))
    dots = ax.transData.transform(np.column_stack([x, y]))
    assert not any(box.left < a < box.right and box.bottom < b < box.top
                   for box in boxes for a, b in dots)  # fmt: skip
    want = {(a, b): f"Item of ${i}$ and more" for i, (a, b) in enumerate(zip(x, y, strict=True))}
    assert all(want[text.xy] == text.get_text() for text in texts)

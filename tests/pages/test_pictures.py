"""Two pictures are the same if the same things stand at the same places in them."""

import functools
import re

import numpy as np
import pytest

from tests.pages import pictures

pyplot = pytest.importorskip("matplotlib.pyplot", reason="matplotlib (extra `plot`)")


@functools.cache
def drawn(change=0.0, title="errors", kind="line", limits=None):
    """Return a picture of one curve, some points, bars, an area and an image."""
    x = np.linspace(0, 1, 5)
    y = x**2 + change * (x == 0.5)
    with pyplot.rc_context(pictures.STYLE):
        return _drawn(x, y, change, title, kind, limits)


def _drawn(x, y, change, title, kind, limits):
    pyplot.switch_backend("svg")
    figure, axes = pyplot.subplots()
    if kind == "line":
        axes.plot(x, y)
    elif kind == "points":
        axes.scatter(x, y)
    elif kind == "bars":
        axes.bar(x, y, width=0.1)
    elif kind == "area":
        axes.fill_between(x, y)
    elif kind == "text":
        axes.text(0.5, 0.5 + change, "here")
    else:
        axes.imshow(y.reshape(1, -1), vmin=0, vmax=1)
    axes.set(title=title, ylim=limits or (-0.1, 1.1))
    svg = pictures.svg_of(figure)
    pyplot.close(figure)
    return svg


KINDS = pytest.mark.parametrize("kind", ["line", "points", "bars", "area", "text", "image"])


@KINDS
def test_what_nobody_sees_is_no_difference(kind):
    below = 1 / (2 * pictures.PIXELS)
    assert pictures.difference(drawn(kind=kind), drawn(kind=kind)) is None
    assert pictures.difference(drawn(below, kind=kind), drawn(kind=kind)) is None


@KINDS
def test_a_number_that_has_changed_is_seen(kind):
    assert "elsewhere" in pictures.difference(drawn(0.02, kind=kind), drawn(kind=kind))


def test_texts_limits_and_missing_data_are_seen():
    right = drawn()
    assert "texts" in pictures.difference(drawn(title="losses"), right)
    assert pictures.difference(drawn(limits=(-0.1, 1.11)), right) is not None
    assert "kinds" in pictures.difference(drawn(kind="points"), right).replace("texts", "kinds")
    assert "0" in pictures.difference(right, "")
    assert pictures.difference(right, pictures.DATA.sub("", right)) is not None


def test_a_picture_says_what_it_shows_and_of_what_day_it_is_not():
    assert pictures.title_of(drawn(title="a < b & c")) == "a < b & c"
    assert not re.search(r"\d{4}-\d\d-\d\dT", drawn())
    assert drawn() == drawn.__wrapped__()

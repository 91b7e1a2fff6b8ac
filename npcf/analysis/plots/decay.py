"""The book's picture of weight decay: a parabola is narrower the larger its coefficient."""

from typing import Any

import numpy as np
import pandas as pd

from npcf.analysis.plots.axes import BLUE, GREEN, GREY, VERMILION, axes_of
from npcf.errors import DataError, require_count, require_real

A = (1, 2, 5, 10, 50)
LINES = (("-", BLUE), ("--", VERMILION), ("-.", GREEN), (":", "#000000"), ("-", GREY))


def parabolas(a: Any = A, n: int = 100) -> pd.DataFrame:
    """Return y = a x**2 for each of `a`, at `n` places in [-2, 2]: column x, then one called a=….

    The slope, 2 a x, is what decay subtracts: the larger `a`, the harder a weight is held near 0.
    Source: fastbook, chapter 8, "Weight Decay".
    """
    values = require_real("a", a, ndim=1)
    if not len(values) or not np.isfinite(values).all():
        raise DataError("a", "needs finite numbers, one at least", "Pass a=(1, 2, 5, 10, 50).")
    x = np.linspace(-2, 2, require_count("n", n, 2, 100_000))
    return pd.DataFrame({"x": x} | {f"a={value:g}": float(value) * x**2 for value in values})


def plot_parabolas(a: Any = A, ax: Any = None) -> Any:
    """Draw `parabolas`, cut off at 5 as in the book; return the Axes."""
    frame = parabolas(a)
    ax = axes_of(ax)
    for i, name in enumerate(frame.columns[1:]):
        style, colour = LINES[i % len(LINES)]
        ax.plot(frame["x"], frame[name], style, color=colour, label=name)
    ax.set(title="y = a x²", xlabel="x", ylim=(0, 5))
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1.01, 0.5))
    return ax

"""Axes to draw into, and the colours to draw in."""

from typing import Any

from npcf.errors import UsageError, require_members

# Okabe and Ito 2008: told apart by all kinds of sight
BLUE, VERMILION, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#7f7f7f"
WIDTH = 7.2  # inches, of a page of text


def axes_of(ax: Any, height: float = 3.2) -> Any:
    """Return `ax`, or the Axes of a new figure `height` inches high; without a box around it."""
    if ax is None:
        ax = pyplot().subplots(figsize=(WIDTH, height), layout="constrained")[1]
    cure = "Pass an Axes of matplotlib, or leave it out."
    require_members("ax", ax, ("plot", "scatter", "spines", "get_figure"), cure)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def pyplot() -> Any:
    """Return matplotlib.pyplot, or raise UsageError."""
    try:
        from matplotlib import pyplot
    except ImportError:
        cure = 'Pictures need it: pip install "npcf[plot]".'
        raise UsageError("matplotlib", "is not installed", cure) from None
    return pyplot

"""Pictures of items: their biases, their factors, and a map of them."""

from typing import Any

import numpy as np
import pandas as pd

from npcf._types import FloatArray
from npcf.analysis.pca import pca
from npcf.analysis.plots.axes import BLUE, VERMILION, axes_of
from npcf.analysis.plots.labels import draw_labels, shortened
from npcf.analysis.predictor import Predictor, require_predictor
from npcf.analysis.recommend import item_frame
from npcf.data import Ratings
from npcf.data.validate import require_ratings
from npcf.errors import DataError, UsageError, require_count, require_flag

LABELLED = 5  # at either end of the biases
SIZES = 10  # of points


def bias_against_mean(predictor: Predictor, ratings: Ratings) -> pd.DataFrame:
    """Return row, item, title, ratings, mean rating and bias of each item that was rated.

    The mean says how the users who rated an item rated it; the bias, how it is rated when who they
    were is taken account of.  Where the two disagree, its users were not like all others.
    """
    counts, sums = _rated(predictor, ratings)
    if not predictor.model.has_bias:
        raise UsageError("predictor", "has a model without item biases", "Draw plot_map instead.")
    rows = np.flatnonzero(counts)
    frame = item_frame(predictor, rows, sums[rows] / counts[rows])
    frame = frame.rename(columns={"prediction": "mean"})
    frame.insert(3, "ratings", counts[rows])
    bias = predictor.model.core_params()["item_bias"]
    return frame.assign(bias=bias[rows].astype(np.float64))


def plot_bias(predictor: Predictor, ratings: Ratings, ax: Any = None) -> Any:
    """Draw `bias_against_mean`, the five largest and smallest biases labelled; return the Axes.

    A point's size grows with the number of ratings.
    """
    frame = bias_against_mean(predictor, ratings)
    ax = axes_of(ax, 4.4)
    share = np.ceil(SIZES * frame["ratings"] / frame["ratings"].max())
    for size, group in frame.groupby(share):  # points of one size are one shape in a file
        style = {"color": BLUE, "alpha": 0.45, "markeredgewidth": 0}
        ax.plot(group["mean"], group["bias"], "o", markersize=2 + 0.6 * size, **style)
    ax.set(title="Item bias against mean rating", xlabel="mean rating", ylabel="bias")
    ax.margins(0.12)
    order = np.argsort(-frame["bias"], kind="stable")
    ends = frame.iloc[pd.unique(np.concatenate([order[:LABELLED], order[::-1][:LABELLED]]))]
    ax.scatter(
        ends["mean"], ends["bias"], s=14, color=VERMILION, marker="D", linewidths=0, zorder=3
    )
    draw_labels(ax, ends["mean"], ends["bias"], ends["title"], frame[["mean", "bias"]])
    return ax


def item_map(
    predictor: Predictor,
    ratings: Ratings | None = None,
    n: int = 50,
    *,
    weighted: bool = False,
) -> pd.DataFrame:
    """Return two principal components of items: row, item, title, ratings, x, y.

    Parameters
    ----------
    ratings : which items are shown, the `n` rated most often, and those that count: an item without
        ratings has not moved from where it started.  None: all items count, the `n` that lie
        furthest from the middle are shown.
    weighted : let an item count as often as it was rated (`npcf.analysis.pca`, "factors")
    """
    require_predictor(predictor)
    require_count("n", n)
    factors, first = predictor.model.params["item_factors"], predictor.item_vocab.first_row
    if ratings is None:
        if require_flag("weighted", weighted):
            raise UsageError("weighted", "needs the ratings", "Pass ratings, or weighted=False.")
        counts = np.zeros(len(factors), int)
        rows = np.arange(first, len(factors))
    else:
        counts = _rated(predictor, ratings)[0]
        rows = np.flatnonzero(counts)
    weights = counts[rows] if require_flag("weighted", weighted) else None
    places = pca(factors[rows], 2, "factors", weights)
    key = np.hypot(*places.T) if ratings is None else counts[rows]
    shown = np.argsort(-key, kind="stable")[:n]
    frame = item_frame(predictor, rows[shown], places[shown, 0])
    frame = frame.rename(columns={"prediction": "x"}).assign(y=places[shown, 1])
    frame.insert(3, "ratings", counts[rows[shown]])
    return frame


def plot_map(
    predictor: Predictor,
    ratings: Ratings | None = None,
    n: int = 50,
    ax: Any = None,
    *,
    weighted: bool = False,
) -> Any:
    """Draw `item_map` with as many labels as there is room for, none on another; return the Axes.

    Items that are alike for the model lie together.  The sign of either axis means nothing.
    """
    frame = item_map(predictor, ratings, n, weighted=weighted)
    ax = axes_of(ax, 6.4)
    ax.scatter(frame["x"], frame["y"], s=12, color=BLUE, linewidths=0)
    ax.set(title="Items along two principal components", xlabel="component 1",
           ylabel="component 2")  # fmt: skip
    ax.margins(0.1)
    draw_labels(ax, frame["x"], frame["y"], frame["title"])
    return ax


def factor_table(predictor: Predictor, ratings: Ratings | None = None, n: int = 20) -> pd.DataFrame:
    """Return the factors of the `n` items rated most often, a row an item, indexed by title.

    Without `ratings` those of the first `n` items.
    """
    require_predictor(predictor)
    require_count("n", n)
    factors, first = predictor.model.params["item_factors"], predictor.item_vocab.first_row
    counts = np.zeros(len(factors), int) if ratings is None else _rated(predictor, ratings)[0]
    rows = first + np.argsort(-counts[first:], kind="stable")[:n]
    table = factors[rows].astype(np.float64)
    titles = [predictor.titles[row] for row in rows]
    return pd.DataFrame(table, index=titles, columns=[f"factor {k}" for k in range(table.shape[1])])


def plot_factors(
    predictor: Predictor, ratings: Ratings | None = None, n: int = 20, ax: Any = None
) -> Any:
    """Draw `factor_table` as a heat map, 0 in white; return the Axes.

    A column alone means nothing: turning all factors together changes each, and no prediction.
    """
    frame = factor_table(predictor, ratings, n)
    table = frame.to_numpy()
    if not np.isfinite(table).all():
        problem = "has factors that are not finite"
        raise DataError("predictor", problem, "Train again with lower lr.")
    ax = axes_of(ax, 0.9 + 0.19 * len(frame))
    most = float(np.abs(table).max()) or 1.0
    cells = ax.pcolormesh(table, cmap="RdBu_r", vmin=-most, vmax=most, edgecolor="face")
    ax.set_yticks(np.arange(len(frame)) + 0.5, map(shortened, frame.index), fontsize=7,
                  parse_math=False)  # fmt: skip
    ax.invert_yaxis()
    ax.tick_params(length=0)
    every = max(1, table.shape[1] // 10)
    ax.set_xticks(np.arange(0, table.shape[1], every) + 0.5, range(0, table.shape[1], every))
    which = "first items" if ratings is None else "items rated most"
    ax.set(title=f"Factors of the {which}", xlabel="factor")
    scale = ax.get_figure().colorbar(cells, ax=ax, shrink=0.8).solids
    scale.set(rasterized=False, edgecolor="face")  # no picture within the picture, and no seams
    return ax


def _rated(predictor: Predictor, ratings: Ratings) -> tuple[Any, FloatArray]:
    """Return how often each of the model's items was rated, and the sums of these ratings."""
    require_predictor(predictor)
    require_ratings("ratings", ratings)
    rows = predictor.item_vocab.rows_of(ratings.item_vocab, "ratings.items")[ratings.items]
    known = rows >= 0
    if not known.any():
        cure = "Pass ratings of the model's items."
        raise DataError("ratings", "has no rating of an item that the model knows", cure)
    n = len(predictor.item_vocab)
    counts = np.bincount(rows[known], minlength=n)
    sums = np.bincount(rows[known], ratings.rating[known].astype(np.float64), minlength=n)
    return counts, sums

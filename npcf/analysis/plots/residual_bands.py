"""Where a model is wrong: residuals against predictions."""

from typing import Any

import numpy as np
import pandas as pd

from npcf.analysis.plots.axes import BLUE, GREY, axes_of
from npcf.data.columns import require_columns
from npcf.data.frames import require_frame
from npcf.errors import DataError, require_count


def residual_bands(residuals: pd.DataFrame, n_bins: int = 20) -> pd.DataFrame:
    """Return how residuals spread in `n_bins` bins of predictions, about equally many in each.

    Against *predictions* a right model's residuals lie around 0 everywhere.  Against ratings they
    cannot: whoever rates 5 has been predicted less.

    Parameters
    ----------
    residuals : of `npcf.analysis.residuals`

    Returns
    -------
    DataFrame
        A row a bin: prediction (its mean), ratings (how many), mean and spread (standard deviation)
        of its residuals, and error, how far off the mean may be: two of its standard errors.
        Equal predictions are in one bin, so there may be fewer.
    """
    frame = require_frame("residuals", residuals)
    cure = "Pass npcf.analysis.residuals(predictor, ratings)."
    require_columns(frame.columns, ["prediction", "residual"], cure)
    require_count("n_bins", n_bins)
    prediction, residual = (frame[name].to_numpy(np.float64) for name in ("prediction", "residual"))
    if not len(frame) or not (np.isfinite(prediction) & np.isfinite(residual)).all():
        raise DataError("residuals", "needs ratings, and finite predictions of them", cure)
    ordered = np.sort(prediction)
    below, up_to = (np.searchsorted(ordered, prediction, side) for side in ("left", "right"))
    bins = (below + up_to) * n_bins // (2 * len(frame))  # by the middle of those that are equal
    found = []
    for one in np.unique(bins):
        inside = residual[bins == one]
        spread = inside.std()
        error = 2 * spread / np.sqrt(len(inside))
        found.append({"prediction": prediction[bins == one].mean(), "ratings": len(inside),
                      "mean": inside.mean(), "spread": spread, "error": error})  # fmt: skip
    return pd.DataFrame(found)


def plot_residuals(residuals: pd.DataFrame, ax: Any = None, *, n_bins: int = 20) -> Any:
    """Draw the means of `residual_bands`, their errors, and the spread; return the Axes."""
    bands = residual_bands(residuals, n_bins)
    ax = axes_of(ax)
    x, mean, spread = bands["prediction"], bands["mean"], bands["spread"]
    ax.fill_between(x, mean - spread, mean + spread, color=BLUE, alpha=0.2, label="± spread")
    ax.errorbar(
        x, mean, bands["error"], fmt="o", color=BLUE, markersize=3, label="mean, ± 2 errors"
    )
    ax.axhline(0, color=GREY, linestyle=":")
    ax.margins(y=0.25)  # room for the legend
    ax.set(title="Residuals", xlabel="prediction", ylabel="rating - prediction")
    ax.legend(frameon=False, ncols=2)
    return ax

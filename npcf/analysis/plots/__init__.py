"""Pictures by matplotlib (extra `plot`), loaded when one is drawn.

Each `plot_...` draws what a function beside it computes, a DataFrame, into `ax`, or into a figure
of its own, and returns the Axes.  Colours are Okabe and Ito's, and shapes say the same again.
"""

from typing import TYPE_CHECKING

from npcf.analysis.plots.decay import parabolas, plot_parabolas
from npcf.analysis.plots.items import (
    bias_against_mean,
    factor_table,
    item_map,
    plot_bias,
    plot_factors,
    plot_map,
)
from npcf.analysis.plots.labels import draw_labels
from npcf.analysis.plots.residual_bands import plot_residuals, residual_bands
from npcf.analysis.plots.training import (
    loss_curve,
    plot_loss,
    plot_lr_find,
    plot_schedule,
    schedule_frame,
    validation_points,
)
from npcf.suggestions import suggesting

__all__ = [
    "bias_against_mean",
    "draw_labels",
    "factor_table",
    "item_map",
    "loss_curve",
    "parabolas",
    "plot_bias",
    "plot_factors",
    "plot_loss",
    "plot_lr_find",
    "plot_map",
    "plot_parabolas",
    "plot_residuals",
    "plot_schedule",
    "residual_bands",
    "schedule_frame",
    "validation_points",
]

if not TYPE_CHECKING:  # to a type checker every name would be there
    __getattr__ = suggesting(__name__, __all__)

"""Pictures of a fit: the loss, the schedule, and which rate to take."""

from typing import Any

import numpy as np
import pandas as pd

from npcf.analysis.plots.axes import BLUE, GREY, VERMILION, axes_of
from npcf.errors import UsageError, require_choice, require_members, require_real
from npcf.training import LRFind, SmoothedLoss

MOST_POINTS = 1000  # of a curve: more cannot be told apart
QUANTITIES = {"lr": "learning rate", "momentum": "momentum"}


def loss_curve(run: Any) -> pd.DataFrame:
    """Return the smoothed training loss of the last fit: columns step (from 1), loss.

    Parameters
    ----------
    run : a Learner, or whatever has its `fit_state` and `rows`; of many steps, about a thousand
        are returned, the last one among them
    """
    state = _fit_state(run)
    smoother, smoothed = SmoothedLoss(), []
    for loss in state.losses[: state.step].tolist():
        smoother.add(loss)
        smoothed.append(smoother.smoothed)
    shown = _thinned(len(smoothed))
    return pd.DataFrame({"step": shown + 1, "loss": np.array(smoothed)[shown]})


def validation_points(run: Any) -> pd.DataFrame:
    """Return the validation loss after each whole epoch of the last fit: columns step, loss."""
    state = _fit_state(run)
    rows = run.rows[len(run.rows) - min(len(run.rows), state.step // state.steps_per_epoch) :]
    steps = state.steps_per_epoch * np.arange(1, len(rows) + 1)
    return pd.DataFrame({"step": steps, "loss": [float(row.valid_loss) for row in rows]})


def plot_loss(run: Any, ax: Any = None) -> Any:
    """Draw `loss_curve` as a line and `validation_points` as points; return the Axes.

    The line is an average over batches while the weights moved, so the points may lie below it.
    """
    curve, points = loss_curve(run), validation_points(run)
    ax = axes_of(ax)
    ax.plot(curve["step"], curve["loss"], color=BLUE, label="training, smoothed")
    ax.plot(points["step"], points["loss"], "o", color=VERMILION, label="validation")
    ax.set(title="Loss", xlabel="step", ylabel="mean squared error")
    ax.legend(frameon=False)
    return ax


def schedule_frame(schedule: Any) -> pd.DataFrame:
    """Return a schedule as columns step (from 1), lr, momentum (NaN where there is none).

    Parameters
    ----------
    schedule : a Learner that was fitted, rates (n,) of `npcf.optim`, or a pair (rates, momenta);
        of many steps, about a thousand are returned
    """
    if hasattr(schedule, "fit_state"):
        state = _fit_state(schedule)
        schedule = state.lr, state.mom
    lr, momentum = schedule if isinstance(schedule, tuple) and len(schedule) == 2 else (
        schedule, None)  # fmt: skip
    lr = require_real("schedule", lr, ndim=1).astype(np.float64)
    if momentum is None:
        momentum = np.full(len(lr), np.nan)
    momentum = require_real("momentum", momentum, ndim=1).astype(np.float64)
    if not len(lr) or momentum.shape != lr.shape:
        problem = f"{len(lr)} rates and {len(momentum)} momenta make no schedule"
        cure = "Pass a Learner, or npcf.optim.one_cycle_fastai(100, 0.01)."
        raise UsageError("schedule", problem, cure)
    shown = _thinned(len(lr))
    return pd.DataFrame({"step": shown + 1, "lr": lr[shown], "momentum": momentum[shown]})


def plot_schedule(schedule: Any, quantity: str = "lr", ax: Any = None) -> Any:
    """Draw the "lr" or the "momentum" of `schedule_frame` over the steps; return the Axes."""
    require_choice("quantity", quantity, QUANTITIES)
    frame, name = schedule_frame(schedule), QUANTITIES[quantity]
    ax = axes_of(ax, 2.4)
    ax.plot(frame["step"], frame[quantity], color=BLUE)
    ax.set(title=name.capitalize(), xlabel="step", ylabel=name)
    return ax


def plot_lr_find(found: LRFind, ax: Any = None) -> Any:
    """Draw the losses that `lr_find` saw over the rates, and mark the valley; return the Axes."""
    cure = "Pass what learner.lr_find() returned."
    require_members("found", found, ("lrs", "losses", "valley"), cure)
    ax = axes_of(ax)
    at = int(np.flatnonzero(found.lrs == found.valley)[0])
    ax.plot(found.lrs, found.losses, color=BLUE)
    ax.axvline(found.valley, color=GREY, linestyle=":")
    ax.plot([found.valley], [found.losses[at]], "o", color=VERMILION)
    ax.set_xscale("log")
    title = f"Learning rates tried; the valley is {found.valley:.2g}"
    ax.set(title=title, xlabel="learning rate", ylabel="loss, smoothed")
    return ax


def _fit_state(run: Any) -> Any:
    cure = "Pass a Learner that was fitted: learner.fit(1)."
    require_members("run", run, ("fit_state", "rows"), cure)
    if run.fit_state is None or not run.fit_state.step:
        raise UsageError("run", "has taken no step", cure)
    return run.fit_state


def _thinned(n: int) -> Any:
    """Return the positions, of n, that are shown: all, or about MOST_POINTS with both ends."""
    return np.unique(np.linspace(0, n - 1, min(n, MOST_POINTS)).round().astype(np.intp))

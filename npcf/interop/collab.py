"""fastai's `collab_learner`, and the Learner with a `recorder`."""

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from npcf import training
from npcf._types import YRange
from npcf.analysis import plots
from npcf.data.loaders import require_loaders
from npcf.errors import SettingError, refuse_option, require_flag
from npcf.models import FastaiDotBias
from npcf.training import MSELossFlat, SmoothedLoss

LEARNERS = [
    name
    for name, parameter in inspect.signature(training.Learner).parameters.items()
    if parameter.kind is parameter.KEYWORD_ONLY or name == "opt_func"
]  # its options


class Recorder:
    """What a learner's last fit has recorded, under fastai's names."""

    def __init__(self, learner: training.Learner):
        self._learner = learner

    @property
    def lrs(self) -> list[float]:
        """The learning rate of each step."""
        return [float(lr) for lr in self._learner.steps["lr"]]

    @property
    def losses(self) -> list[float]:
        """The smoothed training loss after each step."""
        smoother, found = SmoothedLoss(), []
        for loss in self._learner.steps["loss"]:
            smoother.add(loss)
            found.append(smoother.smoothed)
        return found

    @property
    def values(self) -> list[list[float]]:
        """The smoothed training loss and the validation loss of each epoch."""
        frame = self._learner.history[["train_loss_smoothed", "valid_loss"]]
        return [[float(value) for value in row] for row in frame.to_numpy()]

    def plot_loss(self, ax: Any = None) -> Any:
        """Draw the smoothed training loss and the validation losses of the last fit."""
        return plots.plot_loss(self._learner, ax)

    def plot_sched(self, ax: Any = None) -> Any:
        """Draw the learning rates of the last fit."""
        return plots.plot_schedule(self._learner, ax=ax)


class Learner(training.Learner):
    """`npcf.training.Learner` with fastai's `recorder`."""

    @property
    def recorder(self) -> Recorder:
        """Losses, rates and epochs of the last fit, and their plots."""
        return Recorder(self)


def collab_learner(
    dls: Any,
    n_factors: int = 50,
    use_nn: bool = False,
    layers: Sequence[int] | None = None,
    y_range: YRange = None,
    loss_func: MSELossFlat | None = None,
    *,
    rng: np.random.Generator | None = None,
    **options: Any,
) -> Learner:
    """Return a Learner over fastai's dot product with biases, a row for each label of `dls`.

    Parameters
    ----------
    dls : `CollabDataLoaders`
    y_range : the ends of the predictions; None leaves them without any
    rng : draws the tables; None is a fresh generator
    options : those of `npcf.training.Learner`

    Raises
    ------
    SettingError
        For `use_nn=True`, and for `layers`, which are a network's.

    Source: fastai `collab_learner`; its network is `npcf.models.EmbeddingNN`, without a Learner.
    """
    if require_flag("use_nn", use_nn):
        problem = "trains a network, whose steps are taken one by one here"
        cure = "Leave it out: the dot product with biases. The network: npcf.models.EmbeddingNN."
        raise SettingError("use_nn", problem, cure, value=use_nn)
    if layers is not None:
        problem, cure = "are a network's, and use_nn is False", "Leave them out."
        raise SettingError("layers", problem, cure, value=layers)
    known = [*inspect.signature(collab_learner).parameters][:-1] + LEARNERS
    for name in options:
        if name not in LEARNERS:
            refuse_option(name, known)
    classes = require_loaders("dls", dls).classes
    model = FastaiDotBias.from_classes(n_factors, classes, y_range, rng=rng)
    return Learner(dls, model, loss_func, **options)

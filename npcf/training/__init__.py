"""The training loop, its metrics and its history."""

from npcf.training.history import FOOTNOTE, HEADER, EpochRow, SmoothedLoss, history_frame
from npcf.training.learner import Learner
from npcf.training.losses import MSELossFlat
from npcf.training.metrics import mae, rmse

__all__ = [
    "FOOTNOTE",
    "HEADER",
    "EpochRow",
    "Learner",
    "MSELossFlat",
    "SmoothedLoss",
    "history_frame",
    "mae",
    "rmse",
]

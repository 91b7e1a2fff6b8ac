"""The training loop, its callbacks, metrics and history; saving, loading, resuming."""

from typing import TYPE_CHECKING

from npcf.suggestions import suggesting
from npcf.training.callbacks import BestModel, Callback, EarlyStopping, SaveEvery, StopTraining
from npcf.training.checkpoint import Saved, load
from npcf.training.history import FOOTNOTE, EpochRow, SmoothedLoss, header, history_frame
from npcf.training.learner import Learner
from npcf.training.losses import MSELossFlat, mae, rmse
from npcf.training.lr_find import LRFind, lr_find
from npcf.training.per_rating import PerRatingSGD, RatingArrays
from npcf.training.per_rating_fit import PerRatingEpoch
from npcf.training.per_rating_settings import presets
from npcf.training.ranking import RankingMetric, ndcg_at_k, precision_at_k, recall_at_k

__all__ = [
    "FOOTNOTE",
    "BestModel",
    "Callback",
    "EarlyStopping",
    "EpochRow",
    "LRFind",
    "Learner",
    "MSELossFlat",
    "PerRatingEpoch",
    "PerRatingSGD",
    "RankingMetric",
    "RatingArrays",
    "SaveEvery",
    "Saved",
    "SmoothedLoss",
    "StopTraining",
    "header",
    "history_frame",
    "load",
    "lr_find",
    "mae",
    "ndcg_at_k",
    "precision_at_k",
    "presets",
    "recall_at_k",
    "rmse",
]

if not TYPE_CHECKING:  # to a type checker every name would be there
    __getattr__ = suggesting(__name__, __all__)

"""Questions to a trained model: ratings, recommendations, neighbours, new users."""

from typing import TYPE_CHECKING

from npcf.analysis.fold_in import NewUser, fold_in
from npcf.analysis.predictor import Predictor
from npcf.analysis.recommend import recommend, recommend_all, similar_items
from npcf.analysis.top_items import top_items, top_items_by_count
from npcf.suggestions import suggesting

__all__ = [
    "NewUser",
    "Predictor",
    "fold_in",
    "recommend",
    "recommend_all",
    "similar_items",
    "top_items",
    "top_items_by_count",
]

if not TYPE_CHECKING:  # to a type checker every name would be there
    __getattr__ = suggesting(__name__, __all__)

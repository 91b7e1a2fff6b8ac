"""Questions to a trained model: ratings, recommendations, neighbours, new users."""

from npcf.analysis.fold_in import NewUser, fold_in
from npcf.analysis.predictor import Predictor
from npcf.analysis.recommend import recommend, recommend_all, similar_items
from npcf.analysis.top_items import top_items, top_items_by_count

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

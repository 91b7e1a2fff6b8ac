"""Questions to a trained model: ratings, recommendations, neighbours, what it has learned."""

from typing import TYPE_CHECKING

from npcf.analysis.explain_prediction import ExplainedPrediction, explain_prediction
from npcf.analysis.fold_in import NewUser, fold_in
from npcf.analysis.pca import PCA, pca
from npcf.analysis.predictor import Predictor
from npcf.analysis.recommend import recommend, recommend_all
from npcf.analysis.report import Report, report
from npcf.analysis.residuals import residuals
from npcf.analysis.similar import similar_items
from npcf.analysis.top_items import top_items, top_items_by_count
from npcf.suggestions import suggesting

__all__ = [
    "PCA",
    "ExplainedPrediction",
    "NewUser",
    "Predictor",
    "Report",
    "explain_prediction",
    "fold_in",
    "pca",
    "recommend",
    "recommend_all",
    "report",
    "residuals",
    "similar_items",
    "top_items",
    "top_items_by_count",
]

if not TYPE_CHECKING:  # to a type checker every name would be there
    __getattr__ = suggesting(__name__, __all__)

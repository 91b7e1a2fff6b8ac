"""What a model gets wrong, rating by rating."""

import numpy as np
import pandas as pd

from npcf.analysis.predictor import Predictor, require_predictor
from npcf.data import Ratings
from npcf.data.validate import require_ratings


def residuals(predictor: Predictor, ratings: Ratings, *, unknown: str = "raise") -> pd.DataFrame:
    """Return rating - prediction, in float64, for each of `ratings`, in their order.

    Parameters
    ----------
    unknown : what an id gets that the model does not know: "raise", "mean" or "na"
        (`npcf.analysis.predictor`)

    Returns
    -------
    DataFrame
        Columns user, item (ids), rating, prediction, residual.
    """
    require_predictor(predictor)
    require_ratings("ratings", ratings)
    prediction = predictor.predict_ratings(ratings, unknown=unknown)
    labels = ratings.user_vocab.labels, ratings.item_vocab.labels
    return pd.DataFrame(
        {
            "user": [labels[0][row] for row in ratings.users],
            "item": [labels[1][row] for row in ratings.items],
            "rating": ratings.rating,
            "prediction": prediction,
            "residual": ratings.rating.astype(np.float64) - prediction,
        }
    )

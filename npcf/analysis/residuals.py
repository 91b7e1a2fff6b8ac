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
    users, items = ratings.user_vocab, ratings.item_vocab
    return pd.DataFrame(
        {
            "user": users.ids[ratings.users - users.first_row],
            "item": items.ids[ratings.items - items.first_row],
            "rating": ratings.rating,
            "prediction": prediction,
            "residual": ratings.rating.astype(np.float64) - prediction,
        }
    )

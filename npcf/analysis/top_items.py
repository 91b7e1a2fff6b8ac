"""Which items everybody likes more than their factors explain: the ends of the bias table."""

import numpy as np
import pandas as pd

from npcf.data import Ratings
from npcf.errors import UsageError, require_count
from npcf.models import PairModel


def top_items(
    model: PairModel, ratings: Ratings, n: int = 5, *, ascending: bool = False
) -> pd.DataFrame:
    """Return the `n` items of largest bias (smallest if `ascending`): row, title, bias, ratings.

    Row 0, `#na#`, is left out.  Ties keep the order of rows.  `ratings` counts how many ratings of
    the given set name the item.  Each model is ranked by its *own* biases.
    """
    require_count("n", n)
    if not model.has_bias:
        raise UsageError("model", "has no item biases", "Use a model with biases.")
    bias = model.core_params()["item_bias"]
    key = bias if ascending else -bias
    rows = 1 + np.argsort(key[1:], kind="stable")[:n]
    counts = np.bincount(ratings.items, minlength=len(bias))
    titles = [ratings.titles[row] for row in rows]
    return pd.DataFrame({"row": rows, "title": titles, "bias": bias[rows], "ratings": counts[rows]})

"""The first and last items by bias, or by number of ratings.

A tie keeps the order of rows: the ranking is `(key, row)`, so it is one and the same for any
sorting algorithm, and each item stands in it once.
"""

import numpy as np
import pandas as pd

from npcf.data import Ratings
from npcf.data.validate import require_ratings
from npcf.errors import UsageError, require_choice, require_count, require_flag
from npcf.models import PairModel
from npcf.models.pair_model import require_model


def top_items(
    model: PairModel,
    ratings: Ratings,
    n: int = 5,
    *,
    by: str = "bias",
    ascending: bool = False,
) -> pd.DataFrame:
    """Return the `n` items of largest bias (smallest if `ascending`): row, title, bias, ratings.

    Row 0, `#na#`, is left out.  Ties keep the order of rows.  `ratings` counts how many ratings of
    the given set name the item; by="count" ranks by it.  Each model is ranked by its *own* biases.
    """
    require_model("model", model)
    require_ratings("ratings", ratings)
    require_count("n", n)
    require_choice("by", by, ("bias", "count"))
    if not model.has_bias:
        raise UsageError("model", "has no item biases", "Use top_items_by_count(ratings, n).")
    bias = model.core_params()["item_bias"]
    counts = np.bincount(ratings.items, minlength=len(bias))
    rows = _first(bias if by == "bias" else counts, ratings, n, ascending)
    titles = [ratings.titles[row] for row in rows]
    return pd.DataFrame({"row": rows, "title": titles, "bias": bias[rows], "ratings": counts[rows]})


def top_items_by_count(ratings: Ratings, n: int = 5, *, ascending: bool = False) -> pd.DataFrame:
    """Return the `n` items rated most often (least, if `ascending`): row, title, ratings."""
    require_ratings("ratings", ratings)
    require_count("n", n)
    counts = np.bincount(ratings.items, minlength=ratings.n_items)
    rows = _first(counts, ratings, n, ascending)
    titles = [ratings.titles[row] for row in rows]
    return pd.DataFrame({"row": rows, "title": titles, "ratings": counts[rows]})


def _first(
    key: np.ndarray, ratings: Ratings, n: int, ascending: bool
) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
    """Return the `n` item rows of largest (or smallest) key, ties in the order of rows."""
    first = ratings.item_vocab.first_row
    key = key if require_flag("ascending", ascending) else -key
    return first + np.argsort(key[first:], kind="stable")[:n]

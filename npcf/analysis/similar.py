"""The items most similar to another, by their factors alone."""

from typing import Any

import numpy as np
import pandas as pd

from npcf._types import FloatArray
from npcf.analysis.predictor import Predictor, require_predictor
from npcf.analysis.recommend import best_rows, item_frame
from npcf.analysis.rows import find_rows
from npcf.errors import require_choice, require_count

BY = ("cosine", "dot", "euclidean")


def similar_items(predictor: Predictor, item: Any, n: int = 10, by: str = "cosine") -> pd.DataFrame:
    """Return the `n` items whose factors are most like those of `item`, best first.

    Parameters
    ----------
    by : "cosine": q . r / (|q| |r|), in [-1, 1], and 0 where a vector is zero (the book's
        `nn.CosineSimilarity`); "dot": q . r; "euclidean": |q - r|, the nearest first.

    Returns
    -------
    DataFrame
        Columns row, item, title, similarity; with "euclidean" distance in its place.  In float64.
        `item` itself is left out, and so is `#na#`; ties go to the smaller row.
    """
    require_predictor(predictor)
    require_count("n", n)
    require_choice("by", by, BY)
    row = find_rows(predictor.item_vocab, [item], "item", "raise")[0]
    factors = predictor.model.params["item_factors"].astype(np.float64)
    candidates = np.arange(predictor.item_vocab.first_row, len(factors))
    score = _likeness(factors, row, by)[candidates]
    best, score = best_rows(candidates, score, n, np.array([row]))
    found = item_frame(predictor, best, score)
    if by == "euclidean":
        return found.assign(prediction=-score).rename(columns={"prediction": "distance"})
    return found.rename(columns={"prediction": "similarity"})


def _likeness(factors: FloatArray, row: int, by: str) -> FloatArray:
    """Return how much each row is like the row `row`: the larger, the more."""
    if by == "euclidean":
        with np.errstate(over="ignore"):  # then they are infinitely far apart
            far: FloatArray = -np.sqrt(((factors - factors[row]) ** 2).sum(axis=1))
        return far
    if by == "cosine":
        factors = _unit_rows(factors)
    similarity: FloatArray = (factors * factors[row]).sum(axis=1)
    return np.clip(similarity, -1, 1) if by == "cosine" else similarity


def _unit_rows(factors: FloatArray) -> FloatArray:
    """Divide each row by its length; scaled by its largest entry first, so nothing overflows."""
    largest = np.abs(factors).max(axis=1, keepdims=True, initial=0)
    scaled = np.divide(factors, largest, out=np.zeros_like(factors), where=largest != 0)
    length = np.sqrt((scaled**2).sum(axis=1, keepdims=True))
    unit: FloatArray = np.divide(scaled, length, out=scaled, where=length != 0)
    return unit

"""Ids to rows, rows to predictions."""

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npcf._types import FloatArray
from npcf.data import Vocabulary
from npcf.data.ids import as_series
from npcf.errors import (
    SettingError,
    require_choice,
    require_count,
    require_number,
    require_pair,
)
from npcf.models import PairModel

UNKNOWN = ("raise", "mean", "na")
PAIRS_AT_ONCE = 2**15  # pairs predicted at a time, so that memory does not grow with their number


def with_params(model: PairModel, tables: dict[str, FloatArray]) -> PairModel:
    """Return `model` with some of its tables exchanged; `model` itself stays as it is."""
    other = copy.copy(model)
    other.params = {**model.params, **tables}
    return other


def predict_rows(
    model: PairModel, users: Any, items: Any, chunk: int = PAIRS_AT_ONCE
) -> FloatArray:
    """Return predictions (n,) for pairs of rows, `chunk` pairs at a time: the same bits for any."""
    require_count("chunk", chunk)
    prediction = np.empty(len(users), model.params["user_factors"].dtype)
    for start in range(0, len(users), chunk):
        part = slice(start, start + chunk)
        pairs = np.stack([users[part], items[part]], axis=1)
        prediction[part] = model.forward(pairs)[0].reshape(-1)
    return prediction


def find_rows(vocab: Vocabulary, ids: Any, argument: str, unknown: str) -> NDArray[Any]:
    """Return the row of each id; an unknown one has row -1 ("mean") or 0 ("na"), or raises."""
    require_choice("unknown", unknown, UNKNOWN)
    ids = as_series(ids, argument)
    if unknown == "mean":
        return vocab.rows_or_none(ids, argument)
    vocab.require_kind(ids, argument)
    return vocab.rows(ids, argument, unknown)


def clipped(prediction: FloatArray, clip: Any) -> FloatArray:
    """Return `prediction` cut off at clip = (low, high); None leaves it."""
    if clip is None:
        return prediction
    low, high = (require_number("clip", end, -np.inf) for end in require_pair("clip", clip))
    if low > high:
        raise SettingError("clip", f"low {low:g} lies above high {high:g}", "Exchange them.")
    cut: FloatArray = np.clip(prediction, low, high)
    return cut

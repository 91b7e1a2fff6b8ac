"""The items of largest prediction for a user.

A user's n items are those of largest (prediction, then smallest row): ties go to the smaller row,
so the answer does not depend on a sorting algorithm, on other users or on the chunk.  `#na#` is
never among them.  Users are ranked a few at a time; what is held at once is PAIRS_AT_ONCE
predictions, or one user's, and never the table of all users and items.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from npcf._types import FloatArray
from npcf.analysis.predictor import Predictor, require_predictor
from npcf.analysis.rows import PAIRS_AT_ONCE, find_rows, predict_rows
from npcf.data import Ratings
from npcf.data.ids import as_series
from npcf.data.validate import require_ratings
from npcf.errors import DivergenceError, require_count

Rows = NDArray[Any]


def recommend(
    predictor: Predictor, user: Any, n: int = 10, exclude_seen: Ratings | None = None
) -> pd.DataFrame:
    """Return the `n` best items for `user`: row, item, title, prediction, best first.

    Items that `user` rated in `exclude_seen` are left out; so there may be fewer than `n`.
    """
    require_predictor(predictor)
    if exclude_seen is not None:
        require_ratings("exclude_seen", exclude_seen)
    found = recommend_all(predictor, [user], n, exclude_seen)
    return found.drop(columns=["user", "rank"])


def recommend_all(
    predictor: Predictor, users: Any = None, n: int = 10, seen: Ratings | None = None
) -> pd.DataFrame:
    """Return the `n` best items of each of `users` (of all, if None), in the order of `users`.

    Columns: user, rank (from 1), row, item, title, prediction.
    """
    require_predictor(predictor)
    require_count("n", n)
    users = as_series(predictor.user_vocab.ids if users is None else users, "users")
    user_rows = find_rows(predictor.user_vocab, users, "users", "raise")
    seen_by = _seen_items(predictor, seen)
    candidates = np.arange(predictor.item_vocab.first_row, len(predictor.item_vocab))
    at_once = max(1, PAIRS_AT_ONCE // max(1, len(candidates)))
    found, scores = [], []
    for start in range(0, len(user_rows), at_once):
        chunk = user_rows[start : start + at_once]
        pairs = np.repeat(chunk, len(candidates)), np.tile(candidates, len(chunk))
        table = predict_rows(predictor.model, *pairs).reshape(len(chunk), -1)
        for user, prediction in zip(chunk, table, strict=True):
            best, score = best_rows(candidates, prediction, n, seen_by(user))
            found.append(best)
            scores.append(score)
    counts = [len(best) for best in found]
    frame = item_frame(predictor, _joined(found, np.intp), _joined(scores, np.float64))
    frame.insert(0, "user", pd.Index(users).repeat(counts))
    frame.insert(1, "rank", _joined([np.arange(1, count + 1) for count in counts], np.intp))
    return frame


def best_rows(candidates: Rows, score: FloatArray, n: int, excluded: Rows) -> tuple[Rows, Any]:
    """Return the `n` of `candidates` (ascending rows) of largest score, and their scores.

    Partition first: everything not below the n-th best is a finalist, and only finalists are
    sorted.  A stable sort of ascending rows leaves ties in the order of rows.
    """
    if np.isnan(score).any():
        raise DivergenceError(
            "prediction", "holds NaN, which has no rank", "The model diverged: train with lower lr."
        )
    if len(excluded):
        allowed = ~np.isin(candidates, excluded)
        candidates, score = candidates[allowed], score[allowed]
    if n < len(score):
        cut = -np.partition(-score, n - 1)[n - 1]
        finalists = score >= cut
        candidates, score = candidates[finalists], score[finalists]
    order = np.argsort(-score, kind="stable")[:n]
    return candidates[order], score[order]


def item_frame(predictor: Predictor, rows: Rows, score: FloatArray) -> pd.DataFrame:
    """Return a frame row, item, title, prediction of item rows."""
    ids = predictor.item_vocab.ids[rows - predictor.item_vocab.first_row]
    titles = [predictor.titles[row] for row in rows]
    return pd.DataFrame({"row": rows, "item": ids, "title": titles, "prediction": score})


def _seen_items(predictor: Predictor, seen: Ratings | None) -> Callable[[int], Rows]:
    """Return a function from a user's row to the rows of the items rated in `seen`."""
    none = np.zeros(0, np.intp)
    if seen is None:
        return lambda user: none
    require_ratings("seen", seen)
    users = predictor.user_vocab.rows_of(seen.user_vocab, "exclude_seen.users")[seen.users]
    items = predictor.item_vocab.rows_of(seen.item_vocab, "exclude_seen.items")[seen.items]
    order = np.argsort(users, kind="stable")
    users, items = users[order], items[order]

    def seen_by(user: int) -> Rows:
        first, last = np.searchsorted(users, [user, user + 1])
        found: Rows = items[first:last]
        return found

    return seen_by


def _joined(parts: list[Any], dtype: Any) -> Rows:
    """Return the parts end to end; `dtype` is for none at all."""
    return np.concatenate(parts) if parts else np.zeros(0, dtype)

r"""How good is a list?  Precision, recall and NDCG at k, with binary relevance.

For each user: `relevant`, the set of items that are right, and `ranked`, a list, best first.  With
hit_r = 1 if the item of rank r = 1, 2, … is relevant, else 0, and no hits beyond the list's end:

    precision@k = (1 / k) sum_{r <= k} hit_r
    recall@k    = (1 / |relevant|) sum_{r <= k} hit_r
    DCG@k       = sum_{r <= k} hit_r / log2(r + 1)
    NDCG@k      = DCG@k / sum_{r <= min(k, |relevant|)} 1 / log2(r + 1)

Each is averaged over users.  precision@k divides by k even where the list is shorter: a place left
empty is a place wasted; so it reaches 1 only where |relevant| >= k.  A user without any relevant
item has no recall and no NDCG (0 / 0) and is left out of all three means.
"""

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from npcf._types import FloatArray
from npcf.errors import (
    DataError,
    EmptyBatchError,
    ShapeError,
    UsageError,
    require_choice,
    require_count,
    require_number,
    require_type,
)
from npcf.foreign import SAID, kind_of

if TYPE_CHECKING:
    from npcf.training.learner import Learner

Relevant = Sequence[Collection[Any]]
Ranked = Sequence[Sequence[Any]]


def precision_at_k(relevant: Relevant, ranked: Ranked, k: int) -> float:
    """Return the mean share of the first `k` places that hold a relevant item."""
    return _mean_over_users(relevant, ranked, k, lambda hits, n: hits.sum() / k)


def recall_at_k(relevant: Relevant, ranked: Ranked, k: int) -> float:
    """Return the mean share of the relevant items that are among the first `k`."""
    return _mean_over_users(relevant, ranked, k, lambda hits, n: hits.sum() / n)


def ndcg_at_k(relevant: Relevant, ranked: Ranked, k: int) -> float:
    """Return the mean normalised discounted cumulative gain of the first `k`."""
    discount = 1 / np.log2(np.arange(2, require_count("k", k) + 2))

    def ndcg(hits: FloatArray, n: int) -> float:
        # Added one after the other, so that perfect hits add the very numbers of the ideal.
        gains = np.cumsum(discount[: len(hits)] * hits)
        return float(gains[-1] / np.cumsum(discount)[min(k, n) - 1]) if len(hits) else 0.0

    return _mean_over_users(relevant, ranked, k, ndcg)


def _as_lists(argument: str, lists: Any) -> list[list[Any]]:
    """Return the items of each user, or raise."""
    cure = "Pass a list of lists, one for each user: [[1, 2], [3]]."
    require_type(argument, lists, (Sequence, np.ndarray), cure)
    found: list[list[Any]] = []
    for user, items in enumerate(lists if getattr(lists, "ndim", 1) else [lists]):
        try:
            found.append(list(items))
            distinct = set(found[-1])
        except SAID:  # not iterable, not hashable, or what a foreign object says to that
            distinct = None
        if distinct is None or isinstance(items, str):
            problem = f"is {kind_of(items)}, not a list of items"
            raise UsageError(argument, problem, cure, position=user, value=items)
    return found


def _mean_over_users(
    relevant: Relevant, ranked: Ranked, k: int, score: Callable[[FloatArray, int], Any]
) -> float:
    require_count("k", k)
    relevant, ranked = _as_lists("relevant", relevant), _as_lists("ranked", ranked)
    if len(relevant) != len(ranked):
        raise ShapeError(
            "ranked", f"{len(ranked)} lists for {len(relevant)} users", "Give one for each user."
        )
    scores = []
    for user, (wanted, items) in enumerate(zip(map(set, relevant), ranked, strict=True)):
        if len(set(items)) < len(items):
            twice = next(item for rank, item in enumerate(items) if item in items[:rank])
            raise DataError(
                "ranked", f"names {twice!r} twice", "List an item once.", position=user, value=twice
            )
        if wanted:
            hits = np.array([item in wanted for item in items[:k]], np.float64)
            scores.append(score(hits, len(wanted)))
    if not scores:
        raise EmptyBatchError(
            "relevant", "no user has a relevant item", "Give one user a relevant item at least."
        )
    return float(np.mean(scores))


SCORES = {"precision": precision_at_k, "recall": recall_at_k, "ndcg": ndcg_at_k}
PAIRS_AT_ONCE = 2**16


class RankingMetric:
    """How well each user's best `k` items match what the user rated `threshold` or more.

    For every user with validation ratings: relevant are the validation items rated at least
    `threshold`; ranked are all items the user has not rated in training, by prediction, ties by
    row.  Validation ratings of users or items that training does not know (row `#na#`) are left
    out: they are of different people and things, and nothing can be ranked for them.
    `kind` is "precision", "recall" or "ndcg"; formulas in `npcf.training.ranking`.
    Use: Learner(..., metrics={"p@10": RankingMetric("precision", 10)}).
    """

    def __init__(self, kind: str, k: int = 10, threshold: float = 4.0):
        self.score = SCORES[require_choice("kind", kind, SCORES)]
        self.k = require_count("k", k)
        self.threshold = require_number("threshold", threshold, low=-np.inf)

    def measure(self, learner: "Learner") -> float:
        """Return the score of `learner`'s model on its validation ratings."""
        valid, train = learner.dls.valid, learner.dls.train.ratings
        known = valid.known
        users, items = valid.users[known], valid.items[known]
        liked = valid.rating[known] >= self.threshold
        asked = np.unique(users)
        relevant = _items_of(asked, users[liked], items[liked])
        seen = _items_of(asked, train.users, train.items)
        return self.score(relevant, self._ranked(learner, asked, seen), self.k)

    def _ranked(
        self, learner: "Learner", users: NDArray[Any], seen: list[NDArray[Any]]
    ) -> list[list[int]]:
        """Return the rows of the best k items of each user, best first."""
        vocab = learner.dls.valid.item_vocab
        candidates = np.arange(vocab.first_row, len(vocab))
        ranked, at_once = [], max(1, PAIRS_AT_ONCE // len(candidates))
        for start in range(0, len(users), at_once):
            chunk = users[start : start + at_once]
            pairs = np.repeat(chunk, len(candidates)), np.tile(candidates, len(chunk))
            table = learner.predict(np.stack(pairs, axis=1)).reshape(len(chunk), -1)
            for mine, scores in zip(seen[start : start + at_once], table, strict=True):
                left = np.ones(len(vocab), bool)
                left[mine] = False
                left = left[vocab.first_row :]
                order = np.argsort(-scores[left], kind="stable")[: self.k]
                ranked.append(candidates[left][order].tolist())
        return ranked


def _items_of(
    asked: NDArray[Any], users: NDArray[Any], items: NDArray[Any]
) -> list[NDArray[np.int32]]:
    """Return the items that each of `asked` is paired with: one sort for all of them."""
    order = np.argsort(users, kind="stable")
    first = np.searchsorted(users[order], asked, side="left")
    last = np.searchsorted(users[order], asked, side="right")
    items = items[order]
    return [items[a:b] for a, b in zip(first, last, strict=True)]

"""P@k, R@k and NDCG@k of a learner on its validation ratings, as columns of its history."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npcf.errors import require_choice, require_count, require_number
from npcf.training.ranking import ndcg_at_k, precision_at_k, recall_at_k

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

    def measure(self, learner: Any) -> float:
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
        self, learner: Any, users: NDArray[Any], seen: list[NDArray[Any]]
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

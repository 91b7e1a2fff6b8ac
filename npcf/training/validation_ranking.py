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
    row.  `kind` is "precision", "recall" or "ndcg"; formulas in `npcf.training.ranking`.
    Use: Learner(..., metrics={"p@10": RankingMetric("precision", 10)}).
    """

    def __init__(self, kind: str, k: int = 10, threshold: float = 4.0):
        self.score = SCORES[require_choice("kind", kind, SCORES)]
        self.k = require_count("k", k)
        self.threshold = require_number("threshold", threshold, low=-np.inf)

    def measure(self, learner: Any) -> float:
        """Return the score of `learner`'s model on its validation ratings."""
        valid = learner.dls.valid
        liked = valid.rating >= self.threshold
        users = np.unique(valid.users)
        relevant = [valid.items[liked & (valid.users == user)].tolist() for user in users]
        return self.score(relevant, self._ranked(learner, users), self.k)

    def _ranked(self, learner: Any, users: NDArray[Any]) -> list[list[int]]:
        """Return the rows of the best k items of each user, best first."""
        train, vocab = learner.dls.train.ratings, learner.dls.valid.item_vocab
        candidates = np.arange(len(vocab) - len(vocab.ids), len(vocab))
        ranked, at_once = [], max(1, PAIRS_AT_ONCE // len(candidates))
        for start in range(0, len(users), at_once):
            chunk = users[start : start + at_once]
            pairs = np.repeat(chunk, len(candidates)), np.tile(candidates, len(chunk))
            table = learner.predict(np.stack(pairs, axis=1)).reshape(len(chunk), -1)
            for user, scores in zip(chunk, table, strict=True):
                seen = np.isin(candidates, train.items[train.users == user])
                order = np.argsort(-scores[~seen], kind="stable")[: self.k]
                ranked.append(candidates[~seen][order].tolist())
        return ranked

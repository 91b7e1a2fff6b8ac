"""Summary of a set of ratings, and what is odd about it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npcf.data.ratings import Ratings
from npcf.data.validate import require_ratings
from npcf.errors import DataError


def describe(ratings: Ratings) -> dict[str, Any]:
    """Return sizes, range, density, repetitions, cold rows, and sentences on what is odd.

    A cold user or item has one rating: whatever is learned of it is learned from that one.
    """
    require_ratings("ratings", ratings)
    if not len(ratings):
        raise DataError("ratings", "has no rows", "Give at least one rating.")
    by_user = _counts(ratings.users, ratings.user_vocab.first_row)
    by_item = _counts(ratings.items, ratings.item_vocab.first_row)
    if not (len(by_user) and len(by_item)):
        problem = "name nobody that the vocabularies hold"
        raise DataError("ratings", problem, "Describe the training ratings.")
    values, counts = np.unique(ratings.rating, return_counts=True)
    result: dict[str, Any] = {
        "ratings": len(ratings),
        "users": len(by_user),
        "items": len(by_item),
        "density": len(ratings) / (len(by_user) * len(by_item)),
        "lowest": float(values[0]),
        "highest": float(values[-1]),
        "mean": ratings.mean_rating,
        "different_ratings": len(values),
        "most_common_rating": float(values[counts.argmax()]),
        "repeated_pairs": ratings.n_duplicates,
        "merged_ids": ratings.n_merged_ids,
        "merged_pairs": ratings.n_merged_pairs,
        "not_rated": ratings.n_not_rated,
        "users_with_one_rating": int((by_user == 1).sum()),
        "items_with_one_rating": int((by_item == 1).sum()),
        "median_ratings_a_user": float(np.median(by_user)),
        "median_ratings_an_item": float(np.median(by_item)),
        "most_ratings_of_a_user": int(by_user.max()),
        "most_ratings_of_an_item": int(by_item.max()),
        "bytes": sum(c.nbytes for c in (ratings.users, ratings.items, ratings.rating)),
    }
    if ratings.timestamps is not None:
        times = np.array([ratings.timestamps.min(), ratings.timestamps.max()], "datetime64[s]")
        result["first"], result["last"] = map(str, times)
    return result | {"odd": _odd(result)}


def _counts(rows: NDArray[np.int32], first_row: int) -> NDArray[np.int64]:
    """Return how often each row occurs, of those that do; `#na#` does not count."""
    counts = np.bincount(rows)[first_row:]
    return counts[counts > 0]


def _odd(facts: dict[str, Any]) -> list[str]:
    """Return a sentence for each thing that may be wrong."""
    n = facts["ratings"]
    odd = {
        f"{facts['repeated_pairs']} ratings repeat a (user, item) pair": facts["repeated_pairs"],
        f"{facts['merged_ids']} item ids share the title of another": facts["merged_ids"],
        "all ratings are the same: there is nothing to learn": facts["different_ratings"] == 1,
        "there is one user only": facts["users"] == 1,
        "there is one item only": facts["items"] == 1,
        f"{facts['users_with_one_rating']} of {facts['users']} users have one rating only":
            2 * facts["users_with_one_rating"] > facts["users"],
        f"{facts['items_with_one_rating']} of {facts['items']} items have one rating only":
            2 * facts["items_with_one_rating"] > facts["items"],
        "one user gives more than half of the ratings":
            facts["users"] > 1 and 2 * facts["most_ratings_of_a_user"] > n,
        "one item has more than half of the ratings":
            facts["items"] > 1 and 2 * facts["most_ratings_of_an_item"] > n,
        "-1 may mean not rated: leave it out with --not-rated=-1, or not_rated=-1":
            facts["lowest"] == -1 and facts["highest"] > 1,
        "0 may mean not rated: leave it out with --not-rated=0, or not_rated=0":
            facts["lowest"] == 0 and facts["highest"] > 1,
        "ratings are below 0: the y_range (0, 5.5) does not hold them": facts["lowest"] < 0,
        "ratings are above 5: the y_range (0, 5.5) does not hold them": facts["highest"] > 5,
        "users and items are as many as ratings: are the columns right?":
            n > 10 and facts["users"] == n == facts["items"],
    }  # fmt: skip
    return [sentence for sentence, applies in odd.items() if applies]

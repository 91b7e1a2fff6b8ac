"""The caller's batch: ids and ratings as plain arrays, and what was odd about them."""

from typing import Any, NamedTuple

import numpy as np

from npcf.crosscheck.evidence import Array, Fact
from npcf.crosscheck.torch_objects import is_tensor
from npcf.errors import (
    EmptyBatchError,
    ShapeError,
    as_array,
    no_numbers,
    require_real,
)


class Batch(NamedTuple):
    """ids (B,) as int64, ratings (B,); `like` is the caller's rating if it is a float tensor."""

    users: Array
    items: Array
    rating: Array
    like: Any
    facts: list[Fact]

    def wider_than(self, table: Any) -> Any:
        """Return the dtype of the caller's ratings if it holds all numbers of the model's."""
        wider = self.like is not None and self.like.element_size() > table.element_size()
        return self.like.dtype if wider else None


def read_batch(users: Any, items: Any, rating: Any) -> Batch:
    """Return the caller's batch.

    Raises
    ------
    ShapeError, DTypeError, EmptyBatchError
        If it is none: lengths that differ, ids that are no whole numbers, no rating at all.
    """
    facts: list[Fact] = []
    columns = [_ids(name, ids, facts) for name, ids in (("users", users), ("items", items))]
    ratings = _flat("rating", require_real("rating", rating))
    for name, column in (("items", columns[1]), ("rating", ratings)):
        if len(column) != len(columns[0]):
            problem = f"has {len(column)} entries for {len(columns[0])} users"
            raise ShapeError(name, problem, "Give one user, one item and one rating for each pair.")
    if not len(ratings):
        raise EmptyBatchError("users", "is empty", "Give at least one rating.")
    like = rating if is_tensor(rating) and rating.is_floating_point() else None
    return Batch(columns[0], columns[1], ratings, like, facts)


def _ids(name: str, ids: Any, facts: list[Fact]) -> Array:
    array = _flat(name, as_array(name, ids))
    whole = array.dtype.kind in "iu" or (
        array.dtype.kind == "f" and bool((array == np.floor(array)).all())
    )
    if not whole:
        problem = f"ids must be integers, got dtype {array.dtype}"
        raise no_numbers(name, array, problem, "int64")
    if array.dtype.kind == "f":
        sentence = f"{name} are {array.dtype}: they are whole numbers, and were taken as int64."
        facts.append(Fact("contract", "float-ids", sentence, f"{name}.long()", False))
    return array.astype(np.int64)


def _flat(name: str, array: Array) -> Array:
    """Return (B,) of (B,) or (B, 1)."""
    if array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1):
        return array.reshape(-1)
    raise ShapeError(name, f"must be (B,), got {array.shape}", f"{name}.ravel() makes it flat.")

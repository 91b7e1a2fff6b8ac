"""Ratings in: readers, vocabularies, splits, batches, and synthetic ratings with a known truth."""

from typing import TYPE_CHECKING

from npcf.data.batches import Batch, Batches, Epoch
from npcf.data.columnar import ColumnarModelData
from npcf.data.columns import find_columns
from npcf.data.crosstab import crosstab
from npcf.data.csv import Reader, read_csv
from npcf.data.fetch import fetch, licence
from npcf.data.loaders import CollabDataLoaders
from npcf.data.movielens import read_ml100k, read_movielens, read_ratings
from npcf.data.ratings import Ratings
from npcf.data.recovery import Recovery
from npcf.data.show import describe
from npcf.data.splits import (
    by_time,
    by_user,
    k_fold,
    leave_one_out,
    split_indices,
    torch_randperm,
)
from npcf.data.synthetic import Planted, planted
from npcf.data.vocabulary import Vocabulary
from npcf.suggestions import suggesting

__all__ = [
    "by_time",
    "by_user",
    "crosstab",
    "describe",
    "fetch",
    "find_columns",
    "k_fold",
    "leave_one_out",
    "licence",
    "planted",
    "read_csv",
    "read_ml100k",
    "read_movielens",
    "read_ratings",
    "split_indices",
    "torch_randperm",
    "Batch",
    "Epoch",
    "Batches",
    "CollabDataLoaders",
    "ColumnarModelData",
    "Planted",
    "Ratings",
    "Reader",
    "Recovery",
    "Vocabulary",
]

if not TYPE_CHECKING:  # to a type checker every name would be there
    __getattr__ = suggesting(__name__, __all__)

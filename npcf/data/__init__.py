"""Ratings in: vocabularies, readers, splits, batches, and planted ratings with a known truth."""

from npcf.data.batches import Batch, Batches
from npcf.data.loaders import CollabDataLoaders
from npcf.data.movielens import read_ml100k
from npcf.data.planted import Planted, planted
from npcf.data.ratings import Ratings
from npcf.data.split import split_indices, torch_randperm
from npcf.data.vocabulary import Vocabulary

__all__ = [
    "Batch",
    "Batches",
    "CollabDataLoaders",
    "Planted",
    "Ratings",
    "Vocabulary",
    "planted",
    "read_ml100k",
    "split_indices",
    "torch_randperm",
]

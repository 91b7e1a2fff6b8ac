"""Shared by the tests of readers."""

from unittest import mock

from npcf.data import text


def triples(ratings):
    """Return [(user id, item id, rating), ...] of Ratings."""
    users, items = ratings.user_vocab.labels, ratings.item_vocab.labels
    columns = ratings.users, ratings.items, ratings.rating.tolist()
    return [(users[u], items[i], r) for u, i, r in zip(*columns, strict=True)]


def blocks_of(size):
    """Read `size` bytes at a time, in a `with`."""
    return mock.patch.object(text, "BLOCK", size)


BLOCK = text.BLOCK

"""The ends of the bias table."""

import numpy as np
import pandas as pd
import pytest

from npcf.analysis import top_items, top_items_by_count
from npcf.data import Ratings, planted
from npcf.models import DotProductBiasCP, DotProductBiasEmb

RATINGS = planted(30, 20, 200).ratings


@pytest.mark.parametrize("cls", [DotProductBiasEmb, DotProductBiasCP])
def test_ranks_by_the_models_own_bias_with_titles(cls):
    """Seed 2's second cell ranks the first model's biases again; each model has its own."""
    model = cls(31, 21, 3, rng=np.random.default_rng(0))
    bias = model.params["item_bias"].ravel()
    bias[0] = 99  # `#na#` is no item
    top, bottom = top_items(model, RATINGS, 4), top_items(model, RATINGS, 4, ascending=True)
    order = 1 + np.argsort(-bias[1:])
    assert top["row"].tolist() == order[:4].tolist()
    assert bottom["row"].tolist() == order[::-1][:4].tolist()
    assert top["title"].tolist() == [RATINGS.titles[row] for row in order[:4]]
    assert top["bias"].tolist() == bias[order[:4]].tolist()
    counts = [(RATINGS.items == row).sum() for row in order[:4]]
    assert top["ratings"].tolist() == counts


def test_ties_keep_the_order_of_rows():
    model = DotProductBiasCP(31, 21, 3, rng=np.random.default_rng(0))
    model.params["item_bias"][:] = 0
    for ascending in (False, True):
        assert top_items(model, RATINGS, 3, ascending=ascending)["row"].tolist() == [1, 2, 3]


def test_asking_for_more_than_there_is_gives_all():
    model = DotProductBiasCP(31, 21, 3, rng=np.random.default_rng(0))
    assert len(top_items(model, RATINGS, 100)) == 20


@pytest.mark.parametrize("ascending", [False, True])
def test_by_count_ranks_by_ratings_and_shows_the_bias(ascending):
    model = DotProductBiasCP(31, 21, 3, rng=np.random.default_rng(0))
    found = top_items(model, RATINGS, 20, by="count", ascending=ascending)
    alone = top_items_by_count(RATINGS, 20, ascending=ascending)
    assert found[["row", "title", "ratings"]].equals(alone)
    assert found["bias"].tolist() == model.params["item_bias"][found["row"]].tolist()
    sign = 1 if ascending else -1
    keys = list(zip(sign * found["ratings"], found["row"], strict=True))
    assert keys == sorted(keys)
    assert sorted(found["row"]) == list(range(1, 21))


def test_without_an_na_row_every_row_is_an_item():
    frame = pd.DataFrame({"user": 1, "item": [30, 10, 20, 10], "rating": 3.0})
    ratings = Ratings.from_frame(frame, na_row=False, order="appearance")
    assert top_items_by_count(ratings)["title"].tolist() == ["10", "30", "20"]

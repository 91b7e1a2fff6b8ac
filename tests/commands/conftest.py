"""What command lines work on: ratings, pairs, and a model of them."""

import numpy as np
import pandas as pd
import pytest

from npcf.cli import main
from npcf.data import planted


def lay_out(folder, **columns):
    """Write u.csv and pairs.csv of planted ratings, and a model of them; return the folder."""
    ratings = planted(40, 25, 400, seed=3).ratings
    users = np.array(ratings.user_vocab.labels, object)[ratings.users]
    items = np.array(ratings.item_vocab.labels, object)[ratings.items]
    frame = pd.DataFrame({"user": users, "item": items, "rating": ratings.rating}).assign(**columns)
    frame.to_csv(folder / "u.csv", index=False)
    frame[["user", "item"]].head(300).to_csv(folder / "pairs.csv", index=False)
    words = "train --data {w}/u.csv --epochs 2 --factors 2 --bs 32 --save {w}/model"
    assert main(words.format(w=folder).split()) == 0
    return folder


@pytest.fixture(scope="session")
def work(tmp_path_factory):
    """A folder with u.csv, pairs.csv (its first 300 pairs) and model."""
    return lay_out(tmp_path_factory.mktemp("work"))

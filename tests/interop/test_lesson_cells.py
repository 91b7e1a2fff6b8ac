"""The cells of the sources run as they stand, with their imports changed and their path filled in.

From V. Bakshi, "Comparing PyTorch Embeddings with Custom Embeddings" (2024): its model classes come
from npcf, whose backward is written by hand; the elided file name is `u.data`.
"""

import numpy as np
import pandas as pd
import pytest

from npcf.data import planted
from npcf.errors import ShapeError
from tests.places import NO_MOVIELENS, movielens

CELLS = [
    """
ratings = pd.read_csv(path/'u.data', delimiter='\\t', header=None, names=['user', 'movie', 'rating', 'timestamp'])
movies = pd.read_csv(path/'u.item', delimiter='|', encoding='latin-1', usecols=(0,1), names=('movie', 'title'), header=None)
ratings = ratings.merge(movies)
dls = CollabDataLoaders.from_df(ratings, item_name='title', bs=64)
n_users = len(dls.classes['user'])
n_movies = len(dls.classes['title'])
n_factors = 5
""",
    "xb, yb = dls.one_batch()",
    """
def create_params(size):
  return nn.Parameter(torch.zeros(*size).normal_(0, 0.01))
""",
    """
user_factors_emb = Embedding(n_users, n_factors)
user_factors_cp = create_params([n_users, n_factors])
""",
    """
user_bias_emb = Embedding(n_users, 1)
user_bias_cp = create_params([n_users])
movie_factors_emb = Embedding(n_movies, n_factors)
movie_factors_cp = create_params([n_movies, n_factors])
movie_bias_emb = Embedding(n_movies, 1)
movie_bias_cp = create_params([n_movies])
shapes = (user_bias_emb(xb[:,0]).shape, user_bias_cp[xb[:,0]].shape, movie_factors_emb(xb[:,1]).shape, movie_factors_cp[xb[:,1]].shape)
""",
    """
res_emb = (user_factors_emb(xb[:,0]) * movie_factors_emb(xb[:,1])).sum(dim=1, keepdim=True) # unit axis preserved
res_emb += user_bias_emb(xb[:,0]) + movie_bias_emb(xb[:,1])
""",
    """
res_cp = (user_factors_cp[xb[:,0]] * movie_factors_cp[xb[:,1]]).sum(dim=1) # keepdim=False
res_cp += user_bias_cp[xb[:,0]] + movie_bias_cp[xb[:,1]]
""",
    """
model_emb = DotProductBiasEmb(n_users, n_movies, n_factors=50)
learn_emb = Learner(dls, model_emb, loss_func=MSELossFlat())
learn_emb.fit_one_cycle(5, 5e-3, wd=0.1)
""",
    """
model_cp = DotProductBiasCP(n_users, n_movies, n_factors=50)
learn_cp = Learner(dls, model_cp, loss_func=MSELossFlat())
learn_cp.fit_one_cycle(5, 5e-3, wd=0.1)
""",
    """
movie_bias_emb = learn_emb.model.movie_bias.weight.squeeze()
idxs = movie_bias_emb.argsort(descending=True)[:5]
top_emb = [dls.classes['title'][i] for i in idxs]
""",
    """
movie_bias_cp = learn_cp.model.movie_bias.squeeze()
idxs = movie_bias_emb.argsort(descending=True)[:5]
top_cp = [dls.classes['title'][i] for i in idxs]
""",
]  # fmt: skip

FORGOT_KEEPDIM = """
res_emb = (user_factors_emb(xb[:,0]) * movie_factors_emb(xb[:,1])).sum(dim=1)
res_emb += user_bias_emb(xb[:,0]) + movie_bias_emb(xb[:,1])
"""


def planted_folder(folder):
    """Write planted ratings as u.data and u.item."""
    ratings = planted(50, 40, 1_000).ratings
    columns = ratings.users, ratings.items, ratings.rating.astype(int)
    lines = [f"{u}\t{i}\t{r}\t0\n" for u, i, r in zip(*columns, strict=True)]
    (folder / "u.data").write_text("".join(lines))
    titles = [f"{row}|{title}|x\n" for row, title in enumerate(ratings.titles) if row]
    (folder / "u.item").write_text("".join(titles), encoding="latin-1")
    return folder


def run_cells(path):
    names = {}
    exec("from npcf.interop.lesson import *", names)
    names["path"] = path
    for cell in CELLS:
        exec(cell, names)
    return names


def check(names, n_users, n_movies):
    assert (names["n_users"], names["n_movies"], names["n_factors"]) == (n_users, n_movies, 5)
    assert (names["xb"].shape, names["yb"].shape) == ((64, 2), (64, 1))
    assert names["user_factors_cp"].shape == (n_users, 5)
    assert repr(names["user_factors_emb"]) == f"Embedding({n_users}, 5)"
    assert names["shapes"] == ((64, 1), (64,), (64, 5), (64, 5))
    assert names["res_emb"].shape == (64, 1)
    assert names["res_cp"].shape == (64,)
    assert len(names["top_emb"]) == len(set(names["top_emb"])) == 5
    # the post ranks the first model's biases twice; each by its own is what top_items does
    assert names["top_cp"] == names["top_emb"]
    for learn in (names["learn_emb"], names["learn_cp"]):
        assert len(learn.history) == 5
        losses = learn.history["valid_loss"].tolist()
        assert losses[-1] < losses[0]


def test_cells_run_on_planted_ratings(tmp_path):
    check(run_cells(planted_folder(tmp_path)), 51, 41)


@pytest.mark.skipif(movielens() is None, reason=NO_MOVIELENS)
def test_cells_run_on_movielens_and_give_the_posts_sizes_and_losses():
    """944 and 1,665; final losses within .02 of the permutation's .808 and .810."""
    names = run_cells(movielens())
    check(names, 944, 1665)
    for learn in (names["learn_emb"], names["learn_cp"]):
        assert 0.78 < learn.history["valid_loss"].iloc[-1] < 0.84


def test_the_deliberate_errors_are_raised(tmp_path):
    """Missing arguments, and the missing keepdim."""
    names = run_cells(planted_folder(tmp_path))
    with pytest.raises(TypeError, match="missing 2 required positional arguments: 'ni' and 'nf'"):
        exec("Embedding()", names)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'size'"):
        exec("create_params()", names)
    names["movie_bias_emb"] = names["Embedding"](names["n_movies"], 1)
    with pytest.raises(ShapeError, match="keepdim=True"):
        exec(FORGOT_KEEPDIM, names)


def test_the_column_loader_of_the_lesson():
    """Seed 0: ColumnarModelData.from_data_frame(path, val_idxs, x, y, ['userId', 'movieId'], bs=64)."""
    names = {}
    exec("from npcf.interop.lesson import *", names)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"userId": rng.integers(5, 30, 300), "movieId": rng.integers(1, 60, 300)})
    names |= {"path": None, "val_idxs": np.arange(0, 300, 5), "x": frame,
              "y": rng.integers(1, 6, 300).astype(np.float32)}  # fmt: skip
    exec(
        "data = ColumnarModelData.from_data_frame("
        "path, val_idxs, x, y, ['userId', 'movieId'], bs=64)",
        names,
    )
    cats = names["data"].trn_ds.cats
    assert cats.shape == (240, 2)
    assert cats.dtype == np.int64
    for column, name in enumerate(("userId", "movieId")):
        kept = frame[name].drop(index=names["val_idxs"])
        pairs = set(zip(cats[:, column].tolist(), kept.tolist(), strict=True))
        assert len(pairs) == len({code for code, _ in pairs}) == kept.nunique()


def test_lesson_shorthand():
    names = {}
    exec("from npcf.interop.lesson import *", names)
    exec("a = T([[1.,2],[3,4]]); b = T([[2.,2],[10,10]]); c = DotProduct()(a, b)", names)
    assert names["c"].tolist() == [6, 70]


def test_a_batch_is_shown_with_ids_and_titles(tmp_path, capsys):
    """fastai's `dls.show_batch()`: ten ratings, decoded; and it takes nothing from the training."""
    names = run_cells(planted_folder(tmp_path))
    dls, ratings = names["dls"], names["ratings"]
    state = dls.train.rng.bit_generator.state
    exec("dls.show_batch()", names)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["user", "title", "rating"]
    assert len(lines) == 11
    known = {tuple(map(str, row)) for row in ratings[["user", "title", "rating"]].to_numpy()}
    for line in lines[1:]:
        user, *title, rating = line.split()[1:]
        assert (user, " ".join(title), rating.removesuffix(".0")) in known
    assert dls.train.rng.bit_generator.state == state
    exec("dls.show_batch(max_n=3)", names)
    assert len(capsys.readouterr().out.splitlines()) == 4


def test_numpy_pandas_and_path_come_along():
    names = {}
    exec("from npcf.interop.lesson import *", names)
    assert names["np"] is np
    assert names["pd"] is pd
    assert names["Path"]("a") / "b"

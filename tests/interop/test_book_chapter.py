"""Chapter 8 of the book, cell by cell, as a student types it, under the book's names.

The cells are counterparts of the book's (Howard & Gugger 2020, "Collaborative Filtering Deep Dive"),
in its order; a class that the book trains by autograd is one of npcf's, its backward written out.
Its networks (`CollabNN`, `use_nn=True`) have no Learner here.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import npcf
from npcf import models, ops
from npcf.data import planted
from npcf.errors import NpcfError, SettingError, UnknownIdError, UsageError
from npcf.interop import lesson
from npcf.interop.torch_names import CosineSimilarity
from npcf.verify import assert_same_bits
from tests.interop.test_lesson_cells import planted_folder

CELLS = {
    "the ratings": """
ratings = pd.read_csv(path/"u.data", delimiter="\\t", header=None, names=["user", "movie", "rating", "timestamp"])
""",
    "taste and content": """
user = np.array([0.9, 0.8, -0.6])
space_opera, old_romance = np.array([0.98, 0.9, -0.9]), np.array([-0.99, -0.3, 0.8])
matches = (user*space_opera).sum(), (user*old_romance).sum()
""",
    "the loaders": """
movies = pd.read_csv(path/"u.item", delimiter="|", encoding="latin-1", usecols=(0, 1), names=("movie", "title"), header=None)
ratings = ratings.merge(movies)
dls = CollabDataLoaders.from_df(ratings, item_name="title", bs=64)
dls.show_batch()
""",
    "the tables": """
n_users, n_movies, n_factors = len(dls.classes["user"]), len(dls.classes["title"]), 5
user_factors = torch.randn(n_users, n_factors)
movie_factors = torch.randn(n_movies, n_factors)
""",
    "a lookup is a product": """
one_hot_3 = one_hot(3, n_users).float()
by_product, by_index = user_factors.t() @ one_hot_3, user_factors[3]
""",
    "a batch": "x, y = dls.one_batch()",
    "DotProduct": """
model = TwoTableDotProduct(n_users, n_movies, 50)
learn = Learner(dls, model, loss_func=MSELossFlat())
learn.fit_one_cycle(5, 5e-3)
histories = [learn.history]
""",
    "DotProduct in a range": """
model = TwoTableDotProduct(n_users, n_movies, 50, y_range=(0, 5.5))
learn = Learner(dls, model, loss_func=MSELossFlat())
learn.fit_one_cycle(5, 5e-3)
histories.append(learn.history)
""",
    "DotProductBias": """
model = DotProductBiasEmb(n_users, n_movies, 50)
learn = Learner(dls, model, loss_func=MSELossFlat())
learn.fit_one_cycle(5, 5e-3)
histories.append(learn.history)
""",
    "weight decay": """
model = DotProductBiasEmb(n_users, n_movies, 50)
learn = Learner(dls, model, loss_func=MSELossFlat())
learn.fit_one_cycle(5, 5e-3, wd=0.1)
histories.append(learn.history)
""",
    "no parameters": """
class T(Module):
    def __init__(self): self.a = torch.ones(3)

none = L(T().parameters())
""",
    "a parameter": """
class T(Module):
    def __init__(self): self.a = nn.Parameter(torch.ones(3))

one = L(T().parameters())
""",
    "a layer": """
class T(Module):
    def __init__(self): self.a = nn.Linear(1, 3, bias=False)

t = T()
of_layer = L(t.parameters())
kind = type(t.a.weight)
""",
    "create_params": """
def create_params(size):
    return nn.Parameter(torch.zeros(*size).normal_(0, 0.01))
""",
    "DotProductBias by create_params": """
model = DotProductBiasCP(n_users, n_movies, 50)
learn = Learner(dls, model, loss_func=MSELossFlat())
learn.fit_one_cycle(5, 5e-3, wd=0.1)
""",
    "lowest and highest bias": """
movie_bias = learn.model.movie_bias.squeeze()
idxs = movie_bias.argsort()[:5]
lowest = [dls.classes["title"][i] for i in idxs]
idxs = movie_bias.argsort(descending=True)[:5]
highest = [dls.classes["title"][i] for i in idxs]
""",
    "principal components": """
g = ratings.groupby("title")["rating"].count()
top_movies = g.sort_values(ascending=False).index.values[:1000]
top_idxs = tensor([learn.dls.classes["title"].o2i[m] for m in top_movies])
movie_w = learn.model.movie_factors[top_idxs].cpu().detach()
movie_pca = movie_w.pca(3)
fac0, fac1, fac2 = movie_pca.t()
idxs = list(range(20))
X, Y = fac0[idxs], fac2[idxs]
""",
    "collab_learner": """
learn = collab_learner(dls, n_factors=50, y_range=(0, 5.5))
learn.fit_one_cycle(5, 5e-3, wd=0.1)
histories.append(learn.history)
""",
    "its model": "shown = repr(learn.model)",
    "its biases": """
movie_bias = learn.model.i_bias.weight.squeeze()
idxs = movie_bias.argsort(descending=True)[:5]
best = [dls.classes["title"][i] for i in idxs]
""",
    "distance": """
movie_factors = learn.model.i_weight.weight
idx = dls.classes["title"].o2i[title]
distances = nn.CosineSimilarity(dim=1)(movie_factors, movie_factors[idx][None])
nearest = dls.classes["title"][distances.argsort(descending=True)[1]]
""",
    "rates": "found = learn.lr_find()",
}  # fmt: skip


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    names = {"path": planted_folder(tmp_path_factory.mktemp("ml-100k"))}
    exec("from npcf.interop.lesson import *", names)
    names["title"] = planted(50, 40, 1_000).ratings.titles[7]
    for cell in CELLS.values():
        exec(cell, names)
    return names


def test_a_rating_is_a_dot_product(names):
    assert [round(float(match), 3) for match in names["matches"]] == [2.142, -1.611]


def test_the_one_hot_product_is_the_row(names):
    """One of the factors is multiplied by one, all others by zero: the same bits."""
    assert_same_bits(np.asarray(names["by_product"]), np.asarray(names["by_index"]))
    assert names["one_hot_3"].tolist() == [0, 0, 0, 1] + [0] * (names["n_users"] - 4)


def test_sizes_are_the_books(names):
    """Users and titles with a row for `#na#`; ids (64, 2), ratings (64, 1)."""
    assert (names["n_users"], names["n_movies"]) == (51, 41)
    assert (names["x"].shape, names["y"].shape) == ((64, 2), (64, 1))
    assert names["movie_pca"].shape == (40, 3)
    of_analysis = npcf.analysis.pca(names["movie_w"], 3, how="fastai")
    assert_same_bits(np.asarray(names["movie_pca"]), of_analysis)
    assert names["X"].shape == names["Y"].shape == (20,)
    assert names["distances"].shape == (41,)


def test_parameters_are_what_the_book_says(names):
    assert repr(names["none"]) == "(#0) []"
    assert [p.tolist() for p in names["one"]] == [[1, 1, 1]]
    assert [p.shape for p in names["of_layer"]] == [(3, 1)]
    assert names["kind"].__name__ == "Parameter"
    module = lesson.Module()
    module.table, module.inner = lesson.Embedding(4, 2), names["t"]
    module.layer = lesson.nn.Linear(2, 3)
    assert [p.shape for p in module.parameters()] == [(4, 2), (3, 1), (3, 2), (3,)]
    weight, bias = map(np.asarray, (module.layer.weight, module.layer.bias))
    assert_same_bits(np.asarray(module.layer(np.eye(2, dtype="f4"))), weight.T + bias)
    ones, weight = np.ones((4, 1), "f4"), np.asarray(names["t"].a.weight)
    assert_same_bits(np.asarray(names["t"].a(ones)), ones @ weight.T)


def test_every_model_of_the_chapter_learns(names):
    assert len(names["histories"]) == 5
    for history in names["histories"]:
        assert history["valid_loss"].iloc[-1] < history["valid_loss"].iloc[0]


def test_titles_are_ranked_by_their_own_models_bias(names):
    top = npcf.analysis.top_items
    learn = names["learn"]
    wanted = top(learn.model, names["dls"].valid, 5)["title"].tolist()
    with_na = [title for title in names["best"] if title != "#na#"]
    assert with_na == wanted[: len(with_na)]
    assert not set(names["lowest"]) & set(names["highest"])


def test_the_nearest_title_is_that_of_similar_items(names):
    learn, title = names["learn"], names["title"]
    predictor = npcf.analysis.Predictor.of(learn.model, names["dls"].valid)
    similar = npcf.analysis.similar_items(predictor, title, 2)["title"].tolist()
    assert names["nearest"] in (*similar, "#na#")
    assert names["nearest"] != title


def test_the_model_is_fastais(names):
    model = names["learn"].model
    assert names["shown"] == "FastaiDotBias(51, 41, n_factors=50, y_range=(0, 5.5))"
    shapes = [t.weight.shape for t in (model.u_weight, model.i_weight, model.u_bias, model.i_bias)]
    assert shapes == [(51, 50), (41, 50), (51, 1), (41, 1)]
    titles = names["dls"].classes["title"][3:6]
    assert_same_bits(model.bias(titles), model.i_bias.weight[3:6, 0])
    assert_same_bits(model.weight(titles), model.i_weight.weight[3:6])
    assert_same_bits(model.weight([7, 9], is_item=False), model.u_weight.weight[[7, 9]])
    assert_same_bits(model.bias([7], is_item=False), model.u_bias.weight[7])


def test_rates_are_searched_and_recorded(names):
    learn = names["learn"]
    assert 1e-7 < names["found"].valley < 10
    steps = learn.steps
    assert learn.recorder.lrs == steps["lr"].tolist()
    assert len(learn.recorder.losses) == len(steps)
    ends = learn.recorder.losses[len(steps) // 5 - 1 :: len(steps) // 5]
    assert ends == learn.history["train_loss_smoothed"].tolist()
    assert [valid for _, valid in learn.recorder.values] == learn.history["valid_loss"].tolist()


def test_the_recorder_draws_what_it_has_recorded(names):
    """`plot_loss` and `plot_sched`, on the axes that are given."""
    figure = pytest.importorskip("matplotlib.figure").Figure()
    axes, learn = figure.subplots(2), names["learn"]
    learn.recorder.plot_loss(axes[0])
    learn.recorder.plot_sched(axes[1])
    assert axes[0].lines[0].get_ydata().tolist() == learn.recorder.losses
    valid = [valid for _, valid in learn.recorder.values]
    assert axes[0].lines[1].get_ydata().tolist() == valid
    assert axes[1].lines[0].get_ydata().tolist() == learn.recorder.lrs


def test_a_title_is_found_by_its_name_or_refused_with_the_nearest(names):
    labels = names["dls"].classes["title"]
    assert [labels.o2i[label] for label in labels] == list(range(41))
    assert list(labels.o2i) == labels
    assert len(labels.o2i) == 41
    for find in (labels.o2i.__getitem__, lambda title: names["learn"].model.bias([title])):
        with pytest.raises(UnknownIdError, match="Did you mean"):
            find(labels[7][:-1])
    assert "no such title" not in labels.o2i


def test_the_books_classes_are_found_under_its_names(names):
    """Typed as in the book: with sizes two tables, without any the module of 2017."""
    rng = np.random.default_rng
    x = names["dls"].one_batch()[0]
    sizes = [len(labels) for labels in names["dls"].classes.values()]
    for options in ({}, {"y_range": (0, 5.5)}):
        book = lesson.DotProduct(*sizes, 3, **options, rng=rng(0))
        assert_same_bits(book(x), models.TwoTableDotProduct(*sizes, 3, **options, rng=rng(0))(x))
    old = lesson.DotProduct()
    assert isinstance(old, models.DotProduct)
    assert list(old(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[2.0, 2.0], [10.0, 10.0]]))) == [
        6,
        70,
    ]
    biased = lesson.DotProductBias(*sizes, 3, rng=rng(0))
    assert_same_bits(biased(x), models.DotProductBiasEmb(*sizes, 3, rng=rng(0))(x))
    with pytest.raises(NpcfError, match="factor"):
        lesson.DotProduct(*sizes, n_factor=3)


def test_sizes_of_embeddings_are_asked_of_the_loaders(names):
    dls = names["dls"]
    assert lesson.get_emb_sz(dls) == models.get_emb_sz(dls.classes)
    assert lesson.get_emb_sz(dls, {"title": 7})[1] == (len(dls.classes["title"]), 7)
    with pytest.raises(NpcfError, match="dls"):
        lesson.get_emb_sz(dls.classes)


def test_what_is_not_here_is_said(names):
    dls = names["dls"]
    with pytest.raises(SettingError, match=r"trains a network.*npcf\.models\.EmbeddingNN"):
        lesson.collab_learner(dls, use_nn=True, y_range=(0, 5.5), layers=[100, 50])
    with pytest.raises(SettingError, match="layers: are a network's"):
        lesson.collab_learner(dls, layers=[100, 50])
    with pytest.raises(UsageError, match="n_factor: is no option here. Did you mean"):
        lesson.collab_learner(dls, n_factor=50)
    with pytest.raises(NpcfError, match="has no params"):
        lesson.Learner(dls, names["t"])


def test_it_can_be_saved_and_loaded(names, tmp_path):
    learn = names["learn"]
    learn.save(tmp_path / "m")
    saved = npcf.training.load(tmp_path / "m")
    assert type(saved.model) is models.FastaiDotBias
    assert_same_bits(saved.model(names["x"]), learn.model(names["x"]))
    with pytest.raises(UsageError, match="made without classes"):
        saved.model.bias(["x"])


def test_its_tables_begin_as_fastais_embedding():
    """fmod(z, 2) / 100: moments of 2**16 numbers, within six standard errors of them."""
    model = models.FastaiDotBias(60, 500, 592, rng=np.random.default_rng(0))
    z = np.concatenate([table.ravel() for table in model.params.values()]).astype(float) * 100
    n, rng = z.size, np.random.default_rng(1)
    wrapped = np.fmod(rng.standard_normal(16 * n), 2)
    assert_same_bits(np.fmod(z, 2), z)
    for power in (1, 2, 4):
        got, want = z**power, wrapped**power
        error = np.sqrt(want.var() * (1 / n + 1 / want.size))
        assert abs(got.mean() - want.mean()) < 6 * error


@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 3), st.integers(0, 2**32 - 1))
def test_cosines_do_not_change_when_rows_are_scaled(n, k, power, seed):
    """By powers of two, which multiply exactly; and a row of zeros has cosine 0 with every other."""
    rows = np.random.default_rng(seed).standard_normal((n, k))
    found = CosineSimilarity(dim=1)(rows, rows[:1])
    assert_same_bits(CosineSimilarity(dim=1)(rows * 2**power, rows[:1]), found)
    assert CosineSimilarity(dim=1)(0 * rows, rows[:1]).tolist() == [0] * n


def test_the_books_range_is_the_operation_s():
    x = np.array([-3.0, 0.0, 2.0])
    want, _ = ops.sigmoid_range_forward(x, 0, 5.5)
    assert_same_bits(lesson.sigmoid_range(x, 0, 5.5), want)

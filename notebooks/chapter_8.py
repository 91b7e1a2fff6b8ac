# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Chapter 8 of the book, cell by cell
#
# The book is "Deep Learning for Coders with fastai and PyTorch" (Howard and Gugger, 2020); its
# chapter 8 builds a recommender from two tables. This page runs the counterpart of each of its code
# cells under the book's names. One line changes: the import. What changes with it is who computes
# the gradients: fastai leaves them to PyTorch, here they are written out, and this page shows them
# where the book defines a class.

# %%
import os
import tempfile

import matplotlib.pyplot as plt
from IPython.display import Markdown

import npcf
from npcf.analysis.plots import plot_lr_find
from npcf.analysis.plots.labels import draw_labels
from npcf.interop.lesson import *  # in place of fastai.collab and fastai.tabular.all

quiet = {"on_epoch": lambda row: None}  # no table that grows: it shows times, which differ

# %% [markdown]
# The chapter reads ML-100k. Where that is not at hand (`NPCF_DATA` names its folder), ratings
# are planted: drawn from known factors and biases, and written to files of the same form.

# %%
folder = os.environ.get("NPCF_DATA")
if folder:
    path = Path(folder) / "ml-100k"
else:
    path, planted = Path(tempfile.mkdtemp()), npcf.data.planted().ratings
    rows = zip(planted.users, planted.items, planted.rating.astype(int), strict=True)
    (path / "u.data").write_text("".join(f"{u}\t{i}\t{stars}\t0\n" for u, i, stars in rows))
    films = enumerate(planted.titles[1:], start=1)
    (path / "u.item").write_text("".join(f"{i}|{title}|\n" for i, title in films))

ratings = pd.read_csv(
    path / "u.data", delimiter="\t", header=None, names=["user", "movie", "rating", "timestamp"]
)
ratings.head(3)

# %% [markdown]
# ## What somebody likes, what a film has
#
# If both are known in numbers, their match is a dot product: science fiction, action, old films.

# %%
user = np.array([0.9, 0.8, -0.6])
space_opera = np.array([0.98, 0.9, -0.9])
old_romance = np.array([-0.99, -0.3, 0.8])

print("space opera", (user * space_opera).sum().round(3))
print("old romance", (user * old_romance).sum().round(3))

# %% [markdown]
# ## The loaders
#
# The only additions to the book's calls on this page are seeds, so that it says the same each time.

# %%
movies = pd.read_csv(
    path / "u.item", delimiter="|", encoding="latin-1", usecols=(0, 1), names=("movie", "title"),
    header=None,
)  # fmt: skip
ratings = ratings.merge(movies)
dls = CollabDataLoaders.from_df(ratings, item_name="title", bs=64, seed=42)
dls.show_batch(5)

# %%
{name: labels[:4] for name, labels in dls.classes.items()}

# %%
n_users = len(dls.classes["user"])
n_movies = len(dls.classes["title"])
n_factors = 5
user_factors = torch.randn(n_users, n_factors)
movie_factors = torch.randn(n_movies, n_factors)
user_factors.shape, movie_factors.shape

# %% [markdown]
# ## A lookup is a product with a one-hot vector

# %%
one_hot_3 = one_hot(3, n_users).float()
by_product, by_index = user_factors.t() @ one_hot_3, user_factors[3]
print("the same bits:", np.array_equal(by_product, by_index))

# %% tags=["prose"]
Markdown(
    f"The product multiplied {user_factors.size:,} numbers to copy {by_index.size} of them. (More on "
    "this, and on where the two differ, is on the page about embeddings.)"
)

# %% [markdown]
# ## The class, and what PyTorch does behind it
#
# The book's `DotProduct` has a `forward`; its `backward` is PyTorch's business. Here is the class with
# both. Read `backward` from below upwards against `forward`: each line undoes one.


# %%
class DotProduct:
    def __init__(self, n_users, n_movies, n_factors, rng):
        self.user_factors = Embedding(n_users, n_factors, rng=rng)
        self.movie_factors = Embedding(n_movies, n_factors, rng=rng)

    def forward(self, x):
        users = self.user_factors(x[:, 0])
        movies = self.movie_factors(x[:, 1])
        self.kept = x, users, movies
        return (users * movies).sum(dim=1)

    def backward(self, d_out):
        x, users, movies = self.kept
        d_users, d_movies = d_out[:, None] * movies, d_out[:, None] * users
        d_user_factors = np.zeros_like(self.user_factors.weight)
        d_movie_factors = np.zeros_like(self.movie_factors.weight)
        np.add.at(d_user_factors, x[:, 0], d_users)  # a user who is in the batch twice: both add up
        np.add.at(d_movie_factors, x[:, 1], d_movies)
        return d_user_factors, d_movie_factors


# %%
x, y = dls.one_batch()
x.shape, y.shape

# %% [markdown]
# `npcf.models.TwoTableDotProduct` is that class, made of npcf's operations. From the same tables both
# have the same gradients:

# %%
mine = DotProduct(n_users, n_movies, 50, np.random.default_rng(0))
model = TwoTableDotProduct(n_users, n_movies, 50, rng=np.random.default_rng(0))

error = mine.forward(x) - y[:, 0]
by_hand = mine.backward((2 / len(error) * error).astype(np.float32))

pred, cache = model.forward(x)
loss, loss_cache = npcf.ops.mse_forward(pred, y[:, 0])
of_npcf = model.backward(npcf.ops.mse_backward(1.0, loss_cache), cache)

print("against numeric gradients:", npcf.gradcheck(model, dls.first_batch()).ok)
for ours, theirs in zip(by_hand, of_npcf.values(), strict=True):
    print("by hand and by npcf the same bits:", np.array_equal(ours, theirs))

# %%
histories = {}
learn = Learner(dls, model, loss_func=MSELossFlat(), **quiet)
histories["DotProduct"] = learn.fit_one_cycle(5, 5e-3)
print("decay in force:", learn.opt.weight_decay)

# %% tags=["prose"]
Markdown(
    "The chapter comes to weight decay later. But a call without `wd` is not one without decay: "
    f"fastai's Adam has {learn.opt.weight_decay} by default, and so has npcf's preset of it."
)

# %% [markdown]
# ## A range, then biases
#
# Each step of the chapter changes one thing.

# %%
model = TwoTableDotProduct(n_users, n_movies, 50, y_range=(0, 5.5), rng=np.random.default_rng(0))
learn = Learner(dls, model, loss_func=MSELossFlat(), **quiet)
histories["in a range"] = learn.fit_one_cycle(5, 5e-3)

model = DotProductBiasEmb(n_users, n_movies, 50, rng=np.random.default_rng(0))
learn = Learner(dls, model, loss_func=MSELossFlat(), **quiet)
histories["with biases"] = learn.fit_one_cycle(5, 5e-3)

# %% [markdown]
# ## Weight decay
#
# Adding `wd * (parameters**2).sum()` to the loss asks for small parameters. The larger the factor of a
# parabola, the narrower it is:

# %%
at = np.linspace(-2, 2, 101)
figure, axes = plt.subplots(figsize=(4.5, 2.8))
for a in (1, 2, 5, 10, 50):
    axes.plot(at, a * at**2, label=f"a = {a}")
axes.set(title="a x²", xlabel="x", ylim=(0, 5))
axes.legend()
plt.show()
# %% [markdown]
# The chapter says that nobody computes the large sum: its gradient, `wd * 2 * parameters`, is added to
# the gradient. Adding it and shrinking the parameters is the same for plain gradient descent, up to
# rounding. For Adam it is not, and fastai's Adam shrinks:

# %%
wd, lr = 0.1, 5e-3
start, gradient = np.array([1.0, -0.5, 0.25]), np.array([0.4, 0.4, -0.04])


def after(rule, **settings):
    """Return the parameters after a step by `rule` from `start`."""
    params = {"w": start.copy()}
    rule(params, lr, **settings).step({"w": gradient})
    return params["w"]


table = pd.DataFrame(index=["added to the gradient", "shrinks the parameter"])
for name, rule in (("SGD", npcf.optim.SGD), ("Adam", npcf.optim.Adam)):
    without = after(rule)
    for kind, decoupled in zip(table.index, (False, True), strict=True):
        moved = after(rule, weight_decay=wd, decoupled=decoupled) - without
        table.loc[kind, [f"{name} {w:+g}" for w in start]] = moved / (lr * wd)
table.round(3)

# %% [markdown]
# Each number says what decay added to one step, in units of `lr * wd`. Where it shrinks, every
# parameter loses the share that it should. In Adam's added form the first step does not see it at
# all: the step is the gradient divided by its own size. (The page about training has the answer to
# what the lesson says about decay and the variation of the gradient.)

# %%
model = DotProductBiasEmb(n_users, n_movies, 50, rng=np.random.default_rng(0))
learn = Learner(dls, model, loss_func=MSELossFlat(), **quiet)
histories["and decay"] = learn.fit_one_cycle(5, 5e-3, wd=0.1)

table = pd.DataFrame({name: history["valid_loss"] for name, history in histories.items()})
table.round(2)

# %%
figure, axes = plt.subplots(figsize=(4.5, 2.8))
for name in table:
    axes.plot(table.index, table[name], "o-", label=name)
axes.set(title="validation loss", xlabel="epoch", xticks=table.index, ylim=(0, 4))
axes.legend()
plt.show()

# %% [markdown]
# ## What is a parameter?
#
# The chapter makes its own `Embedding`. For that it asks which attributes of a module are parameters:
# not a plain array, but a `Parameter`, and whatever a layer holds.


# %%
class T(Module):
    def __init__(self):
        self.a = torch.ones(3)


L(T().parameters())


# %%
class T(Module):
    def __init__(self):
        self.a = nn.Parameter(torch.ones(3))


L(T().parameters())


# %%
class T(Module):
    def __init__(self):
        self.a = nn.Linear(1, 3, bias=False)


t = T()
len(L(t.parameters())), type(t.a.weight).__name__


# %% [markdown]
# `parameters` is all that an optimiser of PyTorch knows of a model. npcf's optimisers take a dictionary
# of named tables instead, and the gradients under the same names: nothing is found by searching.


# %%
def create_params(size):
    return nn.Parameter(torch.zeros(*size).normal_(0, 0.01))


model = DotProductBiasCP(n_users, n_movies, 50, rng=np.random.default_rng(0))
learn = Learner(dls, model, loss_func=MSELossFlat(), **quiet)
histories["create_params"] = learn.fit_one_cycle(5, 5e-3, wd=0.1)
print(
    "create_params", create_params([n_movies]).shape, "  the model's", learn.model.movie_bias.shape
)
for name in ("and decay", "create_params"):
    print(f"{name:14} {histories[name]['valid_loss'].iloc[-1]:.2f}")

# %% [markdown]
# ## What the biases say

# %%
movie_bias = learn.model.movie_bias.squeeze()
idxs = movie_bias.argsort()[:5]
[dls.classes["title"][i] for i in idxs]

# %%
highest = idxs = movie_bias.argsort(descending=True)[:5]
[dls.classes["title"][i] for i in idxs]

# %% [markdown]
# ## Principal components of the films rated most often

# %%
g = ratings.groupby("title")["rating"].count()
top_movies = g.sort_values(ascending=False, kind="stable").index.values[:1000]
top_idxs = tensor([learn.dls.classes["title"].o2i[m] for m in top_movies])
movie_w = learn.model.movie_factors[top_idxs].cpu().detach()
movie_pca = movie_w.pca(3)
fac0, fac1, fac2 = movie_pca.t()

idxs = list(range(30))
X, Y = fac0[idxs], fac2[idxs]
figure, axes = plt.subplots(figsize=(7, 4.6))
axes.scatter(X, Y, s=12)
axes.set(title="films by two of three components", xlabel="component 0", ylabel="component 2")
axes.margins(0.1)
draw_labels(axes, X, Y, top_movies[idxs])  # those that fit, none on another
plt.show()
# %% [markdown]
# ## The same in one call

# %%
learn = collab_learner(dls, n_factors=50, y_range=(0, 5.5), rng=np.random.default_rng(0), **quiet)
found = learn.lr_find()
figure, axes = plt.subplots(figsize=(5, 2.8))
plot_lr_find(found, axes)
plt.show()

# %% [markdown]
# A hundred steps are few for tables of which each batch names a few rows, so the loss hardly falls before it
# rises. What the curve does show is from where on a rate is too large. Looking has changed nothing in the
# learner.

# %%
learn.fit_one_cycle(5, 5e-3, wd=0.1)
learn.model

# %%
learn.recorder.plot_loss()
plt.show()

# %%
movie_bias = learn.model.i_bias.weight.squeeze()
idxs = movie_bias.argsort(descending=True)[:5]
[dls.classes["title"][i] for i in idxs]

# %% tags=["prose"]
before = {dls.classes["title"][i] for i in highest}
in_both = len(before & {dls.classes["title"][i] for i in idxs})
Markdown(
    f"{in_both} of {len(idxs)} are those of the model before: another start, the same ratings. Biases "
    "learn from every rating of a film, so they hardly depend on where they began."
)

# %% [markdown]
# Which films are nearest to which? The cosine of the angle between their factors, largest first; a film
# is nearest to itself:

# %%
movie_factors = learn.model.i_weight.weight
idx = dls.classes["title"].o2i[top_movies[0]]
distances = nn.CosineSimilarity(dim=1)(movie_factors, movie_factors[idx][None])
idx = distances.argsort(descending=True)[1]
print("nearest to", top_movies[0], "is", dls.classes["title"][idx])

# %% [markdown]
# The chapter ends with networks in place of the dot product (`CollabNN`, `EmbeddingNN`).
# `notebooks/questions.md` says where else each of its questions is answered.

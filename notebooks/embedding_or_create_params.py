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
# # `Embedding` against `create_params`: each change reverted
#
# > Take a look at all the differences between the Embedding version of DotProductBias and the
# > create_params version, and try to understand why each of those changes is required. If you're not
# > sure, try reverting each change to see what happens (even the type of brackets used in forward has
# > changed!) (the book's chapter 8, "Further research")
#
# V. Bakshi's post of 2024 takes up this task and stops the tape at the interesting place. Here every
# change is reverted, in both versions, in npcf and in PyTorch, and what happens is printed. One of the
# reverted changes raises no error at all in PyTorch and trains a wrong model; it comes third.

# %%
import os
import warnings

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import Markdown

import npcf
from npcf.interop.lesson import DotProductBiasCP, DotProductBiasEmb, Learner, MSELossFlat
from npcf.models import Embedding, create_params

torch.set_num_threads(1)  # sums in one order

# %% [markdown]
# ## The two versions
#
# | | `DotProductBiasEmb` | `DotProductBiasCP` |
# |---|---|---|
# | factors | `Embedding(n_users, n_factors)` | `create_params([n_users, n_factors])` |
# | bias | `Embedding(n_users, 1)` | `create_params([n_users])` |
# | look up | `self.user_factors(x[:, 0])` | `self.user_factors[x[:, 0]]` |
# | dot | `.sum(dim=1, keepdim=True)` | `.sum(dim=1)` |
#
# Four changes. Tables of the post's sizes, and a batch as the lesson's loader gives it: a column of users
# and a column of films.

# %%
n_users, n_movies, n_factors, B = 944, 1665, 5, 64
rng = np.random.default_rng(0)
x = np.column_stack([rng.integers(0, n_users, B), rng.integers(0, n_movies, B)])

users_emb, movies_emb = Embedding(n_users, n_factors), Embedding(n_movies, n_factors)
users_cp, movies_cp = create_params([n_users, n_factors]), create_params([n_movies, n_factors])
print(users_emb, users_cp.shape)


# %%
def attempt(action):
    """Print the shape that an expression gives, or the error that it raises."""
    try:
        print("a result of shape", tuple(action().shape))
    except Exception as error:
        print(f"{type(error).__name__}: {error}".split(" [NPCF")[0])


# %% [markdown]
# ## One: two numbers, or a list of numbers
#
# `Embedding` is a layer that is always a table, so it asks for rows and columns. `create_params` makes an
# array of any shape, so it asks for a shape. Reverted:

# %%
attempt(lambda: Embedding([n_users, n_factors]))
attempt(lambda: create_params(n_users, n_factors))

# %% [markdown]
# ## Two: a bias has one column, or none
#
# For the same reason a bias is `Embedding(n_users, 1)`: a table with one column, whose lookup is a column.
# As an array it has no need of a second axis:

# %%
user_bias_emb, movie_bias_emb = Embedding(n_users, 1), Embedding(n_movies, 1)
user_bias_cp, movie_bias_cp = create_params([n_users]), create_params([n_movies])
print("looked up:", user_bias_emb(x[:, 0]).shape, user_bias_cp[x[:, 0]].shape)

# %% [markdown]
# Reverted: an `Embedding` without the one is refused. An array with the one is *not*, because it is a
# perfectly good array. Nothing happens here; something happens later, where it is added (change four).

# %%
attempt(lambda: Embedding(n_users))
attempt(lambda: create_params([n_users, 1])[x[:, 0]])

# %% [markdown]
# ## Three: the type of brackets
#
# A layer is called, an array is indexed. Reverted, in npcf:

# %%
attempt(lambda: users_emb[x[:, 0]])
attempt(lambda: users_cp(x[:, 0]))

# %% [markdown]
# And in PyTorch:

# %%
ids = torch.tensor(x)
attempt(lambda: torch.nn.Embedding(n_users, n_factors)[ids[:, 0]])
attempt(lambda: torch.nn.Parameter(torch.zeros(n_users, n_factors))(ids[:, 0]))

# %% [markdown]
# ## Four: `keepdim`
#
# The dot of an `Embedding` model must keep its unit axis, so that a column is added to columns:

# %%
dot_emb = (users_emb(x[:, 0]) * movies_emb(x[:, 1])).sum(dim=1, keepdim=True)
dot_cp = (users_cp[x[:, 0]] * movies_cp[x[:, 1]]).sum(dim=1)
print("Embedding    ", dot_emb.shape, "+", user_bias_emb(x[:, 0]).shape)
print("create_params", dot_cp.shape, "   +", user_bias_cp[x[:, 0]].shape)

# %% [markdown]
# Reverted in npcf, it is refused in either version, with the cure:

# %%
attempt(lambda: dot_emb.squeeze() + user_bias_emb(x[:, 0]))
attempt(lambda: dot_cp[:, None] + user_bias_cp[x[:, 0]])

# %% [markdown]
# > RuntimeError: output with shape [64] doesn't match the broadcast shape [64, 64]. But that doesn't work
# > because the bias Embedding outputs a tensor with dimensions 64 x 1. (the post)
#
# It does not work *because of one character*: the book adds by `+=`, into an array that is too small for the
# result. Written as an ordinary sum:

# %%
t_dot, t_bias = torch.tensor(dot_cp), torch.tensor(user_bias_emb(x[:, 0]))
attempt(lambda: t_dot.clone().__iadd__(t_bias))  # res += bias
attempt(lambda: t_dot + t_bias)  # res = res + bias

# %% [markdown]
# No error, and every rating's dot is added to every *other* rating's bias: entry `[n, m]` belongs to
# no pair, unless `n` is `m`. What follows depends on the loss. `MSELossFlat` flattens both sides and notices that they do not
# fit. `torch.nn.MSELoss` broadcasts once more, and says so in a warning that scrolls by:

# %%
square, ratings = (t_dot + t_bias), torch.zeros(B)
with warnings.catch_warnings(record=True, action="always") as said:
    attempt(
        lambda: torch.nn.functional.mse_loss(square.flatten(), ratings)
    )  # flattened, as fastai does
    warned_before = len(said)
    attempt(lambda: torch.nn.functional.mse_loss(square, ratings))  # torch.nn.MSELoss
print("warning:", str(said[warned_before].message).split(". ")[0])

# %% [markdown]
# ## What such a model learns
#
# Train both, with and without the unit axis, on ratings drawn from known biases (or on MovieLens):

# %%
folder = os.environ.get("NPCF_DATA")
planted = npcf.data.planted(200, 100, 6000)
data = npcf.data.read_ml100k(f"{folder}/ml-100k") if folder else planted.ratings
mean_of_item = np.bincount(data.items, data.rating) / np.maximum(np.bincount(data.items), 1)


class Model(torch.nn.Module):
    """The book's model; `keepdim=False` is the reverted change, with `+` in place of `+=`."""

    def __init__(self, keepdim):
        super().__init__()
        sizes = (data.n_users, 5), (data.n_items, 5), (data.n_users, 1), (data.n_items, 1)
        tables = [torch.nn.Embedding(*size, dtype=torch.float64) for size in sizes]
        self.p, self.q, self.b, self.c = tables
        self.keepdim = keepdim
        for table in tables:
            torch.nn.init.normal_(table.weight, std=0.01)

    def forward(self, users, items):
        res = (self.p(users) * self.q(items)).sum(dim=1, keepdim=self.keepdim)
        res = res + self.b(users) + self.c(items)
        return 5.5 * torch.sigmoid(res)


# %%
def trained(keepdim, epochs=5):
    """Return (model, its training losses) after some epochs of Adam on batches of 64."""
    torch.manual_seed(0)
    batches = npcf.data.Batches(data, 64, rng=np.random.default_rng(1))
    model, losses = Model(keepdim), []
    opt = torch.optim.Adam(model.parameters(), lr=5e-3)
    loss_func = torch.nn.MSELoss()
    for batch in (batch for _ in range(epochs) for batch in batches):
        users, items, rating = (torch.tensor(np.asarray(part)) for part in batch)
        target = rating.double()[:, None] if keepdim else rating.double()
        opt.zero_grad()
        with warnings.catch_warnings(action="ignore"):
            loss = loss_func(model(users.long(), items.long()), target)
        loss.backward()
        opt.step()
        losses.append(loss.item())
    return model, losses


right, losses_of_right = trained(keepdim=True)
reverted, losses_of_reverted = trained(keepdim=False)

# %%
figure, axes = plt.subplots(1, 2, figsize=(6.6, 2.8), sharey=True)
agreement = []
for one, model, title in ((axes[0], right, "with keepdim"), (axes[1], reverted, "without")):
    bias = model.c.weight.detach().numpy()[1:, 0]
    agreement.append(np.corrcoef(mean_of_item[1:], bias)[0, 1])
    one.plot(mean_of_item[1:], bias, "o", markersize=3)
    one.set(title=title, xlabel="mean rating of the film")
axes[0].set_ylabel("learned bias")
plt.show()

# %% tags=["prose"]
Markdown(
    f"With the unit axis the biases follow the films' mean ratings (correlation {agreement[0]:.2f}). "
    f"Without it they know nothing of them ({agreement[1]:.2f}): each bias was compared with the "
    "ratings of the whole batch, so all films got about the same one. There was no error, and the "
    f"training loss went down from {losses_of_reverted[0]:.1f} to "
    f"{np.mean(losses_of_reverted[-94:]):.1f} (with the unit axis to "
    f"{np.mean(losses_of_right[-94:]):.1f})."
)

# %% [markdown]
# ## The other way round, and what belongs together
#
# Changes two and four are one decision, made twice: either everything is a column or nothing is. With
# columns `create_params` works as well:

# %%
column_bias = create_params([n_users, 1])
attempt(
    lambda: (users_cp[x[:, 0]] * movies_cp[x[:, 1]]).sum(dim=1, keepdim=True) + column_bias[x[:, 0]]
)

# %% [markdown]
# ## The third way: `squeeze`
#
# > squeeze() does not do broadcasting, but removes a dimension of size 1. But in the video it's said that
# > squeeze() is for broadcasting, which doesn't make sense to me. (wiki of lesson 5)
#
# The student is right. The lesson of 2017 looks up a bias as a column and drops the unit axis at once:
# `um + self.ub(users).squeeze() + self.mb(movies).squeeze()`. It is there to *prevent* the broadcast above. So
# there are three versions, of three shapes, and with the same tables they predict the same bits:

# %%
versions = [npcf.models.EmbeddingDotBias, DotProductBiasEmb, DotProductBiasCP]
predictions = []
for version in versions:
    model = version(n_users, n_movies, n_factors, y_range=(0, 5.5), rng=np.random.default_rng(0))
    for name, table in predictions[0][0].params.items() if predictions else ():
        model.params[name][:] = table.reshape(model.params[name].shape)
    predictions.append((model, model(x)))
    same = np.array_equal(predictions[0][1], predictions[-1][1].ravel())
    print(f"{version.__name__:18} predicts {model(x).shape!s:8} the same numbers: {same}")

# %% [markdown]
# ## "Both train similarly"
#
# > To cap off this experiment, I'll show that both models train similarly. (the post)
#
# With the same tables to start from and the same batches they do not train similarly; they are the same
# model, to the last bit of every loss. The lesson's call, on either:


# %%
def fitted(version, seed):
    """Return the learner after the lesson's call; tables and batches are those of the seed."""
    tables, order = np.random.default_rng(seed).spawn(2)
    dls = npcf.data.CollabDataLoaders.from_ratings(data, bs=64, rng=order)
    model = version(dls.n_users, dls.n_items, n_factors=5)
    start = DotProductBiasEmb(dls.n_users, dls.n_items, n_factors=5, rng=tables)
    for name, table in start.params.items():
        model.params[name][:] = table.reshape(model.params[name].shape)
    learn = Learner(dls, model, loss_func=MSELossFlat(), backend="numpy", on_epoch=lambda row: None)
    learn.fit_one_cycle(5, 5e-3, wd=0.1)
    return learn


seeds = range(3)
learn_emb = [fitted(DotProductBiasEmb, seed) for seed in seeds]
learn_cp = [fitted(DotProductBiasCP, seed) for seed in seeds]
for seed in seeds:
    losses = [learn[seed].history["valid_loss"] for learn in (learn_emb, learn_cp)]
    print(f"seed {seed}: final loss {losses[0].iloc[-1]:.3f} {losses[1].iloc[-1]:.3f}",
          "  the same bits in all epochs:", np.array_equal(*losses))  # fmt: skip

# %% tags=["prose"]
posted_emb, posted_cp = 0.841644, 0.849560
final = [learn.history["valid_loss"].iloc[-1] for learn in learn_emb]
widest = np.abs(Embedding(10_000, 5, rng=np.random.default_rng(0)).weight).max() / 0.01
widest_cp = np.abs(create_params([10_000, 5], rng=np.random.default_rng(0))).max() / 0.01
Markdown(
    f"The post's two final losses, {posted_emb:.6f} and {posted_cp:.6f}, lie {posted_cp - posted_emb:.3f} apart. "
    "That is not the versions; it is the seed, which neither run was given: our three runs of *one* "
    f"version lie up to {max(final) - min(final):.3f} apart. (One more thing differs where the tables "
    "are not made equal: fastai's `Embedding` draws from a normal distribution that is cut off at "
    f"{widest:.1f} standard deviations, `create_params` does not cut: {widest_cp:.1f} in as many draws.)"
)

# %% [markdown]
# ## "The top five films of each model are the same"
#
# The post shows it by two cells. The second one begins `movie_bias_cp = ...` and then sorts
# `movie_bias_emb` once more. Two models trained with different seeds, by the post's cells and by cells
# that sort each model's own biases:

# %%
emb, cp = learn_emb[0].model, learn_cp[1].model
movie_bias_emb = emb.movie_bias.weight.squeeze()
movie_bias_cp = cp.movie_bias.squeeze()

first_cell = movie_bias_emb.argsort(descending=True)[:5]
second_cell_of_the_post = movie_bias_emb.argsort(descending=True)[:5]
second_cell_meant = movie_bias_cp.argsort(descending=True)[:5]

# %% tags=["prose"]
common = len(set(first_cell.tolist()) & set(second_cell_meant.tolist()))
Markdown(
    "The post's cells agree whatever was trained: "
    f"**{np.array_equal(first_cell, second_cell_of_the_post)}**. With each model's own biases the two "
    f"lists have {common} of five films in common here, "
    f"{'in the same order' if np.array_equal(first_cell, second_cell_meant) else 'in another order'}. "
    "So the claim may well be true, but was not shown. `npcf.analysis.top_items(model, ...)` ranks a "
    "model by its own biases."
)

# %% [markdown]
# ## Each change, and what holds it in place
#
# | change | reverted in npcf | reverted in PyTorch |
# |---|---|---|
# | sizes | TypeError | TypeError |
# | bias without its column | TypeError for `Embedding`; an array is refused when it is added | silent until it is added |
# | brackets | refused, naming the other brackets | TypeError |
# | `keepdim` | refused, naming both shapes | an error with `+=`; with `+` a square of wrong pairs, silently |
#
# **Where it is in the code:** `npcf/models/layers.py` (the two kinds of table), `npcf/models/book.py` (the
# two models, and a table of their shapes).

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
# # What did it learn?
#
# A trained model is two tables of factors and two of biases. The thread argues about how to look into
# them: is the principal component analysis to be fitted to the table or to its transpose? This page
# settles that by a theorem and a computation, looks at biases and neighbours, and shows that a
# bias is a factor.

# %%
import os

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import npcf
from npcf.analysis import PCA, pca, similar_items, top_items, top_items_by_count
from npcf.analysis.plots import plot_map

# %%
folder = os.environ.get("NPCF_DATA")
truth = None if folder else npcf.data.planted(n_ratings=40_000, seed=1)
ratings = npcf.data.read_ml100k(f"{folder}/ml-100k", item="title") if folder else truth.ratings
K = 50 if folder else 5


def trained(seed):
    """Return the lesson's model after the lesson's five epochs, and its loaders."""
    tables, batches = np.random.default_rng(seed).spawn(2)
    dls = npcf.data.CollabDataLoaders.from_ratings(ratings, bs=64, rng=batches)
    model = npcf.models.DotProductBiasEmb(dls.n_users, dls.n_items, K, rng=tables)
    npcf.Learner(dls, model, on_epoch=lambda row: None).fit_one_cycle(5, 5e-3, wd=0.1)
    return model, dls


model, dls = trained(0)
model

# %% [markdown]
# ## Biases
#
# The films that are liked, whoever is asked: those of largest bias. Beside it the plain mean of their
# ratings and how many there are.

# %%
seen = dls.train.ratings
counts = np.bincount(seen.items, minlength=ratings.n_items)
means = np.bincount(seen.items, seen.rating, ratings.n_items) / np.maximum(counts, 1)
top = top_items(model, seen, 5)
top.assign(mean=means[top["row"]]).drop(columns="row").round(2)

# %%
bias = model.core_params()["item_bias"]
rated = np.flatnonzero(counts)
figure, axes = plt.subplots(figsize=(5, 3))
axes.scatter(means[rated], bias[rated], s=counts[rated] / counts.max() * 60, alpha=0.5)
axes.set(title="bias and mean rating; size: number of ratings", xlabel="mean rating", ylabel="bias")
plt.show()

# %% [markdown]
# The mean takes whoever came for everybody. A bias is what remains after the users' own biases and
# tastes, and it is pulled to zero where there is little evidence. Where ratings are planted, the bias that
# each film was given is known, and nobody chooses films by taste, so that the mean should do as well:

# %%
if truth:
    given = truth.params["item_bias"]
    rare = rated[counts[rated] <= np.median(counts[rated])]
    scores = {
        name: [np.corrcoef(found[rows], given[rows])[0, 1] for rows in (rated, rare)]
        for name, found in (("learned bias", bias), ("mean rating", means))
    }
    print("correlation with the bias that was given")
    print(pd.DataFrame(scores, index=["all films", "the rarer half"]).round(2))

# %% [markdown]
# The post that compares `Embedding` with `create_params` finds the same five films in both models. Its second
# cell ranks the first model's biases again, so it could not find anything else. Two models from different
# seeds, each ranked by its own biases:

# %%
other, _ = trained(1)
first, second = (top_items(m, seen, 5)["title"].tolist() for m in (model, other))
print(
    "in both:",
    len(set(first) & set(second)),
    "of",
    len(first),
    "  in the same order:",
    first == second,
)

# %% [markdown]
# ## Principal components: transposed or not?
#
# > Why do we choose to fit the transpose of the movie embedding, rather than the embedding itself? Why do
# > we take the components from the fit PCA rather than transforming the matrix? (post 53)
# >
# > I'm inclined to think the notebook is wrong here. (post 54) Scratch everything I said above. (post 55)
#
# With $E$ the table of factors, a row a film, here is each form that the thread tries, and its shape:

# %%
E = model.params["item_factors"][rated].astype(float)  # without `#na#`
forms = {
    "PCA(3).fit(E.T).components_": PCA(3).fit(E.T).components_,
    "PCA(3).fit(E).components_": PCA(3).fit(E).components_,
    "PCA(3).fit_transform(E)": PCA(3).fit_transform(E),
    "E.pca(3), fastai's": pca(E, 3, "fastai"),
}
print("E", E.shape)
for name, form in forms.items():
    print(f"{name:30} {form.shape}")

# %% [markdown]
# The first and the third have a number for each film and component: two candidates for a map of the films.
# (The second has none: it says which mixture of factors each component is.) Are they the same map?


# %%
def likeness(a, b):
    """Return |correlation| (3,) of the columns of two maps, one by one."""
    return np.array([abs(np.corrcoef(p, q)[0, 1]) for p, q in zip(a.T, b.T, strict=True)])


by_transpose, by_rows = forms["PCA(3).fit(E.T).components_"].T, forms["PCA(3).fit_transform(E)"]
likeness(by_transpose, by_rows).round(2)

# %% [markdown]
# Not in general. PCA takes a mean away first, and the two forms take different ones. With rows as samples
# it is the average *film* that goes; transposed it is, for each film, the average of *its factors*. If a
# table has neither, both are one singular value decomposition $E = U S V^T$, and the map is $U$ in one form and
# $U S$ in the other:

# %%
J = E - E.mean(axis=0)
J = J - J.mean(axis=1, keepdims=True)  # no average film, no average factor
rows_of_J, transpose_of_J = PCA(3).fit(J), PCA(3).fit(J.T)
U, US = transpose_of_J.components_.T, rows_of_J.transform(J)
print("alike, once both means are gone:", likeness(U, US).round(6))
stretched = np.abs(U) * rows_of_J.singular_values_
print("one is the other times the singular values:", np.allclose(np.abs(US), stretched))

# %% [markdown]
# So the argument is about the mean. Does an average over *factors* mean anything? Turn all factors, those of
# users and those of films, by the same rotation. The model's predictions stay what they are, since
# $(P R)(Q R)^T = P Q^T$. What the maps show should stay as well:

# %%
R = np.linalg.qr(np.random.default_rng(0).standard_normal((K, K)))[0]
P = model.params["user_factors"].astype(float)
stays = likeness(by_rows, PCA(3).fit_transform(E @ R))
turned = likeness(by_transpose, PCA(3).fit((E @ R).T).components_.T)
print("predictions stay:", np.allclose(P @ E.T, (P @ R) @ (E @ R).T))
print("map by rows, before and after:     ", stays.round(2))
print("map by transpose, before and after:", turned.round(2))

# %%
assert stays.min() > 0.999 > turned.min()

# %% [markdown]
# **The argument settled.** Fit the table, not its transpose: `pca(E, 3)`, which is also what the book's
# `E.pca(3)` does. The transposed map depends on how the factors happen to be turned, which no rating has
# decided. Post 54 was right the first time. What post 55 likes about the transpose, that a component of
# it says "how much each review plays a part", the other form says as well, without the accident. And that
# the clusters of both look similar to some is no coincidence either: the smaller the average factor, the
# more alike the two maps are.
#
# The thread also fits one and transforms the other. That cannot be done:

# %%
try:
    PCA(3).fit(E.T).transform(E)
except npcf.errors.ShapeError as error:
    print(str(error).replace(". ", ".\n"))

# %% [markdown]
# > movie_emb just has unique movieId and its embedding, there is no information of ratings per se in the
# > matrix. You can easily confirm that by checking equality if `len(np.unique(topMovieIdx)) ==
# > len(topMovieIdx)`. (post 65)

# %%
top_rows = top_items_by_count(seen, 3000)["row"]
print(f"{len(top_rows)} films by count, {top_rows.nunique()} different ones")

# %% [markdown]
# True, and worth knowing: a film with one rating counts as much as one with hundreds, and its factors are
# mostly what they were before training. Weights bring the number of ratings in:

# %%
weighted = pca(E, 3, weights=counts[rated])
print("likeness of the maps with and without weights", likeness(by_rows, weighted).round(2))

# %%
predictor = npcf.analysis.Predictor.of(model, seen)
figure, axes = plt.subplots(figsize=(7, 4.6))
plot_map(predictor, seen, 40, axes, weighted=True)
plt.show()

# %% [markdown]
# ## Neighbours
#
# Films are near if they are liked by the same people: the cosine of the angle between their factors.

# %%
often = top_items_by_count(seen, 3)
film = ratings.item_vocab.label(int(often["row"][0]))
print("nearest to", often["title"][0])
near = similar_items(predictor, film, 3)
near[["title", "similarity"]].round(2)


# %%
def nearest(table, row, n):
    """Return the `n` rows of largest cosine with `row`, itself left out."""
    unit = table / np.linalg.norm(table, axis=1, keepdims=True)
    return set(np.argsort(-(unit @ unit[row]), kind="stable")[1 : n + 1].tolist())


if truth:
    n, true_table = 10, truth.params["item_factors"][rated]
    agree = [len(nearest(E, row, n) & nearest(true_table, row, n)) for row in range(len(E))]
    print(f"of the {n} nearest films, {np.mean(agree):.1f} are among the {n} of the planted truth;")
    print(f"by chance it would be {n * n / (len(E) - 1):.1f}")

# %% [markdown]
# ## A bias is a factor
#
# Give each user two more factors, his bias and a one; give each film a one and its bias:
#
# $$(P_u, b_u, 1) \cdot (Q_i, 1, c_i) = P_u \cdot Q_i + b_u + c_i .$$

# %%
init = npcf.models.uniform(-1, 1)
params = npcf.models.init_params(6, 8, 2, np.random.default_rng(0), np.float64, init)
users, items = np.array([0, 0, 3, 5]), np.array([1, 4, 4, 2])
rating = np.array([4.0, 2.0, 5.0, 1.0])


def widened(p):
    """Return the model's tables with its biases as factors."""
    (U, I), one = (len(p["user_bias"]), len(p["item_bias"])), np.ones
    return {
        "user_factors": np.column_stack([p["user_factors"], p["user_bias"], one(U)]),
        "item_factors": np.column_stack([p["item_factors"], one(I), p["item_bias"]]),
    }


wide = widened(params)
with_bias = npcf.models.dot_product_bias_forward(params, users, items)[0]
as_factors = npcf.models.dot_product_forward(wide, users, items, (0, 5.5))[0]
print("the same predictions:", np.allclose(with_bias, as_factors))

# %% [markdown]
# Training keeps them the same, if the ones are held fixed. Their gradient is not zero: it is the *other*
# side's bias times the error, and has to be struck out.


# %%
def trained_wide(wide, steps=200, lr=0.1, wd=0.0, fixed=True):
    """Return the wide tables after steps of gradient descent."""
    wide = {name: table.copy() for name, table in wide.items()}
    opt = npcf.optim.SGD(wide, lr, weight_decay=wd, decoupled=True)
    for _ in range(steps):
        pred, cache = npcf.models.dot_product_forward(wide, users, items, (0, 5.5))
        loss_cache = npcf.ops.mse_forward(pred, rating)[1]
        grads = npcf.models.dot_product_backward(npcf.ops.mse_backward(1.0, loss_cache), cache)
        if fixed:
            grads["user_factors"][:, -1] = grads["item_factors"][:, -2] = 0
        opt.step(grads)
    return wide


def trained_with_bias(params, steps=200, lr=0.1, wd=0.0):
    """Return the model's own tables after the same steps."""
    params = {name: table.copy() for name, table in params.items()}
    opt = npcf.optim.SGD(params, lr, weight_decay=wd, decoupled=True)
    for _ in range(steps):
        pred, cache = npcf.models.dot_product_bias_forward(params, users, items)
        loss_cache = npcf.ops.mse_forward(pred, rating)[1]
        d_pred = npcf.ops.mse_backward(1.0, loss_cache)
        opt.step(npcf.models.dot_product_bias_backward(d_pred, cache))
    return params


# %%
def apart(wide, params):
    """Return the largest difference between wide tables and the model's own, widened."""
    return max(np.abs(wide[name] - table).max() for name, table in widened(params).items())


of_model = trained_with_bias(params)
print(f"ones fixed: {apart(trained_wide(wide), of_model):.6f} apart from the model")
print(f"ones free:  {apart(trained_wide(wide, fixed=False), of_model):.2f}")

# %% [markdown]
# **Except for decay.** Decay has no gradient to be struck out. It shrinks the ones along with everything
# else, and the biases lose their effect:

# %%
steps, lr, wd = 200, 0.1, 0.05
decayed = trained_wide(wide, steps, lr, wd)
print(f"a one after decay: {decayed['user_factors'][0, -1]:.3f}")
print(f"(1 - lr wd)^steps: {(1 - lr * wd) ** steps:.3f}")
print(
    f"apart from the model with decay: {apart(decayed, trained_with_bias(params, steps, lr, wd)):.2f}"
)

# %% [markdown]
# So the model keeps its biases in tables of their own. That also lets them have a rate and a decay of their
# own: `wd={"item_bias": 0, "user_bias": 0, "default": 0.1}`.
#
# **Where it is in the code:** `npcf/analysis/pca.py` (the three forms and the theorem),
# `npcf/analysis/similar.py`, `npcf/analysis/top_items.py`.

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
# # The dot product that is not a matrix product
#
# > My understanding is that matrix dot product between two 2x2 matrices will result in another 2x2
# > matrix. However, the DotProduct example in Lesson 5 results in 2 element vector. Is the naming of
# > that class incorrect? Should the code use `torch.mm`? (forum thread "Lesson 5: DotProduct")
#
# The name is right, the vector is right, and the spreadsheet with its whole matrix is right as well.
# This page computes why, and counts what `torch.mm` on a batch would cost. It needs a first course in
# matrices, nothing else.

# %%
import os

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Markdown

import npcf

# %% [markdown]
# ## Row with row, or every row with every row

# %%
a = np.array([[1.0, 2], [3, 4]])
b = np.array([[2.0, 2], [10, 10]])

(a * b).sum(axis=1)  # the lesson's DotProduct: row 0 with row 0, row 1 with row 1

# %% [markdown]
# A *dot product* takes two vectors and gives one number. `DotProduct` takes two stacks of vectors and
# gives one number for each pair of rows. A *matrix product* gives one number for each row of the left
# and each column of the right. To meet the rows of `b`, they have to be made columns first:

# %%
a @ b.T

# %% [markdown]
# The wanted numbers are the diagonal. What stands beside it are the dots of rows that do not belong
# together. The thread suggests `np.dot(a, b)` and prints its result; that printed result is not what
# NumPy computes:

# %%
printed_in_the_thread = np.array([[2.0, 4], [30, 40]])

print("np.dot(a, b)", np.dot(a, b).tolist())
print("a * b       ", (a * b).tolist())
print("the thread printed a * b:", np.array_equal(printed_in_the_thread, a * b))

# %% [markdown]
# ## A batch: what is wanted of the matrix
#
# In the model the rows are looked up: row number `n` of `p` holds the factors of the user who gave
# rating `n` of the batch, row `n` of `q` those of the film. So row `n` of `p` has business with row `n`
# of `q` alone.

# %%
B, K = 16, 5  # ratings in the batch, factors
rng = np.random.default_rng(0)
p, q = rng.integers(-3, 4, (2, B, K)).astype(float)

dots = npcf.ops.row_dot_forward(p, q)[0]
matrix = p @ q.T
print("dots", dots.shape, "  matrix", matrix.shape)
print("the dots are the diagonal:", np.array_equal(dots, np.diagonal(matrix)))

# %%
figure, axes = plt.subplots(1, 2, figsize=(6, 3))
wanted = np.eye(B, dtype=bool)
for one, shown, title in (
    (axes[0], np.ones((B, B)), "computed by p @ q.T"),
    (axes[1], wanted, "wanted"),
):
    one.imshow(shown, vmin=0, vmax=1.4)
    one.set(title=title, xlabel="row of q", ylabel="row of p", xticks=[0, B - 1], yticks=[0, B - 1])
plt.show()

# %% tags=["prose"]
Markdown(
    f"Of {B} × {B} = {wanted.size} numbers {wanted.sum()} are wanted. The share is one in {B}, the "
    "batch size: the larger the batch, the greater the waste."
)

# %% [markdown]
# ## Counted, forward and backward
#
# Let a number count how often it is multiplied. NumPy multiplies arrays of any Python objects by
# asking them, so both ways can be run as they stand, on numbers that count.


# %%
class Counting:
    """A number that counts the multiplications made with it."""

    multiplications = 0

    def __init__(self, value):
        self.value = value

    def __mul__(self, other):
        Counting.multiplications += 1
        return Counting(self.value * other.value)

    def __add__(self, other):
        return Counting(self.value + other.value)


counting = np.frompyfunc(Counting, 1, 1)
plain = np.frompyfunc(lambda number: number.value, 1, 1)


def count(compute, *arrays):
    """Return (the results as plain numbers, how many multiplications they took)."""
    Counting.multiplications = 0
    results = compute(*(counting(array) for array in arrays))
    return [plain(result).astype(float) for result in results], Counting.multiplications


# %% [markdown]
# **Forward**, the lesson's way and by a matrix product:

# %%
(by_rows,), rows_forward = count(lambda p, q: [(p * q).sum(axis=1)], p, q)
(by_matrix,), matrix_forward = count(lambda p, q: [(p @ q.T).diagonal()], p, q)

assert np.array_equal(by_rows, by_matrix)
print("multiplications, rows:", rows_forward, "  matrix:", matrix_forward)

# %% [markdown]
# **Backward.** Given the gradient of each dot, `d`, the lesson's way has
#
# $$\frac{\partial L}{\partial p_{nk}} = d_n\, q_{nk}, \qquad
#   \frac{\partial L}{\partial q_{nk}} = d_n\, p_{nk} .$$
#
# The matrix product has a gradient $D$ of its own shape, square, which is zero beside the diagonal
# because nobody used those numbers. Its backward does not know that, and multiplies all of it:
#
# $$\frac{\partial L}{\partial p} = D\, q, \qquad \frac{\partial L}{\partial q} = D^T p .$$

# %%
d = rng.integers(-3, 4, B).astype(float)

d_rows, rows_backward = count(lambda d, p, q: [d[:, None] * q, d[:, None] * p], d, p, q)
d_matrix, matrix_backward = count(lambda D, p, q: [D @ q, D.T @ p], np.diag(d), p, q)

assert all(map(np.array_equal, d_rows, d_matrix))
print("multiplications, rows:", rows_backward, "  matrix:", matrix_backward)

# %% tags=["prose"]
Markdown(
    "The same gradients. Forward the matrix product multiplies "
    f"{matrix_forward // rows_forward} times as often, backward "
    f"{matrix_backward // rows_backward} times: in both directions once for each rating of the "
    "batch. The thread's answer says that the row-wise product is cheaper on the way back and that "
    "for this shallow model it probably does not matter. The count says: it is cheaper by the same "
    "factor on the way down, and the depth of the model has nothing to do with it."
)

# %% [markdown]
# The same counts for other batch sizes, with the lesson's number of factors, and the memory that
# holds the results of the forward pass:

# %%
lesson_B, lesson_K = 64, 50
sizes = (2, 4, 8, 16, 32)


def counts(B, K=lesson_K):
    """Count forward and backward together: (by rows, by a matrix product)."""
    d, p, q = np.ones(B), np.ones((B, K)), np.ones((B, K))
    by_rows = count(lambda d, p, q: [(p * q).sum(1), d[:, None] * q, d[:, None] * p], d, p, q)[1]
    by_matrix = count(lambda D, p, q: [p @ q.T, D @ q, D.T @ p], np.diag(d), p, q)[1]
    return by_rows, by_matrix


by_rows, by_matrix = zip(*map(counts, sizes), strict=True)
figure, axes = plt.subplots(figsize=(4.5, 2.8))
axes.loglog(sizes, by_matrix, "o-", label="p @ q.T", base=2)
axes.loglog(sizes, by_rows, "o-", label="(p * q).sum(1)", base=2)
axes.set(xlabel="ratings in the batch", title=f"multiplications of a step, {lesson_K} factors")
axes.legend()
plt.show()
# %%
costs = npcf.models.pair_costs(lesson_B, lesson_K)
costs._asdict()

# %%
assert [npcf.models.pair_costs(B, lesson_K).row_dot_multiplications * 3 for B in sizes] == [
    *by_rows
]
assert [npcf.models.pair_costs(B, lesson_K).matmul_multiplications * 3 for B in sizes] == [
    *by_matrix
]

# %% tags=["prose"]
Markdown(
    f"For the lesson's batch of {lesson_B} ratings and {lesson_K} factors the matrix product "
    f"multiplies {costs.matmul_multiplications:,} times instead of {costs.row_dot_multiplications:,} "
    f"and holds {costs.matmul_numbers:,} numbers of which {costs.row_dot_numbers} are wanted: in "
    f"float32 {costs.matmul_numbers * 4 // 1024} kB instead of {costs.row_dot_numbers * 4} bytes. "
    "(`npcf.models.pair_costs` has these numbers as formulas; the cell above held them against the "
    "counts.)"
)

# %% [markdown]
# ## Then why does the spreadsheet multiply whole matrices?
#
# > The loss is then calculated over the entire 2-d matrix, not over a 1-d vector, and that is as it
# > should be. I can't figure out why the latter is correct. (the same thread)
#
# In the spreadsheet a cell without a rating has no term in the loss. So the mean over the filled cells
# *is* the mean over the list of ratings, written in another order. Here are the ratings of a few users
# for a few films, once as a table with gaps and once as a list:

# %%
folder = os.environ.get("NPCF_DATA")
everything = npcf.data.read_ml100k(f"{folder}/ml-100k") if folder else npcf.data.planted().ratings
n_pairs = (everything.n_users - 1) * (everything.n_items - 1)  # less a row for the unknown
U, I = 12, 20
few = everything.take(np.flatnonzero((everything.users <= U) & (everything.items <= I)))
users, items = few.users - 1, few.items - 1  # row 0 is for the unknown, and has no ratings
table = np.full((U, I), np.nan)
table[users, items] = few.rating

figure, axes = plt.subplots(figsize=(4.6, 2.4))
cells = axes.imshow(np.ma.masked_invalid(table), vmin=0, vmax=5)
axes.set(title="ratings; white: none", xlabel="film", ylabel="user", xticks=[], yticks=[])
figure.colorbar(cells, ticks=range(1, 6))
plt.show()
# %%
params = npcf.models.init_params(U, I, 3, np.random.default_rng(1), np.float64)

matrix, matrix_cache = npcf.models.full_matrix_forward(params)  # the spreadsheet: all cells
loss_of_table, cache = npcf.models.masked_mse_forward(matrix, table, ~np.isnan(table))
of_table = npcf.models.full_matrix_backward(
    npcf.models.masked_mse_backward(1.0, cache), matrix_cache
)

pred, pred_cache = npcf.models.dot_product_bias_forward(params, users, items)  # the pairs
loss_of_list, cache = npcf.ops.mse_forward(pred, few.rating)
of_list = npcf.models.dot_product_bias_backward(npcf.ops.mse_backward(1.0, cache), pred_cache)

print("cells computed:", matrix.size, "  ratings:", len(few))
print(f"loss of the table {loss_of_table:.6f}, of the list {loss_of_list:.6f}")

# %%
rounding = len(few) * np.finfo(float).eps
for name in of_list:
    error = np.abs(of_table[name] - of_list[name]).max() / np.abs(of_list[name]).max()
    print(
        f"{name:13} {of_list[name].shape!s:9} a rounding a rating apart at most: {error <= rounding}"
    )

# %% tags=["prose"]
Markdown(
    "The two losses and all four gradients are the same, apart from the order in which sums are "
    f"rounded. The table computed {matrix.size} predictions to compare {len(few)} of them with "
    f"something. Of all users and films the table would have {n_pairs:,} cells, of which "
    f"{100 * len(everything) / n_pairs:.0f} % are filled."
)

# %% [markdown]
# ## Do shuffled batches reach all pairs in the end?
#
# > Because we shuffle our data, over time we will pair different movies to different users. Eventually,
# > we will (theoretically) test all movie-user combinations. (the same thread)
#
# Shuffling moves whole rows of the list. A user is never paired with a film that he has not rated:


# %%
def pairs_seen(batches, epochs):
    """Return how many different pairs have been in a batch, after each epoch."""
    seen, sizes = set(), []
    for _ in range(epochs):
        for batch in batches:
            seen |= set(zip(batch.users.tolist(), batch.items.tolist(), strict=True))
        sizes.append(len(seen))
    return sizes


shuffled = npcf.data.Batches(everything, 64, rng=np.random.default_rng(0))
drawn = npcf.data.Batches(everything, 64, "replacement", rng=np.random.default_rng(0))
by_shuffling, by_drawing = pairs_seen(shuffled, 3), pairs_seen(drawn, 3)
print("ratings:", len(everything), "  pairs that could be made:", n_pairs)
print("seen after one, two, three epochs, shuffled:          ", by_shuffling)
print("                                   drawn as by fastai:", by_drawing)

# %%
assert by_shuffling == [len(everything)] * 3

# %% tags=["prose"]
Markdown(
    f"All {len(everything):,} ratings are seen in the first epoch and nothing new in any other: "
    f"{n_pairs - len(everything):,} of {n_pairs:,} pairs never occur. The model predicts them all "
    "the same, because a user's factors are shared by all pairs of this user; that, and not the "
    "shuffling, is how it says something about films that nobody paired with him. "
    f"(fastai's own loader for this model draws with replacement: its first epoch misses "
    f"{100 * (1 - by_drawing[0] / len(everything)):.0f} % of the ratings.)"
)

# %% [markdown]
# The post looked at the loader, `data.trn_ds.cats`. Here it is, under the same names: a list of pairs, and
# every pair with its rating.

# %%
x = pd.DataFrame({"userId": everything.users, "movieId": everything.items})
val_idxs = np.arange(0, len(x), 5)
data = npcf.data.ColumnarModelData.from_data_frame(
    None, val_idxs, x, everything.rating, ["userId", "movieId"], bs=64, rng=np.random.default_rng(0)
)
cats, conts, y = next(iter(data.trn_dl))
print("trn_ds.cats", data.trn_ds.cats.shape, data.trn_ds.cats.dtype)
print("a batch: cats", cats.shape, " conts", conts.shape, " y", y.shape)

# %% [markdown]
# (`conts` would hold continuous variables, such as a user's age. An id is none, so the column is zeros and
# the model's `forward(cats, conts)` leaves it alone.)
#
# ## Does it do the job?
#
# > I confess that it's really puzzling to me how this unusual non-standard DotProduct can do the job it's
# > supposed to do here. (the same thread)
#
# The thread's model, two tables and the dot of their rows, over three epochs; the error is the root of the
# mean squared error on ratings that are not trained on:

# %%
model = npcf.models.EmbeddingDot(
    everything.n_users, everything.n_items, rng=np.random.default_rng(1)
)
print("a prediction for each pair:", model(cats, conts).shape)

dls = npcf.data.CollabDataLoaders.from_ratings(everything, bs=64, rng=np.random.default_rng(0))
learn = npcf.Learner(dls, model, backend="numpy", on_epoch=lambda row: None)
before = learn.validate()[1]
errors = learn.fit(3, 1e-2, wd=1e-4)["rmse"]
mean = np.mean(dls.train.ratings.rating)
always_the_mean = np.sqrt(np.mean((dls.valid.rating - mean) ** 2))

# %% tags=["prose"]
Markdown(
    f"It starts at {before:.1f}, because its tables start near zero, and is at {errors[0]:.2f}, "
    f"{errors[1]:.2f} and {errors[2]:.2f} after the three epochs; who always says the mean is at "
    f"{always_the_mean:.2f}. So it learns, though it has neither biases nor a range. Those come on the "
    "next pages."
)

# %% [markdown]
# The table of a run shows a training loss as well, and people compare the two.
#
# > In other words we NEVER let them overfit! As for how much they should be different it is all in the
# > numbers themselves. (wiki of lesson 5)
#
# Look first at what the number is: an average over batches *during* the epoch, most of which met a model
# that was not yet as good. The finished model on the same ratings:

# %%
printed = learn.history["train_loss_smoothed"].iloc[-1]
training, valid = dls.train.ratings, learn.history["valid_loss"].iloc[-1]
afterwards = np.mean((learn.predict(training.pairs) - training.rating) ** 2)

# %% tags=["prose"]
Markdown(
    f"Printed as training loss: {printed:.2f}. Computed afterwards on the training ratings: "
    f"{afterwards:.2f}. On the validation ratings: {valid:.2f}. So the gap between training and "
    f"validation is {valid - afterwards:.2f}, and not the {valid - printed:.2f} that the table suggests."
)

# %% [markdown]
# ## Is that how an LSTM saves its derivatives?
#
# > I think some of the LSTM logic for RNNs is similarly based on trying to avoid derivatives of full
# > matrix multiplications and instead taking element-wise products when possible. (the same thread)
#
# Count one step of an LSTM: its four gates multiply the input and the hidden state by full matrices;
# the elementwise products come after that. (The sigmoids multiply nothing and are left out.)

# %%
hidden, inputs = 32, 32
ones = np.ones
W, x = ones((4 * hidden, hidden + inputs)), ones(hidden + inputs)
_, in_gates = count(lambda W, x: [W @ x], W, x)
_, elementwise_of_cell = count(lambda f, c, i, g: [f * c + i * g], *ones((4, hidden)))
_, elementwise_of_output = count(lambda o, c: [o * c], *ones((2, hidden)))
elementwise = elementwise_of_cell + elementwise_of_output
print("multiplications in matrix products:", in_gates, "  elementwise:", elementwise)

# %% tags=["prose"]
Markdown(
    f"The elementwise products are {100 * elementwise / (elementwise + in_gates):.1f} % of the work, "
    "so they do not avoid the matrices. Their use is another: on its way back through time the "
    "gradient of the cell state is scaled by the forget gate alone, and not by a matrix."
)

# %% [markdown]
# **Where it is in the code:** `npcf/ops/row_dot.py` (the dot and its gradients, derived),
# `npcf/models/full_matrix.py` (the spreadsheet's way).

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
# # An embedding is a lookup, a one-hot product, and not `Linear`
#
# > I can't seem to wrap my head around what Embedding does differently than Linear without a bias. I
# > know it does some faster computational version of a dot product where one of the matrices is a
# > one-hot encoded matrix. Please point out where I am wrong. (Stack Overflow)
#
# The accepted answer begins "Essentially everything", and to the second sentence says "No, it doesn't".
# Both deserve a computation. The student is right about the one-hot matrix: values and gradients are
# those of the product, to the last bit. And an embedding is still no linear layer: five differences
# follow, each of which shows up as soon as a model is trained.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import Markdown

from npcf import models, ops, optim

# %% [markdown]
# ## A lookup
#
# The answer's own table and its own example, `embedding(torch.tensor([1]))`:

# %%
weight = np.array(
    [
        [0.1420, -0.1886, 0.6524, 0.3079],
        [0.2620, 0.4661, 0.7936, -1.6946],
        [0.0931, 0.3512, 0.3210, -0.5828],
    ]
)
out, _ = ops.embedding_forward(weight, np.array([1]))
out

# %%
rows = {"first": 0, "second": 1, "third": 2}
[name for name, row in rows.items() if np.array_equal(out[0], weight[row])]

# %% [markdown]
# "So we took the first row of the embedding", says the answer. Its printout, and the cell above, say
# the second: rows are numbered from zero. "It does nothing more than that" is true of the way forward:
# `weight[ids]`, a copy, no arithmetic, no rounding. Ids may come in any order, and more than once:

# %%
N, K = 5, 3  # rows of the table, factors
weight = np.arange(N * K).reshape(N, K) + 10.0
ids = np.array([3, 0, 3, 1])

looked_up, cache = ops.embedding_forward(weight, ids)
print("table", weight.shape, "  ids", ids.shape, "  out", looked_up.shape)
looked_up

# %% [markdown]
# ## A one-hot product
#
# Write each id as a row of zeros with a one in its place, and multiply by the table:

# %%
H = ops.one_hot(ids, N)

print(
    "H", H.shape, "@ weight", weight.shape, "is the lookup:", np.array_equal(H @ weight, looked_up)
)


# %%
def picture(axes, matrix, title, mark=()):
    """Draw a matrix of whole numbers, some rows of it darker."""
    shade = np.isin(np.arange(len(matrix)), list(mark))[:, None] * np.ones_like(matrix)
    axes.imshow(0.35 * shade, vmin=0, vmax=1, cmap="Blues")
    for (row, column), number in np.ndenumerate(matrix):
        axes.text(column, row, f"{number:g}", ha="center", va="center", fontsize=8)
    axes.set(title=title, xticks=[], yticks=range(len(matrix)))
    axes.spines[:].set_visible(False)


figure, axes = plt.subplots(1, 3, figsize=(6.6, 2.2), width_ratios=[N, K, K])
picture(axes[0], H, "H: one row an id", mark=[0, 2])
picture(axes[1], weight, "weight", mark=[3])
picture(axes[2], looked_up, "H @ weight", mark=[0, 2])
plt.show()

# %% [markdown]
# Shaded: the two rows of `H` that name row 3 of the table, and what they get. The product adds, for each
# output, one number and many zeros; adding zero rounds nothing. That is why the two are equal to the
# bit and not about equal.
#
# The price is another matter. For the lesson's user table, and its batch:

# %%
lesson_batch, lesson_users, lesson_factors = 64, 944, 50

in_product = lesson_batch * lesson_users * lesson_factors
numbers_of_H = lesson_batch * lesson_users
Markdown(
    "| | lookup | one-hot product |\n|---|---|---|\n"
    f"| multiplications | 0 | {in_product:,} |\n"
    f"| numbers that say which rows | {lesson_batch} | {numbers_of_H:,} |\n"
    f"| numbers read from the table | {lesson_batch * lesson_factors:,} "
    f"| {lesson_users * lesson_factors:,} |"
)

# %% [markdown]
# So "a faster computational version of a product with a one-hot matrix" is exactly what it is.
#
# ## Backward: the same gradient, by adding
#
# Let each row of the output have a gradient. The product's rule is $H^T$ times that; the lookup's rule is
# to add each row to the row it was copied from. A row copied twice gets both:

# %%
d_out = np.array([[1.0, 1, 1], [2, 2, 2], [5, 5, 5], [7, 7, 7]])

by_product = H.T @ d_out
by_adding = ops.embedding_backward(d_out, cache)
print("the same gradient:", np.array_equal(by_product, by_adding))

figure, axes = plt.subplots(1, 3, figsize=(6.6, 2.3), width_ratios=[len(ids), K, K])
picture(axes[0], H.T, "H.T", mark=[3])
picture(axes[1], d_out, "d_out", mark=[0, 2])
picture(axes[2], by_adding, "gradient of the table", mark=[3])
plt.show()

# %% [markdown]
# Rows that nobody named have a gradient of exactly zero. And here is the mistake that everybody makes
# once, because it reads like the rule:

# %%
wrong = np.zeros_like(weight)
wrong[ids] += (
    d_out  # NumPy evaluates wrong[ids] + d_out, then stores: one of two equal ids survives
)
print("row 3 should be", by_adding[3], "and is", wrong[3])

# %% [markdown]
# PyTorch agrees with all three: the lookup, the product, the sum over equal ids.

# %%
layer = torch.nn.Embedding.from_pretrained(torch.tensor(weight), freeze=False)
result = layer(torch.tensor(ids))
result.backward(torch.tensor(d_out))

print("forward equal:", np.array_equal(result.detach(), looked_up))
print("gradient equal:", np.array_equal(layer.weight.grad, by_adding))

# %% [markdown]
# ## And `Linear`?
#
# `torch.nn.Linear` without bias computes `input @ weight.T`. To give the lookup's numbers it must be fed
# with `H`, and own the *transposed* table:

# %%
linear = torch.nn.Linear(N, K, bias=False, dtype=torch.float64)
linear.weight.data = torch.tensor(weight.T)

print("weight of Embedding", tuple(layer.weight.shape), "  of Linear", tuple(linear.weight.shape))
print("equal on one-hot rows:", np.array_equal(linear(torch.tensor(H)).detach(), looked_up))

# %% [markdown]
# On these inputs they are the same function. What differs is everything around it.
#
# **One: what may be put in.** `Linear` takes any vector and mixes rows; an embedding takes row numbers,
# and refuses others. (NumPy would take a negative one and count from the end.)

# %%
half_and_half = np.array([0.5, 0.5, 0, 0, 0])
print("Linear:", half_and_half @ weight, " the mean of rows 0 and 1")

for bad in ([0.5], [N], [-1]):
    try:
        ops.embedding_forward(weight, np.array(bad))
    except (TypeError, IndexError) as refusal:
        print(f"Embedding, {bad}:", str(refusal).split(". ")[0])

# %% [markdown]
# **Two: which rows are read.** The product multiplies every row, the unwanted ones by zero. Zero times
# infinity is not a number, so one broken row breaks all outputs; the lookup never reads it.

# %%
broken = weight.copy()
broken[4] = np.inf  # nobody asks for row 4
with np.errstate(invalid="ignore"):
    print("product:", (H @ broken)[0], "  lookup:", ops.embedding_forward(broken, ids)[0][0])

# %% [markdown]
# **Three: who gets a gradient.** `Linear` passes one to its input, which is a vector of numbers. An id is
# not a number that could be a little larger, so the chain ends here: nothing flows to the ids.

# %%
vectors = torch.tensor(H, requires_grad=True)
linear(vectors).backward(torch.tensor(d_out))
print("gradient of Linear's input", tuple(vectors.grad.shape))
try:
    layer(torch.tensor(ids, dtype=torch.float64, requires_grad=True))
except RuntimeError as refusal:
    print("Embedding:", str(refusal).split(";")[0].split(", but")[0])

# %% [markdown]
# **Four: how much of the gradient is zero.** This is what "might be sparse" in the answer is about. A
# batch names few rows, the other rows of the gradient are zeros, and PyTorch can leave them out
# (`sparse=True`):

# %%
sparse = torch.nn.Embedding.from_pretrained(torch.tensor(weight), freeze=False, sparse=True)
sparse(torch.tensor(ids)).backward(torch.tensor(d_out))
gradient = sparse.weight.grad.coalesce()  # adds the rows of equal ids
print("rows kept:", gradient.indices().tolist()[0], "of", N)
print("the same gradient:", np.array_equal(gradient.to_dense(), by_adding))

# %%
named = np.unique(np.random.default_rng(0).integers(0, lesson_users, lesson_batch)).size
Markdown(
    f"{lesson_batch} users drawn at random from {lesson_users} are {named} different ones: "
    f"{100 * (1 - named / lesson_users):.0f} % of the dense gradient's rows are zeros. Leaving them "
    "out is no mere economy: an optimiser that remembers (momentum, Adam) moves rows whose gradient "
    "is zero, and does not move rows that have no gradient. [Which rows move](rows_that_move.md) has "
    "the table."
)

# %% [markdown]
# **Five: the "default value at specified index".** That is `padding_idx`: a row that starts at zero and
# gets no gradient. It is a row like any other on the way forward, with whatever it holds:

# %%
padded = weight.copy()
padded[0] = -1.0  # any value; zero is only where it starts
out, cache = ops.embedding_forward(padded, ids, padding_idx=0)
print("forward, id 0:", out[1], "  its gradient:", ops.embedding_backward(d_out, cache)[0])

# %% [markdown]
# No gradient does not mean that it stays: weight decay reaches it all the same.

# %%
table = {"weight": padded.copy()}
step = optim.SGD(table, lr=0.1, weight_decay=0.5)
step.step({"weight": ops.embedding_backward(d_out, cache)})

row = torch.nn.Embedding.from_pretrained(torch.tensor(padded), freeze=False, padding_idx=0)
row(torch.tensor(ids)).backward(torch.tensor(d_out))
torch.optim.SGD(row.parameters(), lr=0.1, weight_decay=0.5).step()
print("padding row after a step:", table["weight"][0], "  in PyTorch:", row.weight[0].tolist())

# %% [markdown]
# ## The book's network
#
# The question quotes the book's `class DotProduct(Module)`: two tables, ids in two columns, one number out
# for each pair.

# %%
model = models.TwoTableDotProduct(lesson_users, 1665, lesson_factors, rng=np.random.default_rng(0))
pairs = np.column_stack([np.arange(lesson_batch), np.arange(lesson_batch)])

users, movies = model.user_factors(pairs[:, 0]), model.movie_factors(pairs[:, 1])
print("in", pairs.shape, " looked up", users.shape, movies.shape, " out", model(pairs).shape)
print("by hand the same:", np.array_equal((users * movies).sum(dim=1), model(pairs)))

# %% [markdown]
# ## So who was right?
#
# | statement | |
# |---|---|
# | "what Embedding does differently than Linear: essentially everything" | the interface and the gradient, yes; on one-hot rows they are one function |
# | "a faster version of a product with a one-hot matrix": "No, it doesn't" | it is, to the bit, forward and backward |
# | "we took the first row" | the second |
# | `output = input.matmul(weight.t())` | right, so the tables are each other's transpose |
# | the book's layer returns `(batch_size,)`, `Linear` would return `(batch_size, out_features)` | right: [the dot product of rows](dot_product.md) |
#
# **Where it is in the code:** `npcf/ops/embedding.py` and `npcf/ops/one_hot.py`, each with its derivation;
# `npcf conformance --list` has the laws that hold them together.

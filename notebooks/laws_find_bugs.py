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
# # How a law finds a bug, and shrinks it
#
# *My gradients agree with finite differences. How would I notice that they are wrong?* Every one of the four
# sources trusts a printout: shapes that fit, losses that fall. This page takes the most common bug of a
# hand-written backward, shows that it passes the usual test, states a law that it breaks, and makes of the
# first input that breaks it the smallest one, by hand and then by Hypothesis.

# %%
import types
import warnings

import matplotlib.pyplot as plt
import numpy as np
from hypothesis import find, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from IPython.display import Markdown

from npcf import ops
from npcf.verify.conformance import Implementation, Report
from npcf.verify.mistakes.killing import MUTANTS, kill

warnings.simplefilter("ignore")

# %% [markdown]
# ## A bug, and a test that it passes
#
# The backward of the lookup adds each row's gradient to the row of the table that it came from. Two ways
# to write it; the second looks as good as the first.


# %%
def right(n_rows, ids, d_out):
    """Return the gradient of the table."""
    d_weight = np.zeros((n_rows, d_out.shape[1]))
    np.add.at(d_weight, ids, d_out)
    return d_weight


def wrong(n_rows, ids, d_out):
    """Return it with the bug: of equal ids one is kept."""
    d_weight = np.zeros((n_rows, d_out.shape[1]))
    d_weight[ids] += d_out
    return d_weight


# %% [markdown]
# The usual test: a small batch, and the slope of some loss in each number of the table, by differences.

# %%
rng = np.random.default_rng(0)
weight, ids = rng.standard_normal((20, 3)), rng.integers(0, 20, 4)
d_out = rng.standard_normal((4, 3))


def loss(weight):
    """Return a loss whose gradient in the looked-up rows is d_out."""
    return (weight[ids] * d_out).sum()


differences = np.zeros_like(weight)
for place in np.ndindex(weight.shape):
    step = np.zeros_like(weight)
    step[place] = 1e-6
    differences[place] = (loss(weight + step) - loss(weight - step)) / 2e-6

for backward in (right, wrong):
    print(f"{backward.__name__:6} passes:", np.allclose(backward(20, ids, d_out), differences))

# %% [markdown]
# Both pass. The loss of a model trained with the wrong one will fall, too; a little less. The test is not
# too tolerant. Its *input* is too kind: four different ids.

# %% [markdown]
# ## How kind are random inputs?
#
# The chance that all ids of a batch differ, where they are drawn from all users alike:


# %%
def all_different(batch, users):
    """Return the chance that no id comes twice."""
    return np.prod(1 - np.arange(batch) / users)


batches = np.arange(1, 129)
figure, axes = plt.subplots(figsize=(4.8, 2.6))
for users in (20, 944):
    axes.plot(batches, [all_different(n, users) for n in batches], label=f"{users} users")
axes.set(xlabel="ratings in the batch", ylim=(0, 1), title="chance that the bug stays hidden")
axes.legend()
plt.show()

# %% tags=["prose"]
Markdown(
    f"In the test above (4 ids of 20) it was {100 * all_different(4, 20):.0f} %; with the lesson's 944 "
    f"users a test of 8 ratings would pass in {100 * all_different(8, 944):.0f} % of all runs. A "
    f"training batch of 64 is right in {100 * all_different(64, 944):.0f} %, of 128 in "
    f"{100 * all_different(128, 944):.2f} %: the bug is rare where one looks and common where it hurts."
)

# %% [markdown]
# ## A law
#
# A *test* says what one input gives. A *law* says what every input must satisfy. Here: adding rows is the
# product with the transposed one-hot matrix.
#
# $$\text{backward}(\text{ids}, D) = H^T D$$
#
# On whole numbers both sides are exact, and no tolerance is needed.


# %%
def holds(backward, n_rows, ids, d_out):
    """Whether the law holds for one input."""
    return np.array_equal(backward(n_rows, ids, d_out), ops.one_hot(ids, n_rows).T @ d_out)


# %% [markdown]
# Inputs are drawn so that the hard cases are common: few rows, so that ids repeat; no ids at all; one row.


# %%
def draw(rng):
    """Draw (rows of the table, ids, gradient of the output)."""
    n_rows, batch, factors = (int(rng.integers(*ends)) for ends in ((1, 9), (0, 13), (1, 5)))
    return n_rows, rng.integers(0, n_rows, batch), rng.integers(-9, 10, (batch, factors)) * 1.0


def first_broken(backward, seed, tries=200):
    """Return the first input drawn that breaks the law, or None."""
    rng = np.random.default_rng(seed)
    inputs = (draw(rng) for _ in range(tries))
    return next((drawn for drawn in inputs if not holds(backward, *drawn)), None)


print("right:", first_broken(right, seed=0))
found = first_broken(wrong, seed=0)
print("wrong: rows", found[0], " ids", found[1])
print(found[2])

# %% [markdown]
# The law is broken, and what broke it is of little use: which of these numbers matters?
#
# ## Shrinking
#
# Try everything that makes the input a little smaller, one thing at a time: leave a rating out, leave a
# factor out, take a smaller table, a smaller id, a simpler number. Keep what still breaks the law, and
# begin again, until nothing smaller does.


# %%
def smaller(n_rows, ids, d_out):
    """Yield inputs that are one step smaller."""
    for b in range(len(ids)):
        yield n_rows, np.delete(ids, b), np.delete(d_out, b, axis=0)
    for k in range(d_out.shape[1] if d_out.shape[1] > 1 else 0):
        yield n_rows, ids, np.delete(d_out, k, axis=1)
    for b in np.flatnonzero(ids):
        for id_ in range(ids[b]):
            yield n_rows, np.where(np.arange(len(ids)) == b, id_, ids), d_out
    if n_rows > ids.max(initial=0) + 1:
        yield n_rows - 1, ids, d_out
    for place in np.argwhere(d_out):
        for simpler in (0.0, 1.0):
            changed = d_out.copy()
            changed[tuple(place)] = simpler
            if abs(d_out[tuple(place)] - 0.5) > 0.5 or simpler < d_out[tuple(place)]:
                yield n_rows, ids, changed


def shrink(backward, found, smaller=smaller):
    """Return all inputs on the way to one than which nothing smaller breaks the law."""
    way = [found]
    while True:
        broken = (tried for tried in smaller(*way[-1]) if not holds(backward, *tried))
        if (better := next(broken, None)) is None:
            return way
        way.append(better)


# %%
way = shrink(wrong, found)
numbers = [drawn[1].size + drawn[2].size for drawn in way]
sums = [np.abs(drawn[2]).sum() + drawn[1].sum() for drawn in way]
figure, axes = plt.subplots(figsize=(4.8, 2.6))
axes.step(range(len(way)), numbers, where="post", label="numbers in the input")
axes.step(range(len(way)), sums, where="post", label="their sizes, added up")
axes.set(xlabel="steps of shrinking", yscale="symlog", title="from the first input to the smallest")
axes.legend()
plt.show()

# %%
n_rows, ids, d_out = way[-1]
print("rows", n_rows, " ids", ids, " d_out", d_out.tolist())
print("right", right(*way[-1]).tolist(), " wrong", wrong(*way[-1]).tolist())

# %% [markdown]
# That is the bug, and nothing else: one row, named twice, and the first of its two gradients is lost. Does
# it matter where the search began?

# %%
starts = [first_broken(wrong, seed) for seed in range(30)]
ends = {str(shrink(wrong, start)[-1]) for start in starts}
print("different inputs at the start:", len({str(start) for start in starts}))
print("different inputs at the end:  ", len(ends), " one of them:")
print(max(ends))

# %% [markdown]
# It does: the search gets stuck. Two equal ids can become smaller only *together*; lower one of them, and
# they are no longer equal, and the law is no longer broken. So a good shrinker tries that, too:


# %%
def smaller_together(n_rows, ids, d_out):
    """Yield inputs that are one step smaller, equal ids lowered together among them."""
    yield from smaller(n_rows, ids, d_out)
    for old in np.unique(ids):
        for new in range(old):
            yield n_rows, np.where(ids == old, new, ids), d_out


ends = {str(shrink(wrong, start, smaller_together)[-1]) for start in starts}
print("different inputs at the end:  ", len(ends))
print(*ends)

# %% [markdown]
# Now all of them end in the same input. This is how a suite can tell *one* bug that breaks many laws from
# many bugs.
#
# ## The same by Hypothesis
#
# [Hypothesis](https://hypothesis.readthedocs.io) draws and shrinks anything that can be described. The
# description is a *strategy*:


# %%
@st.composite
def lookups(draw):
    """Draw (rows of the table, ids, gradient of the output)."""
    n_rows, batch, factors = (draw(st.integers(low, 12)) for low in (1, 0, 1))
    ids = draw(arrays(np.int64, batch, elements=st.integers(0, n_rows - 1)))
    numbers = st.integers(-9, 9).map(float)
    return n_rows, ids, draw(arrays(np.float64, (batch, factors), elements=numbers))


quiet = settings(database=None, derandomize=True, max_examples=1000)
smallest = find(lookups(), lambda drawn: not holds(wrong, *drawn), settings=quiet)
print("rows", smallest[0], " ids", smallest[1], " d_out", smallest[2].tolist())

# %% [markdown]
# The same two ids. In a test one writes `@given(lookups())` above a function that asserts the law, and the
# smallest input stands in the failure's message.
#
# ## The same by npcf, for a module of yours
#
# `npcf conformance my_module` does this for all laws of all operations that it finds in a module, adds what
# the wrong numbers have in common, and a script that shows the bug:


# %%
def embedding_backward(d_out, cache):
    """Keep one of several equal ids, in the form that the suite expects."""
    d_weight = np.zeros(cache.table_shape, cache.dtype)
    d_weight[cache.ids] += d_out
    return d_weight


mine = types.SimpleNamespace(
    embedding_forward=ops.embedding_forward, embedding_backward=embedding_backward
)
report = Report.of(Implementation(mine, "mine"), max_examples=50)
for cause in report.causes:
    print(f"{cause.title}\n  {cause.hint}")

# %% [markdown]
# ## When the tolerance hides the bug
#
# Adam divides by $\sqrt{v} + \epsilon$. A popular slip is $\sqrt{v + \epsilon}$. On the gradients of a test the
# two agree to many digits; the first steps differ by this much, for a gradient of each size:

# %%
eps, tolerance = 1e-8, 1e-5
sizes = np.logspace(-9, -1, 81)
outside = sizes / (np.sqrt(sizes**2) + eps)
inside = sizes / np.sqrt(sizes**2 + eps)
off = np.abs(inside / outside - 1)

figure, axes = plt.subplots(figsize=(4.8, 2.6))
axes.loglog(sizes, off)
axes.axhline(tolerance, ls="--", color="C1", label="a usual tolerance")
axes.set(xlabel="size of the gradient", title="eps inside the root: relative error of a step")
axes.legend(loc="lower left")
plt.show()

# %% tags=["prose"]
hidden = sizes[off < tolerance].min()
Markdown(
    f"Gradients above {hidden:.2f} hide the slip from a relative tolerance of {tolerance}, however many of "
    f"them are tried; at {sizes[0]:.0e} the step is too small by a factor of {outside[0] / inside[0]:,.0f}. A tolerance that is "
    "derived from the roundings (some units in the last digit) finds it at most sizes, and a law that "
    "draws small gradients finds it with any tolerance. The inputs matter more than the tolerance."
)

# %% [markdown]
# ## Who tests the laws?
#
# A law that no bug breaks proves nothing. `npcf.verify.mistakes` is a catalogue of wrong implementations,
# each with one mistake and a sentence that says it; every law has to catch one. Some of them, tried now:

# %%
names = ("eps_inside_the_root", "decay_after_the_step[adam]", "repeated_rows_averaged[item_bias]")
lines = ["| mistake | | caught |", "|---|---|---|"]
for name in names:
    one = kill(MUTANTS[name])
    lines.append(f"| `{name}` | {one.wrong.mistake.sentence} | {'yes' if one.law else 'no'} |")
Markdown("\n".join(lines))

# %% tags=["prose"]
Markdown(
    f"There are more than {len(MUTANTS) // 100 * 100} of them. [Why the numbers can be trusted](proof.md) has the table of what "
    "catches each, and `python -m npcf.verify.mistakes NAME` shows one."
)

# %% [markdown]
# **Where it is in the code:** laws in `npcf/verify/conformance/laws/`, strategies in
# `npcf/verify/strategies/`, mistakes in `npcf/verify/mistakes/`. The bounds that replace guessed tolerances
# are derived in [the page for sceptics](proven.py).

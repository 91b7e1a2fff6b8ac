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
# # Why should you believe a number of npcf?
#
# A page for sceptics. Every number below is computed when the page is run (`make test` runs it);
# open it in Jupyter with jupytext, or read it as it is.
#
# The question of every test of numeric code is *how far may two right programs lie apart?* The usual
# answer is a guess: `1e-6`, `1e-2`, "visual proof". Here the answer is derived from how floating-point
# numbers round, once for each operation, and then checked in both directions:
#
# 1. no right program ever leaves the bound (held against exact arithmetic, number by number);
# 2. the bound is not vacuous: right programs come near it;
# 3. wrong programs leave it: more than a hundred of them, planted on purpose.

# %%
import warnings
from fractions import Fraction

import numpy as np

from compare.proof import worst_cases
from compare.proof.executions import EXECUTIONS
from compare.torch_models import single_thread_and_warm
from npcf import kernels, ops
from npcf.verify import bounds, exact
from npcf.verify.bounds import PRECISION
from npcf.verify.conformance import LAWS, Implementation, check
from npcf.verify.mistakes.killing import MUTANTS, kill

warnings.simplefilter("ignore", RuntimeWarning)
single_thread_and_warm()

# %% [markdown]
# ## One bound, from the start
#
# A computed sum, difference, product or quotient is the exact one times $1 + \delta$ with
# $|\delta| \le u$; in float32 $u = 2^{-24}$. After $n$ roundings in a row the relative error is at
# most
#
# $$\gamma_n = \frac{n u}{1 - n u}$$
#
# (Higham 2002, lemma 3.1). In a dot product of $K$ terms each product is rounded once and takes part
# in at most $K - 1$ additions, *in whatever order they are made*. So
#
# $$|\text{computed} - \text{exact}| \le \gamma_K \sum_k |l_k r_k| + K \eta ,$$
#
# where $\eta$, the smallest subnormal, is what a product can lose by underflow. That is the whole of
# `npcf.verify.bounds.row_dot`. Take three terms that nearly cancel:

# %%
left = np.array([[1.1, -1.3, 1e-4]], np.float32)
right = np.array([[3.3, 2.7923, 1.7]], np.float32)
computed = ops.row_dot_forward(left, right)[0][0]
exactly = exact.row_dot(left, right)[0]
bound = bounds.row_dot(left, right)[0]

print("computed", computed)
print("exact   ", float(exactly), "=", str(exactly)[:40], "…")
print("error   ", float(abs(Fraction(float(computed)) - exactly)))
print("bound   ", float(bound))
assert abs(Fraction(float(computed)) - exactly) <= Fraction(float(bound))

# %% [markdown]
# The exact value is a fraction of two whole numbers: every float is one, and Python adds and
# multiplies them without rounding. (exp and the square root are not fractions; they come with 240
# bits.) A relative tolerance would be no use here: the terms cancel, so the *relative* error of the
# sum may be anything. The bound knows, because it is made of $\sum |l_k r_k|$ and not of the sum.

# %% [markdown]
# ## Every operation, and how much of its bound can be used
#
# For each result: inputs built or searched so that the roundings point the same way, and the largest
# share of the bound that npcf (NumPy and compiled) and PyTorch use of it, for $k$ = 1, 8, 50 and 128
# terms: factors in a dot, repetitions of a row in a scatter, ratings in a loss. Never above 1: that is
# the proof by trial. Often near 1: that is why these tolerances catch small mistakes.


# %%
def tightest(sizes, steps):
    """Return lines of the largest shares: a result each, npcf (best of two) and PyTorch by k."""
    found = worst_cases.worst_cases(sizes=sizes, steps=steps)
    share = {}
    for worst in found:
        whose = "torch" if "torch" in worst.execution else "npcf"
        key = (worst.result, whose, worst.k)
        share[key] = max(share.get(key, 0.0), worst.share)
    head = "".join(f"{'k = ' + str(k):>16}" for k in sizes)
    lines = [f"{'result':<38}{head}", f"{'':<38}" + f"{'npcf':>8}{'torch':>8}" * len(sizes)]
    for result in dict.fromkeys(worst.result for worst in found):
        if result in worst_cases.COPIES:
            continue
        cells = [share.get((result, whose, k)) for k in sizes for whose in ("npcf", "torch")]
        row = "".join(f"{'' if cell is None else f'{cell:.2f}':>8}" for cell in cells)
        lines.append(f"{result:<38}{row}")
    assert max(share.values()) <= 1
    return lines


print("\n".join(tightest((1, 8, 50, 128), steps=16)))

# %% [markdown]
# The lookup, the one-hot product and the bias's own gradient are copies: their bound is 0 and they
# use all of it. Rows that read 0.00 at k = 1 have nothing to round there: one number is its own sum.
#
# The long run behind the README's table (`python -m compare.proof.exact_run`) draws inputs of other
# kinds as well: wide spreads of exponents, cancellation, saturated logits, subnormal products.

# %%
print("executions held against exact arithmetic:", ", ".join(EXECUTIONS))
for dtype, name in ((np.float32, "float32"), (np.float64, "float64")):
    print(f"{name}: u = {PRECISION[np.dtype(dtype)].u:.3g}")

# %% [markdown]
# ## What a wrong program looks like
#
# The classic one: `d_weight[ids] += d_out` keeps one of several equal ids. It is right on every batch
# without repetitions, which is what most tutorials test with. Under the laws it lasts as long as it
# takes to draw a repetition, and Hypothesis reduces what it found to the smallest input that shows it.


# %%
def embedding_forward(weight, ids):
    """Look up rows; a right one."""
    if ids.dtype.kind not in "iu" or ((ids < 0) | (ids >= len(weight))).any():
        raise IndexError("ids must be row numbers")
    return weight[ids], (ids, weight.shape, weight.dtype)


def embedding_backward(d_out, cache):
    """Keep one of several equal ids: the mistake."""
    ids, shape, dtype = cache
    d_weight = np.zeros(shape, dtype)
    d_weight[ids] += d_out
    return d_weight


class Mine:
    """A module of one's own, as the suite would import it."""

    embedding_forward = staticmethod(embedding_forward)
    embedding_backward = staticmethod(embedding_backward)


outcome = check(LAWS["lookup_is_exact_within_the_bound"], Implementation(Mine, "mine"))
print(outcome.law.statement)
print(outcome.status, "after", outcome.examples, "inputs:", outcome.message)
print(outcome.counterexample)
assert outcome.status == "broken"
assert len(outcome.counterexample.ids) <= 3

# %% [markdown]
# ## What the planted mistakes showed
#
# `npcf.verify.mistakes` is a catalogue of wrong implementations, each with one mistake. A few
# of the subtle ones, with the law that noticed and after how many inputs; the README's table counts
# them all.

# %%
for name in (
    "dot_rounded[float32]",
    "eps_inside_the_root",
    "decay_after_the_step[adam]",
    "repeated_rows_averaged[item_bias]",
    "hard_sigmoid",
):
    one = kill(MUTANTS[name])
    print(f"{name:<34} {one.wrong.mistake.sentence}")
    print(f"{'':<34} -> {one.law}, input {one.examples}")
    assert one.law
print(len(MUTANTS), "mistakes,", len(LAWS), "laws")

# %% [markdown]
# What they teach: the *inputs* matter more than the tolerance. On tutorial data (every id once, equal
# table sizes, a range from 0, fresh optimisers) many of these mistakes change nothing, so no tolerance
# can see them. On inputs with repetitions, unequal tables, a range that does not start at 0 and
# optimisers in mid-run the derived bounds see them all.
#
# ## The compiled code is held to the same
#
# In strict order of operations the compiled twin equals the reference to the bit wherever both add in
# the same order; elsewhere both lie within the bound of the exact value, so within twice the bound of
# each other.

# %%
rng = np.random.default_rng(0)
weight, ids = rng.standard_normal((5, 3)), rng.integers(0, 5, 20)
d_out = rng.standard_normal((20, 3))
gradients = [
    backend.embedding_backward(d_out, backend.embedding_forward(weight, ids)[1])
    for backend in (ops, kernels)
]
print("scatter, NumPy and compiled, the same bits:", np.array_equal(*gradients))
assert np.array_equal(*gradients)

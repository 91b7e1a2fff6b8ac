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
# # Every gradient by hand, operation by operation
#
# > But on the backward pass when our gradients are calculated and our weights are updated, taking the
# > gradient of element-wise products (and sums) is cheaper. (forum thread "Lesson 5: DotProduct")
#
# What *is* the gradient of an element-wise product and a sum? In PyTorch the question never comes up:
# `loss.backward()` fills it in. Here the whole model is taken backwards by hand, five operations, one or
# two lines each, and every line is checked against a number found without it. Needed: the chain rule.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Markdown

import npcf

np.set_printoptions(precision=4, suppress=True)

# %% [markdown]
# ## Forward
#
# Three users, four films, two factors, three ratings. User 0 has given two ratings; film 3 has got two.

# %%
P = np.array([[0.5, -1.0], [0.3, 0.8], [-0.6, 0.4]])  # users' factors (U, K)
Q = np.array([[0.2, 0.7], [0.9, -0.4], [-0.5, 0.1], [1.2, 0.3]])  # films' factors (I, K)
b = np.array([0.3, -0.2, 0.1])  # users' biases (U,)
c = np.array([0.0, 0.5, -0.3, 0.2])  # films' biases (I,)

users, films = np.array([0, 0, 2]), np.array([1, 3, 3])
rating = np.array([4.0, 5.0, 1.0])
low, high = 0.0, 5.5
B = len(rating)

# %% [markdown]
# The five operations: look up, dot, add biases, squash into the range, take the mean squared error.

# %%
p, q = P[users], Q[films]  # (B, K) each
dot = (p * q).sum(axis=1)  # (B,)
x = dot + b[users] + c[films]  # (B,)  the logit
s = 1 / (1 + np.exp(-x))  # (B,)  the sigmoid
y = s * (high - low) + low  # (B,)  the prediction
e = y - rating  # (B,)  the error
loss = (e**2).mean()  # a number

forward = {"user": users, "film": films, "dot": dot, "logit": x, "sigmoid": s,
           "prediction": y, "rating": rating, "error": e}  # fmt: skip
print(pd.DataFrame(forward).round(4).to_string(index=False))
print(f"\nloss {loss:.4f}")

# %% [markdown]
# ## What a gradient is, and a number to check it by
#
# The gradient of the loss with respect to a number, written `d_` and its name, is the slope of the loss
# as that number alone changes. Take one factor of user 0, and leave everything else as it is:


# %%
def loss_of(P, Q, b, c):
    """Return the loss as a function of the four tables."""
    x = (P[users] * Q[films]).sum(axis=1) + b[users] + c[films]
    y = low + (high - low) / (1 + np.exp(-x))
    return ((y - rating) ** 2).mean()


def with_factor(value):
    """Return the loss where the first factor of user 0 has another value."""
    return loss_of(np.where(P == P[0, 0], value, P), Q, b, c)


# %% [markdown]
# The usual way to a slope is a difference, `(f(x + h) - f(x)) / h`, in which half of the digits cancel. A
# step in the *imaginary* direction has no such loss: $f(x + ih) = f(x) + ih\,f'(x) + \dots$, so the
# imaginary part divided by `h` is the slope, and `h` may be as small as one likes.


# %%
def slopes(f, at, h=1e-30):
    """Return the slope of f in every entry of an array, by the complex step."""
    found = np.zeros_like(at)
    for place in np.ndindex(at.shape):
        moved = at.astype(complex)
        moved[place] += 1j * h
        found[place] = f(moved).imag / h
    return found


slope = slopes(lambda P: loss_of(P, Q, b, c), P)[0, 0]
values = np.linspace(-1.5, 2.5, 81)
figure, axes = plt.subplots(figsize=(4.6, 2.6))
axes.plot(values, [with_factor(value) for value in values], label="loss")
axes.plot(values, loss + slope * (values - P[0, 0]), "--", label=f"slope {slope:.3f}")
axes.plot(P[0, 0], loss, "o", color="k", markersize=4)
axes.set(xlabel="first factor of user 0", ylim=(0, 4), title="a gradient is a slope")
axes.legend()
plt.show()

# %% [markdown]
# Raise that factor a little, and the loss falls. Now all such slopes by hand, from the end to the start.
# In each step the gradient of what came *out* of an operation is known, and the gradient of what went
# *in* is wanted. `check` compares with slopes of the rest of the computation, found without formulas.


# %%
def check(name, by_hand, f, at):
    """Print a gradient beside the slopes of `f`; refuse one that is wrong."""
    numeric = slopes(f, at)
    print(f"{name + ' by hand':30} slopes")
    for left, right in zip(str(by_hand).splitlines(), str(numeric).splitlines(), strict=True):
        print(f"{left:30} {right}")
    assert np.allclose(by_hand, numeric, rtol=1e-12)


# %% [markdown]
# ## The loss: two over B, times the error
#
# $L = \frac{1}{B}\sum_b e_b^2$ with $e_b = y_b - r_b$. Prediction `b` occurs in its own term only:
#
# $$\frac{\partial L}{\partial y_b} = \frac{2}{B}\, e_b$$

# %%
d_y = 2 / B * e


def from_y(y):
    """Return the loss, given the predictions."""
    return ((y - rating) ** 2).mean()


check("d_y", d_y, from_y, y)

# %% [markdown]
# A prediction that is too low (a negative error) has a negative gradient: raise it, and the loss falls.
#
# ## The range: steep in the middle, flat at the ends
#
# $y = s\,(h - l) + l$ and $s = 1 / (1 + e^{-x})$. The sigmoid's slope can be written with the sigmoid itself:
#
# $$\frac{ds}{dx} = \frac{e^{-x}}{(1 + e^{-x})^2} = s\,(1 - s),
# \qquad \frac{\partial L}{\partial x_b} = \frac{\partial L}{\partial y_b}\,(h - l)\,s_b\,(1 - s_b)$$

# %%
d_x = d_y * (high - low) * s * (1 - s)


def from_x(x):
    """Return the loss, given the logits."""
    return from_y(low + (high - low) / (1 + np.exp(-x)))


check("d_x", d_x, from_x, x)

# %%
curve = np.linspace(-7, 7, 141)
sigmoid = 1 / (1 + np.exp(-curve))
figure, axes = plt.subplots(1, 2)
axes[0].plot(curve, low + (high - low) * sigmoid)
axes[0].plot(x, y, "o", label="the three ratings")
axes[0].set(xlabel="logit", title="prediction")
axes[0].legend()
axes[1].plot(curve, (high - low) * sigmoid * (1 - sigmoid))
axes[1].plot(x, (high - low) * s * (1 - s), "o")
axes[1].set(xlabel="logit", title="its slope: what the gradient is multiplied by")
plt.show()

# %% tags=["prose"]
slope_at = (high - low) * np.exp(-7) / (1 + np.exp(-7)) ** 2
Markdown(
    f"In the middle the slope is {(high - low) / 4:.3f}, at a logit of 7 it is {slope_at:.3f}: a "
    "prediction near the end of the range hardly learns, however wrong it is. That is one reason why "
    f"the lesson's range ends at {high} although nobody can give more than 5."
)

# %% [markdown]
# Why not simply cut predictions off at the ends of the range? (A post in the lesson's wiki clips the output.)
# For showing predictions that is fine. For training it is not: where it cuts, the slope is exactly zero, and
# a prediction out there never comes back.

# %%
far = np.array([-9.0, 0.3, 9.0])  # without a range, these would be the predictions
clipped = np.clip(far, low, high)
sigmoid = 1 / (1 + np.exp(-far))
print("clipped", clipped, "  slopes", 1.0 * (clipped == far))
print("sigmoid", low + (high - low) * sigmoid, "  slopes", (high - low) * sigmoid * (1 - sigmoid))

# %% [markdown]
# ## The biases: the gradient passes, and is collected
#
# $x_b = \text{dot}_b + b_{u_b} + c_{i_b}$. Each of the three terms has slope one, so the gradient of the dot
# *is* that of the logit. A bias occurs in the logits of all its ratings, and the slopes add:
#
# $$\frac{\partial L}{\partial\,\text{dot}_b} = \frac{\partial L}{\partial x_b}, \qquad
# \frac{\partial L}{\partial b_n} = \sum_{u_b = n} \frac{\partial L}{\partial x_b}$$

# %%
d_dot = d_x
d_b, d_c = np.zeros_like(b), np.zeros_like(c)
np.add.at(d_b, users, d_x)  # not d_b[users] += d_x: that keeps one of two equal ids
np.add.at(d_c, films, d_x)

check("d_b", d_b, lambda b: loss_of(P, Q, b, c), b)
check("d_c", d_c, lambda c: loss_of(P, Q, b, c), c)

# %% [markdown]
# User 1 has rated nothing in this batch: the gradient is exactly zero. User 0 has two ratings: a sum.
#
# ## The dot product: each side gets the other
#
# $\text{dot}_b = \sum_k p_{bk} q_{bk}$. This is the thread's "element-wise products (and sums)". The sum
# passes the gradient to every product, and in a product each factor's slope is the other factor:
#
# $$\frac{\partial L}{\partial p_{bk}} = \frac{\partial L}{\partial\,\text{dot}_b}\, q_{bk}, \qquad
# \frac{\partial L}{\partial q_{bk}} = \frac{\partial L}{\partial\,\text{dot}_b}\, p_{bk}$$

# %%
d_p = d_dot[:, None] * q  # (B, 1) times (B, K): scales whole rows
d_q = d_dot[:, None] * p

rest = b[users] + c[films]
check("d_p", d_p, lambda p: from_x((p * q).sum(axis=1) + rest), p)

# %% [markdown]
# ## The lookup: back to the rows they came from
#
# `p = P[users]` copied rows. Each gradient goes back to the row that was copied; a row copied twice gets
# the sum:

# %%
d_P, d_Q = np.zeros_like(P), np.zeros_like(Q)
np.add.at(d_P, users, d_p)
np.add.at(d_Q, films, d_q)

check("d_P", d_P, lambda P: loss_of(P, Q, b, c), P)
check("d_Q", d_Q, lambda Q: loss_of(P, Q, b, c), Q)

# %%
figure, axes = plt.subplots(1, 4, figsize=(7, 2.3), width_ratios=[2, 2, 1, 1])
for one, table, title in zip(
    axes, (d_P, d_Q, d_b[:, None], d_c[:, None]), ("d_P", "d_Q", "d_b", "d_c"), strict=True
):
    largest = np.abs(d_Q).max()
    one.imshow(table, cmap="RdBu", vmin=-1.6 * largest, vmax=1.6 * largest, aspect="auto")
    for (row, column), number in np.ndenumerate(table):
        one.text(
            column, row, f"{number:.2f}" if number else "0", ha="center", va="center", fontsize=8
        )
    one.set(title=title, xticks=[], yticks=range(len(table)))
plt.show()

# %% [markdown]
# Blue: raise it and the loss rises; red: raise it and the loss falls. Rows in no rating of the batch hold
# zeros.
#
# ## The same from npcf
#
# The lines above are the files of `npcf/ops/`, and the model is their composition. Its gradients:

# %%
params = {"user_factors": P, "item_factors": Q, "user_bias": b, "item_bias": c}
pred, cache = npcf.models.dot_product_bias_forward(params, users, films, (low, high))
its_loss, loss_cache = npcf.ops.mse_forward(pred, rating)
grads = npcf.models.dot_product_bias_backward(npcf.ops.mse_backward(1.0, loss_cache), cache)

by_hand = {"user_factors": d_P, "item_factors": d_Q, "user_bias": d_b, "item_bias": d_c}
for name, gradient in grads.items():
    print(
        f"{name:13} {gradient.shape!s:7} the same: {np.allclose(gradient, by_hand[name], rtol=1e-12)}"
    )

# %% [markdown]
# `npcf.explain_step` writes such a page for any batch of any model, with the numbers put into the formulas
# (in brackets: the slope by the complex step). The chain from one rating to one bias:

# %%
model = npcf.models.DotProductBiasCP(3, 4, 2, (low, high), dtype=np.float64)
for name, table in params.items():
    model.params[name][:] = table
explained = npcf.explain_step(model, (users, films, rating))
steps = explained.table().query("name in ('e', 'd_y', 'd_x', 'd_user_bias')")
for row in steps.itertuples():
    if row.of in ("rating 0", "rating 1", "user 0"):
        print(f"{row.name:12} {row.of:9} {row.numbers} = {row.value:.4f}")

# %% [markdown]
# ## What it is good for: a step downhill
#
# All tables move against their gradient, by the learning rate. For a small rate the loss falls as the
# slopes promise, by the rate times the sum of all squared gradients; for a large one it does not.

# %%
squares = sum((gradient**2).sum() for gradient in by_hand.values())
rates = np.linspace(0, 2.2, 111)
after = [loss_of(P - rate * d_P, Q - rate * d_Q, b - rate * d_b, c - rate * d_c) for rate in rates]

figure, axes = plt.subplots(figsize=(4.6, 2.6))
axes.plot(rates, after, label="loss after one step")
axes.plot(rates, loss - rates * squares, "--", label="what the slopes promise")
axes.set(xlabel="learning rate", ylim=(0, 1.1 * loss), title="one step of gradient descent")
axes.legend()
plt.show()

# %% tags=["prose"]
rate = 0.01
fall = loss - loss_of(P - rate * d_P, Q - rate * d_Q, b - rate * d_b, c - rate * d_c)
Markdown(
    f"With a rate of {rate} the slopes promise that the loss falls by {rate * squares:.4f}; it falls "
    f"by {fall:.4f}. The best single step would have a rate of {rates[np.argmin(after)]:.2f} and lead "
    f"to a loss of {min(after):.2f}."
)

# %% [markdown]
# ## All of it on one screen
#
# | operation | forward | backward | file |
# |---|---|---|---|
# | lookup | `p = P[users]` | `np.add.at(d_P, users, d_p)` | `npcf/ops/embedding.py` |
# | dot | `dot = (p * q).sum(axis=1)` | `d_p = d_dot[:, None] * q`, and `d_q` with `p` | `npcf/ops/row_dot.py` |
# | biases | `x = dot + b[users] + c[films]` | `d_dot = d_x`, `np.add.at(d_b, users, d_x)` | `npcf/ops/bias.py` |
# | range | `y = s * (high - low) + low` | `d_x = d_y * (high - low) * s * (1 - s)` | `npcf/ops/sigmoid_range.py` |
# | loss | `loss = (e**2).mean()` | `d_y = 2 / B * e` | `npcf/ops/mse.py` |

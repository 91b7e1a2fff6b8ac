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
# # Slope and intercept by hand, and whether that was a CNN
#
# > So in the part of the lecture where we went to excel and did the x,y slope intercept equation
# > learning project, was that a cnn? (wiki of lesson 5)
#
# The workbook `graddesc` learns a line from points, one point at a time. This page does the same with
# every number in sight, says where the workbook's numbers are off, and then answers the question.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Markdown

import npcf
from npcf.teach.sheet_slope import INTERCEPT, NUDGE, RULES, SLOPE, N

# %% [markdown]
# ## The model: two numbers

# %%
x = np.random.default_rng(0).integers(1, 101, N).astype(float)
y = INTERCEPT + SLOPE * x
print(f"{N} points on y = {INTERCEPT:g} + {SLOPE:g} x")
print("the first x:", x[:4], "  their y:", y[:4])

# %% [markdown]
# The prediction, its error, and the gradients of the square of the error:
#
# $$\hat y = b + a x, \qquad e = \hat y - y, \qquad
#   \frac{\partial e^2}{\partial b} = 2 e, \qquad \frac{\partial e^2}{\partial a} = 2 e\, x .$$
#
# The first step, from the workbook's start, at its rate:

# %%
b, a, lr = 1.0, 1.0, 1e-4
pred = b + a * x[0]
e = pred - y[0]
db, da = 2 * e, 2 * e * x[0]
print(f"x {x[0]:g}   y {y[0]:g}   prediction {b:g} + {a:g} * {x[0]:g} = {pred:g}   error {e:g}")
print(f"de²/db = 2 * {e:g} = {db:g}        b <- {b:g} - {lr:g} * {db:g} = {b - lr * db:g}")
print(f"de²/da = {db:g} * {x[0]:g} = {da:g}   a <- {a:g} - {lr:g} * {da:g} = {a - lr * da:g}")

# %% [markdown]
# ## The workbook's estimated gradients
#
# The workbook repeats each gradient by a difference: it adds a little to `b` or `a`, computes the error
# again, and divides. Both columns for the first points:

# %%
error = b + a * x - y
estimates = pd.DataFrame(
    {
        "x": x,
        "de²/db": 2 * error,
        "by difference": ((error + NUDGE) ** 2 - error**2) / NUDGE,
        "de²/da": 2 * error * x,
        "by difference ": ((error + NUDGE * x) ** 2 - error**2) / NUDGE,
    }
)
estimates["off by"] = estimates["by difference "] - estimates["de²/da"]
estimates.head(4).round(2)

# %% [markdown]
# They do not agree, and not because of rounding. Written out, with the small step $h$,
#
# $$\frac{(e + h x)^2 - e^2}{h} = 2 e\, x + h\, x^2 ,$$
#
# the difference is off by $h x^2$, whatever the error is. A difference to both sides has no such term:

# %%
both_sides = ((error + NUDGE * x) ** 2 - (error - NUDGE * x) ** 2) / (2 * NUDGE)
predicted = NUDGE * x**2
print("off by h x² to six digits:", np.allclose(estimates["off by"], predicted, 1e-6))
print(f"to one side: off by up to {np.abs(predicted).max():.0f};",
      f"to both sides: by {np.abs(both_sides - estimates['de²/da']).max():.0f}")  # fmt: skip

# %% tags=["prose"]
share = (predicted / estimates["de²/da"].abs()).max()
Markdown(
    f"At the start that is up to {100 * share:.1f} % of the gradient. Where the error is smaller than half "
    f"of $h x$, which is {NUDGE * x.max() / 2:.2f} for the largest $x$, it is more than the gradient itself, "
    "and near the end all errors are. The workbook never uses the estimates to step, so its "
    "result is right all the same. As a check of a gradient, take both sides (`npcf.gradcheck` goes a step "
    "further and leaves the real line)."
)

# %%
check = npcf.gradcheck(
    lambda w: ((w[0] + w[1] * x - y) ** 2).mean(),
    lambda d, w: (
        d * 2 * np.array([(w[0] + w[1] * x - y).mean(), ((w[0] + w[1] * x - y) * x).mean()])
    ),
    [np.array([b, a])],
)
print("the derived gradient of all points together is right:", check.ok)

# %% [markdown]
# ## Four rules
#
# The tabs of the workbook: the plain rule, momentum, RMSprop and Adam, each with its settings, as
# optimisers of npcf. Each passes over the points fifty times. (A fifth tab is Adam with a rate that is lowered
# between passes.)


# %%
def optimizer(rule, params):
    """Return the optimiser of a tab of the workbook."""
    s = rule.settings
    if rule.name == "rmsprop":
        return npcf.optim.RMSProp(params, s["lr"], alpha=s["beta"], eps=1e-8)
    if rule.name == "adam":
        return npcf.optim.Adam(params, s["lr"], betas=(s["beta1"], s["beta2"]), eps=1e-8)
    beta = s.get("beta", 0.0)  # momentum by an average: the rate is that much smaller
    return npcf.optim.SGD(params, s["lr"] * (1 - beta), momentum=beta)


def passes(rule, n_passes=50):
    """Return intercept and slope (n_passes + 1, 2) before each pass and after the last."""
    params = {"b": np.ones(1), "a": np.ones(1)}
    opt, after = optimizer(rule, params), [(1.0, 1.0)]
    for _ in range(n_passes):
        for x_t, y_t in zip(x, y, strict=True):
            db = 2 * (params["b"] + params["a"] * x_t - y_t)
            opt.step({"b": db, "a": db * x_t})
        after.append((params["b"][0], params["a"][0]))
    return np.array(after)


runs = {rule.name: passes(rule) for rule in RULES[:4]}
figure, axes = plt.subplots(1, 2, figsize=(7, 2.8))
for name, run in runs.items():
    for j, one in enumerate(axes):
        one.plot(run[:, j], label=name)
for one, title, truth in zip(axes, ("intercept", "slope"), (INTERCEPT, SLOPE), strict=True):
    one.axhline(truth, color="0.6", lw=0.8)
    one.set(title=title, xlabel="passes")
axes[0].legend()
plt.show()

# %%
pd.DataFrame({name: run[-1] for name, run in runs.items()}, index=["intercept", "slope"]).round(1)

# %% [markdown]
# The slope comes near at once, the intercept hardly moves under the plain rule, and keeps the slope from
# its place. The loss is a long valley: its
# curvature along the valley against that across it, and how much of the distance along it one pass
# covers at the workbook's rate:

# %%
curvature = 2 * np.array([[1, x.mean()], [x.mean(), (x**2).mean()]])
flat, steep = np.linalg.eigvalsh(curvature)
print(f"curvatures {flat:.2g} and {steep:.2g}: one {steep / flat:.0f} times the other")
print(
    f"a pass at rate {lr:g} covers about {100 * (1 - (1 - lr * flat) ** N):.1f} % of the flat way"
)

# %% tags=["prose"]
most = 2 / (2 * (1 + (x**2).max()))
Markdown(
    "A larger rate is no way out. A step on one point multiplies its error by "
    "$1 - 2 \\eta (1 + x^2)$, and for the largest $x$ that is growth beyond a rate of "
    f"{most:.3g}; the workbook's {lr:g} is just below. Momentum by an "
    "average has the same effective rate as the plain rule, so it has the same trouble; RMSprop and Adam "
    "divide by the size of each gradient, which makes the two directions alike. (Subtracting the mean "
    "from `x` would do so as well.)"
)

# %% [markdown]
# The workbook itself, live and in any size, comes from `npcf sheet lesson.xlsx`; where its tabs leave
# something out, a note in the tab says so.
#
# ## Was that a CNN?
#
# A convolution multiplies a window of neighbouring inputs by the same few weights at every place. So ask
# of the line: which inputs does an output depend on, and how many weights are there?


# %%
def convolution(x, weights, bias):
    """Return bias + the sum of weights times a window around each place."""
    return bias + np.convolve(x, weights[::-1], mode="same")


def depends_on(f, place=10):
    """Return which inputs change the output at `place`."""
    reached = []
    for i in range(len(x)):
        moved = x.copy()
        moved[i] += 1
        if f(moved)[place] != f(x)[place]:
            reached.append(i - place)
    return reached


line = lambda x: INTERCEPT + SLOPE * x  # noqa: E731
of_three = lambda x: convolution(x, np.array([0.5, 1.0, -0.5]), INTERCEPT)  # noqa: E731
print("an output of the line depends on its neighbours number", depends_on(line))
print("one of a convolution of three weights on             ", depends_on(of_three))
same = np.array_equal(line(x), convolution(x, np.array([SLOPE]), INTERCEPT))
print("the line is the convolution of one weight:", same)

# %% [markdown]
# **No, with a grain of yes.** The same two weights are used at every point, and that is the idea of a
# convolution: a convolution whose window has width one computes exactly this line. But a window of width
# one sees no neighbour, and seeing neighbours is what convolutions are for. It also takes more than one
# layer, with something that is not linear between, to be a network. What the workbook shows is *gradient
# descent*, on the smallest model that has a gradient: a linear regression. The same steps train a
# CNN, and the model of this lesson, only the formula for the gradient is longer.

# %%
grid = np.array([-1.0, 0.0, 3.0])
two_lines = 2.0 + 0.5 * (1.0 + 3.0 * grid)  # a line of a line
print("a line of a line is a line:", np.array_equal(two_lines, 2.5 + 1.5 * grid))

# %% [markdown]
# **Where it is in the code:** `npcf/teach/sheet_slope.py` (the tabs), `npcf/optim/` (the rules).

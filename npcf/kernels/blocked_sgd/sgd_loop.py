"""The compiled loop: one step for each rating of a stretch; and predictions.

Strictly compiled: the order of operations is the one written here and in `row_step`, and what is
fused is what is written as fused there.  (Licence to reorder makes it slower: the compiler then
adds `dot`'s partial sums one behind the other.)

Line by line this is `reference.per_rating_step`.  Three things serve the memory and change nothing:
rows are padded (`row_step`), a row's bias and decays lie side by side in `scalars`, and the rows
of the rating AHEAD steps from now are asked for while this one is computed.

What was done is written down here, not by the caller, whom an exception may reach before it has
counted.
"""

from typing import Any, NamedTuple

import numpy as np

from npcf.kernels._jit import jit_threads, part, stage
from npcf.kernels.blocked_sgd.row_step import LANE, dot, move
from npcf.kernels.simd import ask_for

AHEAD, LAST = np.uint64(8), np.uint64(1)  # ratings
BIAS, WD_FACTORS, WD_BIAS = range(3)  # the columns of `scalars`
PLAIN, SQUARED, CROSS_ENTROPY = range(3)  # without a range; with one, under either loss

Array = Any  # a NumPy array; Numba infers the rest


class Side(NamedTuple):
    """Users or items."""

    factors: Array  # (N, 16 * lanes) float32, padded with zeros
    scalars: Array  # (N, 4) float32: bias, decay of the factors, decay of the bias, nothing


class Numbers(NamedTuple):
    """`reference.Rule` without the decays, each number a float32."""

    lr: Any
    bias_lr: Any
    mean: Any
    low: Any
    height: Any  # high - low
    kind: int  # PLAIN, SQUARED or CROSS_ENTROPY


@jit_threads
def sweep(done, ratings, segments, left, right, rule, lanes):
    """Take one step for each rating of some segments.

    `ratings` is (users, items, rating), and `segments` (n, 2): where each begins and ends.  `lanes`
    is a tuple of as many zeros as a row has lanes.  Add to `done` (2,) the sum of the errors**2 and
    the number of ratings.
    """
    users, items, rating = ratings
    one, total, taken = np.float32(1), 0.0, 0
    for n in range(segments.shape[0]):
        # numbers without a sign are not tested for being negative
        first, end = np.uint64(segments[n, 0]), np.uint64(segments[n, 1])
        taken += segments[n, 1] - segments[n, 0]
        for t in range(first, end):
            ahead = min(t + AHEAD, end - LAST)
            ask_for_row(left, users[ahead], lanes)
            ask_for_row(right, items[ahead], lanes)
            u, i = np.uint64(users[t]), np.uint64(items[t])
            b, c = left.scalars[u, BIAS], right.scalars[i, BIAS]
            logit = rule.mean + b + c + dot(left.factors, u, right.factors, i, lanes)
            off, e = residual(logit, rating[t], rule)
            total += np.float64(off) * np.float64(off)
            keep_p = one - rule.lr * left.scalars[u, WD_FACTORS]
            keep_q = one - rule.lr * right.scalars[i, WD_FACTORS]
            move(left.factors, u, right.factors, i, lanes, (keep_p, keep_q), rule.lr * e)
            left.scalars[u, BIAS] = b + rule.bias_lr * (e - left.scalars[u, WD_BIAS] * b)
            right.scalars[i, BIAS] = c + rule.bias_lr * (e - right.scalars[i, WD_BIAS] * c)
    done[0] += total
    done[1] += taken


@jit_threads
def predict_into(out, users, items, left, right, rule, lanes):
    """Write the predictions of the pairs into `out` (n,); return -1.

    If a row of a pair is in no table, write nothing and return its position: compiled code would
    read foreign memory, and all rows are looked at in a fraction of the time.
    """
    wrong = first_outside(users, items, left, right)
    if wrong >= 0:
        return wrong
    end = np.uint64(out.size)
    for t in range(end):
        ahead = min(t + AHEAD, end - LAST)
        ask_for_row(left, users[ahead], lanes)
        ask_for_row(right, items[ahead], lanes)
        u, i = np.uint64(users[t]), np.uint64(items[t])
        both = left.scalars[u, BIAS] + right.scalars[i, BIAS]
        logit = rule.mean + both + dot(left.factors, u, right.factors, i, lanes)
        out[t] = logit if rule.kind == PLAIN else rule.low + rule.height * sigmoid(logit)
    return -1


@stage
def first_outside(users, items, left, right):
    """Return the position of the first pair of which a row is in no table, or -1."""
    n_left, n_right = left.scalars.shape[0], right.scalars.shape[0]
    most_left = most_right = np.uint32(0)
    for t in range(np.uint64(users.size)):  # without a sign, -1 is the largest
        most_left = max(most_left, np.uint32(users[t]))
        most_right = max(most_right, np.uint32(items[t]))
    if most_left < n_left and most_right < n_right:
        return -1
    for t in range(users.size):
        if not (0 <= users[t] < n_left and 0 <= items[t] < n_right):
            return t
    return -1


@part
def residual(logit, rating, rule):
    """Return (rating - prediction, -d loss / d logit)."""
    if rule.kind == PLAIN:
        return rating - logit, rating - logit
    s = sigmoid(logit)
    off = rating - (rule.low + rule.height * s)
    if rule.kind == CROSS_ENTROPY:
        return off, (rating - rule.low) / rule.height - s
    return off, off * rule.height * s * (np.float32(1) - s)


@part
def sigmoid(x):
    """Return 1 / (1 + e**-x): 0 where e**-x is infinite."""
    return np.float32(1) / (np.float32(1) + np.exp(-x))


@part
def ask_for_row(side, row, lanes):
    """Start a row's way into the cache."""
    ask_for(side.scalars, row, 0)
    for lane in range(len(lanes)):
        ask_for(side.factors, row, LANE * lane)

"""One mini-batch, forward and backward, rating by rating: the first half of every fused step.

The reference builds a whole array for each line of the model: (B, K) looked-up rows, (B,) logits,
(U, K) gradients that are zero in most rows.  Here one loop over the ratings does all lines for one
rating before it turns to the next, and the gradient has rows for the rows of the batch only:

    marks[row] = (step, slot)     the last step whose batch named this row, and the number it got
                                  there: rows of a batch are numbered as they first appear
    gradient[slot]                the sum, in batch order, over the ratings that name the row

The sum is complete before any parameter moves: a row named twice takes one step, not two.  A mark
that is not the present step's says that the row is absent, so nothing has to be wiped between
steps; `since` keeps the mark that was replaced, for rows whose update was deferred.

Operations and their order are those of `npcf.kernels.ops`, so that strictly compiled this has
the operations' bits, and up to the sigmoid those of the reference.
"""

from typing import Any, NamedTuple

import numpy as np

from npcf.kernels._jit import part, stage
from npcf.kernels.pairwise import dot
from npcf.kernels.rowwise import rowwise
from npcf.kernels.simd import LINE, ask_for

STEP, SLOT = 0, 1  # the columns of `marks`
FITS = 2**18  # bytes of marks that need not be prefetched

Array = Any  # a NumPy array; Numba infers the rest


class TablePair(NamedTuple):
    """Users or items: their two tables, and room for what one batch needs of them."""

    factors: Array  # (N, K)
    bias: Array  # (N, 1)
    marks: Array  # (N, 2) int32
    rows: Array  # (B or more,) the distinct rows of the batch
    since: Array  # (B or more,) the step of which each distinct row was last part
    slots: Array  # (B,) the number of each rating's row among the distinct ones
    d_factors: Array  # (B + 1, K) gradients of the distinct rows; the last row stays zero
    d_bias: Array  # (B + 1, 1)


class BatchArrays(NamedTuple):
    """Consecutive mini-batches: batch s is starts[s] : starts[s + 1]."""

    users: Array  # (n,) row numbers, checked
    items: Array  # (n,)
    rating: Array  # (n,)
    starts: Array  # (n_steps + 1,)
    d_logit: Array  # (largest batch,) room for one


class OutputTransform(NamedTuple):
    """What follows the dot product: pred = low + height sigmoid(logit + mean), or the logit."""

    squash: bool
    low: Any
    height: Any
    mean: Any


@stage
def number_rows(side, ids, step):
    """Give numbers to the distinct rows among `ids`, clear their gradients, and return how many."""
    n = 0
    for b in range(ids.size):
        row = ids[b]
        if side.marks[row, STEP] != step:
            side.since[n] = side.marks[row, STEP]
            side.rows[n] = row
            side.marks[row, STEP] = step
            side.marks[row, SLOT] = n
            n += 1
        side.slots[b] = side.marks[row, SLOT]
    side.d_factors[:n], side.d_bias[:n] = 0, 0
    return n


@part
def list_rows(side, first, last):
    """List the rows first .. last - 1 as if a batch named them, and return how many."""
    for n in range(last - first):
        side.rows[n], side.since[n] = first + n, side.marks[first + n, STEP]
    return last - first


@part
def mark_rows(side, n_rows, step):
    """Mark the rows that are listed."""
    for n in range(n_rows):
        side.marks[side.rows[n], STEP] = step


@part
def copy_table(new, old):
    """Copy one table into another."""
    for row in range(new.shape[0]):
        for k in range(new.shape[1]):
            new[row, k] = old[row, k]


@part
def slot_of(side, row, step):
    """Return the number of a row among those of the batch, or that of the gradient of zeros."""
    return side.marks[row, SLOT] if side.marks[row, STEP] == step else side.d_bias.shape[0] - 1


@part
def sigmoid(x, one):
    """Return 1 / (1 + exp(-x)); 0 where exp overflows."""
    return one / (one + np.exp(-x))


@rowwise
def add_products(d_p, d_q, p, q, d_logit):
    """Return both gradients with those of one dot product p . q added."""
    return d_p + d_logit * q, d_q + d_logit * p


@stage
def add_gradients(users, items, batch, transform):
    """Sum the gradients of the mean squared error of `batch` into both sides; return the loss.

    Forward for all ratings, then the loss, then backward: the ratings of a line do not wait for
    each other, while the lines of one rating do.
    """
    d_logit = batch.d_logit
    for b in range(batch.rating.size):
        user, item = batch.users[b], batch.items[b]
        affinity = dot(users.factors[user], items.factors[item])
        d_logit[b] = affinity + users.bias[user, 0] + items.bias[item, 0] + transform.mean
    loss = differentiate(d_logit, batch.rating, transform)
    for b in range(batch.rating.size):
        user, item = batch.users[b], batch.items[b]
        user_slot, item_slot = users.slots[b], items.slots[b]
        gradients = users.d_factors[user_slot], items.d_factors[item_slot]
        add_products((*gradients, users.factors[user], items.factors[item]), (d_logit[b],))
        users.d_bias[user_slot, 0] += d_logit[b]
        items.d_bias[item_slot, 0] += d_logit[b]
    return loss


@part
def differentiate(logit, rating, transform):
    """Replace each logit by dL/d logit; return L, the mean squared error."""
    number = rating.dtype.type
    one, total, size = number(1), number(0), number(rating.size)
    scale = number(2) / size
    for b in range(rating.size):
        pred = logit[b]
        if transform.squash:
            s = sigmoid(pred, one)
            pred = s * transform.height + transform.low
        error = pred - rating[b]
        total += error * error
        logit[b] = scale * error
        if transform.squash:
            logit[b] = logit[b] * transform.height * (one - s) * s
    return total / size


@part
def batch_of(ratings, s):
    """Return mini-batch `s`, as views."""
    here = slice(ratings.starts[s], ratings.starts[s + 1])
    columns = ratings.users[here], ratings.items[here], ratings.rating[here]
    return BatchArrays(*columns, ratings.starts, ratings.d_logit[: here.stop - here.start])


@stage
def ask_for_marks(side, ids):
    """Ask for the marks and biases of a batch's rows, unless all of them fit into a cache."""
    if side.marks.nbytes < FITS:
        return
    for b in range(ids.size):
        ask_for(side.marks, ids[b], 0)
        ask_for(side.bias, ids[b], 0)


@stage
def ask_for_factors(side, ids):
    """Ask for their factors."""
    step = LINE // side.factors.itemsize
    for b in range(ids.size):
        for column in range(0, side.factors.shape[1], step):
            ask_for(side.factors, ids[b], column)

"""The bounds that docstrings of `npcf.ops` and `npcf.optim` state, against the running error.

Each is worked out by hand from gamma_n, in any order of additions; the running error of the same
formula is to be no larger.  (Of what underflows in a product of several numbers it counts three
times as much: it is to hold in any order of the factors.)
"""

import numpy as np
import pytest
from hypothesis import given

from npcf.verify import LIBRARIES, bounds
from npcf.verify.precision import SLACK, precision_of, quiet
from npcf.verify.strategies import (
    bias_inputs,
    lookups,
    loss_inputs,
    range_inputs,
    row_pairs,
    sgd_steps,
)

NUMPY = LIBRARIES["numpy"]


def wide(*arrays):
    return [np.abs(np.asarray(a, np.float64)) for a in arrays]


def lookup(p, f):
    ids, size = p.ids.astype(int), np.zeros(p.weight.shape)
    np.add.at(size, ids, wide(p.d_out)[0])
    additions = np.maximum(np.bincount(ids, minlength=len(size)) - 1, 0)[:, None]
    yield (
        bounds.embedding_backward(ids, p.d_out, len(size), library=NUMPY),
        f.gamma(additions) * size,
    )


def row_dot(p, f):
    left, right, d_out = wide(p.left, p.right, p.d_out)
    k = left.shape[1]
    yield (
        bounds.row_dot(p.left, p.right, NUMPY),
        f.gamma(k) * (left * right).sum(axis=1) + k * f.eta,
    )
    got = bounds.row_dot_backward(p.d_out, p.left, p.right, NUMPY)
    for bound, other in zip(got, (right, left), strict=True):
        yield bound, f.u * d_out[:, None] * other + f.eta


def bias(p, f):
    users, items = p.users.astype(int), p.items.astype(int)
    dot, b, c = wide(p.dot, p.user_bias, p.item_bias)
    got = bounds.bias(p.dot, p.user_bias, p.item_bias, users, items, NUMPY)
    yield got, f.gamma(2) * (dot + b[users] + c[items])


def sigmoid_range(p, f):
    x, height = np.asarray(p.x, np.float64), p.high - p.low
    s, complement, c = 1 / (1 + np.exp(-x)), 1 / (1 + np.exp(x)), f.exp
    ds = f.gamma(2 + c) * s + f.tiny
    yield bounds.sigmoid(p.x, NUMPY), ds
    out = np.abs(p.low + height * s) + height * ds
    closed = f.gamma(4 + c) * height * s + f.u * out + height * f.tiny + 2 * f.eta
    yield bounds.sigmoid_range(p.x, p.low, p.high, NUMPY), closed
    d = wide(p.d_out)[0]
    slope = f.gamma(4) * s * complement + (np.abs(complement - s) * ds + ds * ds) * (1 + f.gamma(4))
    closed = d * height * slope + 9 * f.eta * np.maximum(1, d) * max(1, height)
    yield bounds.sigmoid_range_backward(p.d_out, p.x, p.low, p.high, NUMPY), closed


def mse(p, f):
    n, rating = len(p.pred), p.rating.astype(p.dtype)
    e = wide(p.pred.astype(np.float64) - rating)[0]
    total, d_loss = float((e * e).sum()), abs(float(p.dtype.type(p.d_loss)))
    closed = f.gamma(n + 4) * total / n + (n + 1) * f.eta * (1 + np.sqrt(total))
    yield bounds.mse(p.pred, p.rating, NUMPY), closed
    closed = f.gamma(4) * e * 2 * d_loss / n + 6 * f.eta * max(1, d_loss) * np.maximum(1, e)
    yield bounds.mse_backward(p.d_loss, p.pred, p.rating, NUMPY), closed


def sgd(p, f):
    """u (|w| + lr S) + gamma_c lr S: c = 4, and 2 for decay, 3 for momentum, 3 for nesterov."""
    s, (w, g) = p.settings, wide(p.w, p.g)
    lr, wd, mu = s["lr"], s["weight_decay"], s["momentum"]
    size = g + (0 if s["decoupled"] else wd * w)
    if mu and p.buf is not None:
        size = mu * wide(p.buf)[0] + size
    if s["nesterov"]:
        size = g + (0 if s["decoupled"] else wd * w) + mu * size
    c = 4 + 2 * bool(wd) + 3 * bool(mu) + 3 * s["nesterov"]
    decay = f.gamma(4) * w if s["decoupled"] and wd else 0
    closed = f.u * (w + lr * size) * (1 + f.gamma(4)) + f.gamma(c) * lr * size + decay + 6 * f.eta
    yield bounds.sgd_step(p.w, p.g, p.buf, **s, library=NUMPY)[0], closed


CLOSED = {
    lookup: lookups(), row_dot: row_pairs(max_factors=40), bias: bias_inputs(),
    sigmoid_range: range_inputs(), mse: loss_inputs(), sgd: sgd_steps(),
}  # fmt: skip


@pytest.mark.parametrize("closed", CLOSED, ids=lambda closed: closed.__name__)
def test_the_running_error_is_no_larger_than_the_closed_bound(closed):
    @given(p=CLOSED[closed])
    @quiet
    def law(p):
        first = getattr(p, p._fields[0])
        f = precision_of(first.dtype, NUMPY)
        for running, by_hand in closed(p, f):
            assert (running <= by_hand * SLACK**2 * (1 + 8 * f.u)).all(), (running, by_hand)

    law()

"""To the bit: what each operation gives, in every memory layout, is what a plain loop gives.

What holds within rounding is stated by the conformance suite, which both executions obey
(`tests/verify/test_laws.py`).
"""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf.verify import assert_same_bits
from npcf.verify.strategies import (
    LAYOUTS,
    bias_inputs,
    lay_out,
    lookups,
    loss_inputs,
    range_inputs,
    row_pairs,
)
from tests.backends import both_backends, every_backend


class Operation(NamedTuple):
    """Inputs, the operation there and back, and the same by loops over its entries."""

    inputs: object
    run: object
    loops: object


def scattered(table, ids, d_out):
    """Sum from zero, in batch order: the order is part of the contract, it is torch's."""
    want = np.zeros_like(table, subok=False)
    for i, row in zip(ids.tolist(), d_out, strict=True):
        want[i] = want[i] + row
    return want


def run_lookup(backend, p, lay):
    out, cache = backend.embedding_forward(lay(p.weight), p.ids)
    return out, backend.embedding_backward(lay(p.d_out), cache)


def loop_lookup(backend, p):
    rows = np.array([p.weight[i] for i in p.ids.tolist()], p.weight.dtype)
    return rows.reshape(p.d_out.shape), scattered(p.weight, p.ids, p.d_out)


def run_row_dot(backend, p, lay):
    out, cache = backend.row_dot_forward(lay(p.left), lay(p.right))
    return out, *backend.row_dot_backward(lay(p.d_out), cache)


def loop_row_dot(backend, p):
    """Each row by itself, and the other way round: a dot is symmetric, and alone in its batch."""
    out = np.zeros(len(p.left), p.left.dtype)
    for b in range(len(out)):
        one = slice(b, b + 1)
        out[one] = backend.row_dot_forward(p.right[one], p.left[one])[0]
    return out, p.d_out[:, None] * p.right, p.d_out[:, None] * p.left


def run_bias(backend, p, lay):
    tables = lay(p.user_bias), lay(p.item_bias)
    out, cache = backend.bias_forward(lay(p.dot), *tables, p.users, p.items)
    return out, *backend.bias_backward(lay(p.d_out), cache)


def loop_bias(backend, p):
    rows = zip(p.dot, p.users, p.items, strict=True)
    out = [dot + p.user_bias[u] + p.item_bias[i] for dot, u, i in rows]  # from left to right
    tables = (p.user_bias, p.users), (p.item_bias, p.items)
    return np.array(out, p.dtype), p.d_out, *(scattered(t, ids, p.d_out) for t, ids in tables)


def run_sigmoid(backend, p, lay):
    _, cache = backend.sigmoid_range_forward(p.x, p.low, p.high)
    return cache.s, backend.sigmoid_range_backward(lay(p.d_out), cache._replace(s=lay(cache.s)))


def loop_sigmoid(backend, p):
    """The sigmoid is a library's; its gradient is d (high - low) (1 - s) s, in this order."""
    _, cache = backend.sigmoid_range_forward(p.x, p.low, p.high)
    height, one = p.dtype.type(p.high - p.low), p.dtype.type(1)
    want = [d * height * (one - s) * s for d, s in zip(p.d_out, cache.s, strict=True)]
    return cache.s, np.array(want, p.dtype)


def run_mse(backend, p, lay):
    _, cache = backend.mse_forward(lay(p.pred), lay(p.rating))
    return (backend.mse_backward(p.d_loss, cache),)


def loop_mse(backend, p):
    """2 / B, times the error, times what comes from above: in this order."""
    number = p.dtype.type
    scale = number(2 / p.pred.size)
    pairs = zip(p.pred, p.rating, strict=True)
    return (np.array([scale * (a - b) * number(p.d_loss) for a, b in pairs], p.dtype),)


OPERATIONS = {
    "lookup": Operation(lookups(), run_lookup, loop_lookup),
    "row dot": Operation(row_pairs(), run_row_dot, loop_row_dot),
    "bias": Operation(bias_inputs(), run_bias, loop_bias),
    "sigmoid range": Operation(range_inputs(), run_sigmoid, loop_sigmoid),
    "mse": Operation(loss_inputs(), run_mse, loop_mse),
}


@pytest.mark.parametrize("name", OPERATIONS)
@given(data=st.data())
@both_backends
def test_every_layout_gives_the_bits_of_the_loop(backend, name, data):
    operation = OPERATIONS[name]
    p = data.draw(operation.inputs)
    want = operation.loops(backend, p)
    for layout in LAYOUTS:
        got = operation.run(backend, p, lambda array, how=layout: lay_out(array, how))
        for one, other in zip(got, want, strict=True):
            assert_same_bits(one, other, layout)


@given(p=row_pairs(), power=st.integers(-8, 8))
@both_backends
def test_scaling_the_sides_of_a_dot_by_opposite_powers_of_two_changes_no_bit(backend, p, power):
    two = p.left.dtype.type(2.0**power)
    # numbers near the smallest normal would lose bits when scaled down
    smallest = np.finfo(p.left.dtype).tiny * 2**8
    left, right = (np.where(np.abs(x) < smallest, x.dtype.type(0), x) for x in (p.left, p.right))
    want = backend.row_dot_forward(left, right)[0]
    assert_same_bits(backend.row_dot_forward(left * two, right / two)[0], want)


@every_backend
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_both_tails_of_the_sigmoid_without_overflow_or_warning(backend, dtype):
    x = np.array([-np.inf, -1e4, -1000, 0, 1000, 1e4, np.inf, np.nan], dtype)
    out, cache = backend.sigmoid_range_forward(x, 0.0, 5.5)
    assert_same_bits(out, np.array([0, 0, 0, 2.75, 5.5, 5.5, 5.5, np.nan], dtype))
    gradient = backend.sigmoid_range_backward(np.ones_like(x), cache)
    assert_same_bits(gradient, np.array([0, 0, 0, 1.375, 0, 0, 0, np.nan], dtype))


@given(p=range_inputs())
@both_backends
def test_the_sigmoid_lies_in_its_range(backend, p):
    """Quarter-step ranges are exact, so that not even rounding leads outside."""
    out, _ = backend.sigmoid_range_forward(p.x, p.low, p.high)
    assert ((out >= p.low) & (out <= p.high)).all()


@every_backend
@pytest.mark.parametrize(("dtype", "dead"), [(np.float32, 16.64), (np.float64, 36.74)])
def test_the_gradient_dies_upwards_where_1_minus_s_is_zero_and_not_downwards(backend, dtype, dead):
    _, cache = backend.sigmoid_range_forward(np.array([dead, -dead], dtype), 0.0, 5.5)
    gradient = backend.sigmoid_range_backward(np.ones(2, dtype), cache)
    assert gradient[0] == 0 < gradient[1]


@every_backend
def test_the_lessons_example_is_6_and_70(backend):
    """The post quotes np.dot(a, b) as [[2, 4], [30, 40]]; that is a * b, and a @ b is neither."""
    a, b = np.array([[1.0, 2], [3, 4]]), np.array([[2.0, 2], [10, 10]])
    assert backend.row_dot_forward(a, b)[0].tolist() == [6, 70]
    assert (a * b).tolist() == [[2, 4], [30, 40]]
    assert (a @ b).tolist() == [[22, 22], [46, 46]]

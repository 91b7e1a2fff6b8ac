"""Laws of the bias."""

import numpy as np
import pytest
from hypothesis import given

from npcf.errors import IdRangeError, ShapeError
from npcf.verify import Bounded, assert_same_bits, assert_within
from npcf.verify.strategies import problems
from tests.backends import every_backend


def forward(backend, p):
    dot = p.rating  # any numbers (B,)
    tables = p.params["user_bias"], p.params["item_bias"]
    return backend.bias_forward(dot, *tables, p.users, p.items)


@every_backend
@given(p=problems())
def test_adds_the_biases_of_the_named_rows_from_left_to_right(backend, p):
    out, _ = forward(backend, p)
    want = [
        p.rating[b] + p.params["user_bias"][p.users[b]] + p.params["item_bias"][p.items[b]]
        for b in range(len(p.users))
    ]
    assert_same_bits(out, np.array(want, p.dtype))


@every_backend
@given(p=problems())
def test_shifting_users_up_and_items_down_changes_nothing_beyond_rounding(backend, p):
    """b + c and b' - c cancel: the model cannot tell them apart."""
    shift = p.dtype.type(4)
    moved = p.params | {
        "user_bias": p.params["user_bias"] + shift,
        "item_bias": p.params["item_bias"] - shift,
    }
    parts = [Bounded.exact(p.rating)]
    for name, ids in (("user_bias", p.users), ("item_bias", p.items)):
        table = Bounded.exact(p.params[name])
        parts.append((table + table.constant(4.0)).take(ids))
    total = parts[0] + parts[1] + parts[2]
    got, want = forward(backend, p._replace(params=moved))[0], forward(backend, p)[0]
    assert_within(got, want, total.tolerance)


@every_backend
@given(p=problems())
def test_both_tables_receive_the_same_total(backend, p):
    _, cache = forward(backend, p)
    d_out = p.rating
    d_dot, d_user_bias, d_item_bias = backend.bias_backward(d_out, cache)
    assert_same_bits(d_dot, d_out)
    total = Bounded.exact(d_out).sum()
    for table in (d_user_bias, d_item_bias):
        # the table's entries carry their own sums' error on top
        assert_within(table.astype(np.float64).sum(), total.value, 2 * total.tolerance)


@every_backend
@given(p=problems())
def test_gradient_is_the_sum_over_equal_ids_in_batch_order(backend, p):
    d_out = p.rating
    _, d_user_bias, d_item_bias = backend.bias_backward(d_out, forward(backend, p)[1])
    for got, ids, table in (
        (d_user_bias, p.users, p.params["user_bias"]),
        (d_item_bias, p.items, p.params["item_bias"]),
    ):
        want = np.zeros_like(table)
        for i, d in zip(ids, d_out, strict=True):
            want[i] += d
        assert_same_bits(got, want)


@every_backend
def test_column_tables_and_foreign_ids_are_refused(backend):
    one, ids = np.zeros(1), np.array([0])
    with pytest.raises(ShapeError, match="user_bias"):
        backend.bias_forward(one, np.zeros((1, 1)), one, ids, ids)
    with pytest.raises(IdRangeError, match="items"):
        backend.bias_forward(one, one, one, ids, np.array([1]))
    with pytest.raises(ShapeError, match="users"):
        backend.bias_forward(one, one, one, np.array([0, 0]), ids)


@every_backend
def test_empty_batch_gives_empty_and_zero(backend):
    ids = np.zeros(0, np.int64)
    out, cache = backend.bias_forward(np.zeros(0), np.ones(2), np.ones(3), ids, ids)
    d_dot, d_user_bias, d_item_bias = backend.bias_backward(out, cache)
    assert out.shape == d_dot.shape == (0,)
    assert d_user_bias.tolist() == [0, 0]
    assert d_item_bias.tolist() == [0, 0, 0]

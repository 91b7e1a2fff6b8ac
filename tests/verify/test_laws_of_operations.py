"""The laws of the five operations: npcf.ops and npcf.kernels obey them, planted bugs do not."""

import types
from collections import Counter

import numpy as np
import pytest

from npcf import kernels, ops
from npcf.verify.conformance import LAWS, Implementation, check
from npcf.verify.conformance.protocol import FUNCTIONS
from npcf.verify.conformance.runner import groups
from tests.laws import named, obeyed

OPERATIONS = ("lookup", "row_dot", "bias", "sigmoid_range", "mse")
OF_OPERATIONS = [law for law in LAWS.values() if law.family in OPERATIONS]


@pytest.mark.parametrize("laws", groups(OF_OPERATIONS), ids=named)
def test_the_modules_themselves_obey(laws):
    """As `npcf conformance npcf.ops` sees them: without a word on whose exp they use."""
    assert obeyed(laws, [Implementation(ops), Implementation(kernels)], share=0.2) == len(laws)


def test_each_operation_has_laws_of_its_own_and_each_states_something_else():
    numbers = Counter(law.family for law in OF_OPERATIONS)
    assert min(numbers[operation] for operation in OPERATIONS) >= 45
    assert len({(law.family, law.statement) for law in OF_OPERATIONS}) == len(OF_OPERATIONS)


def last_of_repeated_ids(d_out, cache):
    d_weight = np.zeros(cache.table_shape, cache.dtype)
    d_weight[cache.ids] += d_out
    return d_weight


def row_0_is_padding(d_out, cache):
    d_weight = ops.embedding_backward(d_out, cache)
    d_weight[:1] = 0
    return d_weight


def negative_ids_wrap(weight, ids):
    return ops.embedding_forward(weight, np.where(ids < 0, ids + len(weight), ids))


def slices_of_the_table(weight, ids):
    out, cache = ops.embedding_forward(weight, ids)
    return (weight if np.array_equal(ids, np.arange(len(weight))) else out), cache


def one_hot_product(weight, ids):
    return ops.one_hot_forward(weight, ids)[0], ops.embedding_forward(weight, ids)[1]


def float32_inside(left, right):
    out, _ = ops.row_dot_forward(left.astype(np.float32), right.astype(np.float32))
    return out.astype(left.dtype), ops.row_dot_forward(left, right)[1]


def exchanged(d_out, cache):
    return ops.row_dot_backward(d_out, cache)[::-1]


def batch_sum_of_d_out(d_out, cache):
    return ops.row_dot_backward(np.full_like(d_out, d_out.sum()), cache)


def d_out_handed_back(d_out, cache):
    return d_out, *ops.bias_backward(d_out, cache)[1:]


def items_scattered_by_user(d_out, cache):
    d_dot, d_user_bias, _ = ops.bias_backward(d_out, cache)
    return d_dot, d_user_bias, np.resize(d_user_bias, cache.n_items)


def high_for_height(x, low, high):
    out, cache = ops.sigmoid_range_forward(x, low, high)
    return cache.s * high + low, cache


def clipped_at_30(x, low, high):
    return ops.sigmoid_range_forward(np.clip(x, -30, 30), low, high)


def without_height(d_out, cache):
    return ops.sigmoid_range_backward(d_out, cache._replace(height=1.0))


def sum_of_squares(pred, rating):
    loss, cache = ops.mse_forward(pred, rating)
    return loss * pred.dtype.type(pred.size), cache


def one_rating_too_few(d_loss, cache):
    return ops.mse_backward(d_loss * cache.error.size / max(cache.error.size - 1, 1), cache)


def broadcast_pairs(pred, rating):
    pred, rating = np.broadcast_arrays(pred, rating)
    return ops.mse_forward(pred, rating)


BUGS = [
    ("embedding_backward", last_of_repeated_ids, "lookup_gradient_is_the_adjoint"),
    ("embedding_backward", last_of_repeated_ids, "lookup_gradient_of_ones_counts"),
    ("embedding_backward", row_0_is_padding, "lookup_gradient_follows_the_numbering"),
    ("embedding_forward", negative_ids_wrap, "lookup_refuses_ids_outside"),
    ("embedding_forward", slices_of_the_table, "lookup_owns_its_rows"),
    ("embedding_forward", one_hot_product, "lookup_reads_no_other_row"),
    ("row_dot_forward", float32_inside, "row_dot_is_exact_within_the_bound"),
    ("row_dot_backward", exchanged, "row_dot_obeys_euler"),
    ("row_dot_backward", batch_sum_of_d_out, "row_dot_gradients_of_a_row_alone"),
    ("bias_backward", d_out_handed_back, "bias_gradients_own_their_memory"),
    ("bias_backward", items_scattered_by_user, "bias_gradients_exchange"),
    ("sigmoid_range_forward", high_for_height, "sigmoid_range_shifts"),
    ("sigmoid_range_forward", clipped_at_30, "sigmoid_range_gradient_dies_upwards"),
    ("sigmoid_range_forward", clipped_at_30, "sigmoid_range_of_huge_numbers"),
    ("sigmoid_range_backward", without_height, "sigmoid_range_rises_as_its_gradients_say"),
    ("mse_forward", sum_of_squares, "mse_is_a_mean"),
    ("mse_forward", broadcast_pairs, "mse_refuses_to_broadcast"),
    ("mse_backward", one_rating_too_few, "mse_gradient_sums_to_twice_the_mean"),
]


def with_bug(function, bug):
    """npcf's operations, one of them wrong."""
    names = [name for name in FUNCTIONS if hasattr(ops, name)]
    functions = {name: getattr(ops, name) for name in names} | {function: bug}
    return Implementation(types.SimpleNamespace(**functions), bug.__name__)


@pytest.mark.parametrize(("function", "bug", "law"), BUGS, ids=lambda x: getattr(x, "__name__", x))
def test_a_planted_bug_breaks_the_law_one_expects(function, bug, law):
    outcome = check(LAWS[law], with_bug(function, bug), max_examples=200, shrink=False)
    assert outcome.status == "broken"
    assert not outcome.message.startswith(("TypeError", "IndexError", "AttributeError"))


def test_the_bug_of_repeated_ids_shrinks_to_three_ratings_or_fewer():
    implementation = with_bug("embedding_backward", last_of_repeated_ids)
    law = LAWS["lookup_gradient_of_two_mentions_rounds_once"]
    law = law._replace(examples=())  # found by searching, and not given
    outcome = check(law, implementation, max_examples=200)
    assert outcome.status == "broken"
    assert len(outcome.counterexample.ids) <= 3

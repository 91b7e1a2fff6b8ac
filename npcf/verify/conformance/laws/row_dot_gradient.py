"""Laws of the row dot's gradients: d_left = d_out right and d_right = d_out left, row by row."""

from typing import Any

import numpy as np

from npcf.verify import assert_within_exact, bounds, exact
from npcf.verify.assertions import assert_same_bits
from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import law
from npcf.verify.conformance.laws._common import (
    POWERS,
    assert_equal,
    assert_own_memory,
    assert_same,
    inner,
    orders,
    reach,
    with_entry,
    without_small,
)
from npcf.verify.conformance.laws.row_dot import LESSON, bound
from npcf.verify.strategies import RowPairs, row_pairs

NEEDS = ("row_dot_forward", "row_dot_backward")


def gradients(impl: Implementation, left: Any, right: Any, d_out: Any) -> tuple[Any, Any]:
    """Return (d_left, d_right) after a forward."""
    d_left, d_right = impl.row_dot_backward(d_out, impl.row_dot_forward(left, right)[1])
    return d_left, d_right


def bounds_of(impl: Implementation, p: RowPairs) -> tuple[Any, Any]:
    """Return how far d_left and d_right may lie from exact arithmetic."""
    d_left, d_right = bounds.row_dot_backward(p.d_out, p.left, p.right, library=impl.library)
    return d_left, d_right


@law("Both gradients are exact within the bound.",
     given=row_pairs(), needs=NEEDS, examples=(LESSON,))  # fmt: skip
def row_dot_gradients_are_exact_within_the_bound(impl: Implementation, p: RowPairs) -> None:
    got = gradients(impl, p.left, p.right, p.d_out)
    want = exact.row_dot_backward(p.d_out, p.left, p.right)
    allowed = bounds_of(impl, p)
    for name, *side in zip(("d_left", "d_right"), got, want, allowed, strict=True):
        assert_within_exact(side[0], side[1], side[2], name)


@law("Each gradient is d_out times the other side, rounded once, to the bit.",
     given=row_pairs(), needs=NEEDS, examples=(LESSON,))  # fmt: skip
def row_dot_gradients_round_once(impl: Implementation, p: RowPairs) -> None:
    rows = p.d_out[:, None]
    assert_same(gradients(impl, p.left, p.right, p.d_out), (rows * p.right, rows * p.left))


@law("A gradient of ones gives copies of the other side.", given=row_pairs(), needs=NEEDS)
def row_dot_gradients_of_ones_copy(impl: Implementation, p: RowPairs) -> None:
    ones = np.ones(len(p.left), p.dtype)
    assert_same(gradients(impl, p.left, p.right, ones), (p.right, p.left))


@law("Euler: <d_left, left> = <d_out, out> = <d_right, right>, for out is linear in each side.",
     given=row_pairs(), needs=NEEDS)  # fmt: skip
def row_dot_obeys_euler(impl: Implementation, p: RowPairs) -> None:
    out, cache = impl.row_dot_forward(p.left, p.right)
    got = impl.row_dot_backward(p.d_out, cache)
    of_out = reach(bound(impl, p.left, p.right), p.d_out)
    allowed = bounds_of(impl, p)
    parts = zip(("left", "right"), (p.left, p.right), got, allowed, strict=True)
    for name, side, d_side, of_side in parts:
        room = reach(of_side, side) + of_out
        assert_equal(inner(d_side, side), inner(p.d_out, out), room, f"<d_{name}, {name}>")


@law("d_left is the adjoint of left: <d_out, dot(V, right)> = <V, d_left> for any V.",
     given=row_pairs(), needs=NEEDS)  # fmt: skip
def row_dot_gradient_is_adjoint_in_left(impl: Implementation, p: RowPairs) -> None:
    moved = np.ascontiguousarray(p.right[:, ::-1] + p.dtype.type(1))
    d_left, _ = gradients(impl, p.left, p.right, p.d_out)
    change, _ = impl.row_dot_forward(moved, p.right)
    of_gradient = reach(bounds_of(impl, p)[0], moved)
    allowed = of_gradient + reach(bound(impl, moved, p.right), p.d_out)
    assert_equal(inner(moved, d_left), inner(p.d_out, change), allowed, "<V, d_left>")


@law("d_right is the adjoint of right: <d_out, dot(left, V)> = <V, d_right> for any V.",
     given=row_pairs(), needs=NEEDS)  # fmt: skip
def row_dot_gradient_is_adjoint_in_right(impl: Implementation, p: RowPairs) -> None:
    moved = np.ascontiguousarray(p.left[:, ::-1] + p.dtype.type(1))
    _, d_right = gradients(impl, p.left, p.right, p.d_out)
    change, _ = impl.row_dot_forward(p.left, moved)
    of_gradient = reach(bounds_of(impl, p)[1], moved)
    allowed = of_gradient + reach(bound(impl, p.left, moved), p.d_out)
    assert_equal(inner(moved, d_right), inner(p.d_out, change), allowed, "<V, d_right>")


@law("Exchanging the sides exchanges the gradients.", given=row_pairs(), needs=NEEDS)
def row_dot_gradients_exchange(impl: Implementation, p: RowPairs) -> None:
    d_left, d_right = gradients(impl, p.left, p.right, p.d_out)
    assert_same(gradients(impl, p.right, p.left, p.d_out), (d_right, d_left))


@law("One array on both sides gets the same gradient on both.", given=row_pairs(), needs=NEEDS)
def row_dot_gradients_of_one_array_twice(impl: Implementation, p: RowPairs) -> None:
    d_left, d_right = gradients(impl, p.left, p.left, p.d_out)
    assert_same_bits(d_left, d_right)
    assert_own_memory([d_left, d_right], [p.left])


@law("Each gradient depends on the other side alone.", given=row_pairs(), needs=NEEDS)
def row_dot_gradients_do_not_read_their_own_side(impl: Implementation, p: RowPairs) -> None:
    d_left, d_right = gradients(impl, p.left, p.right, p.d_out)
    other = np.full(p.left.shape, 7, p.dtype)
    assert_same_bits(gradients(impl, other, p.right, p.d_out)[0], d_left, "d_left")
    assert_same_bits(gradients(impl, p.left, other, p.d_out)[1], d_right, "d_right")


@law("d_out scaled by a power of two, or negated, scales the gradients to the bit.",
     given=row_pairs(), needs=NEEDS)  # fmt: skip
def row_dot_gradients_scale(impl: Implementation, p: RowPairs) -> None:
    left, right, d_out = map(without_small, (p.left, p.right, p.d_out))
    want = gradients(impl, left, right, d_out)
    for power in POWERS:
        scale = p.dtype.type(-(2.0**power))
        scaled = [side * scale for side in want]
        assert_same(gradients(impl, left, right, d_out * scale), scaled)


@law("A row whose d_out is zero gets zeros on both sides.", given=row_pairs(), needs=NEEDS)
def row_dot_gradients_of_zero_are_zero(impl: Implementation, p: RowPairs) -> None:
    got = gradients(impl, p.left, p.right, with_entry(p.d_out, slice(0, None, 2), 0.0))
    for side in got:
        assert not side[::2].any(), f"{side[::2].tolist()} where d_out is 0"


@law("The gradients of a row do not depend on the rest of the batch.",
     given=row_pairs(), needs=NEEDS)  # fmt: skip
def row_dot_gradients_of_a_row_alone(impl: Implementation, p: RowPairs) -> None:
    want = gradients(impl, p.left, p.right, p.d_out)
    for b in range(len(p.left)):
        row = slice(b, b + 1)
        alone = gradients(impl, p.left[row], p.right[row], p.d_out[row])
        assert_same(alone, [side[row] for side in want])


@law("Permuting the rows permutes the gradients.", given=row_pairs(), needs=NEEDS)
def row_dot_gradients_follow_the_order_of_rows(impl: Implementation, p: RowPairs) -> None:
    want = gradients(impl, p.left, p.right, p.d_out)
    for order in orders(len(p.left)):
        got = gradients(impl, p.left[order], p.right[order], p.d_out[order])
        assert_same(got, [side[order] for side in want])


@law("Permuting the factors permutes the columns of the gradients.",
     given=row_pairs(), needs=NEEDS)  # fmt: skip
def row_dot_gradients_follow_the_order_of_factors(impl: Implementation, p: RowPairs) -> None:
    want = gradients(impl, p.left, p.right, p.d_out)
    for order in orders(p.left.shape[1]):
        got = gradients(impl, p.left[:, order], p.right[:, order], p.d_out)
        assert_same(got, [side[:, order] for side in want])

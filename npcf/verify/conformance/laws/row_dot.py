"""Laws of the row-wise dot product: out_b = sum_k left_bk right_bk."""

from typing import Any

import numpy as np

from npcf.verify import assert_within_exact, bounds, exact
from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import law
from npcf.verify.conformance.laws._common import (
    POWERS,
    assert_equal,
    coarse,
    cuts,
    inner,
    orders,
    total,
    whole,
    with_entry,
    without_small,
)
from npcf.verify.strategies import RowPairs, row_pairs

NEEDS = ("row_dot_forward",)
LESSON = RowPairs(np.array([[1.0, 2], [3, 4]]), np.array([[2.0, 2], [10, 10]]), np.ones(2))


def dot(impl: Implementation, left: Any, right: Any) -> Any:
    """Return the dots alone."""
    return impl.row_dot_forward(left, right)[0]


def bound(impl: Implementation, left: Any, right: Any) -> Any:
    """Return how far the dots may lie from exact arithmetic."""
    return bounds.row_dot(left, right, library=impl.library)


def bound_of(impl: Implementation, p: RowPairs) -> Any:
    """Return how far the dots of the whole input may lie from exact arithmetic."""
    return bound(impl, p.left, p.right)


@law("Each dot is exact within the bound.", given=row_pairs(), needs=NEEDS, examples=(LESSON,))
def row_dot_is_exact_within_the_bound(impl: Implementation, p: RowPairs) -> None:
    got = dot(impl, p.left, p.right)
    assert_within_exact(got, exact.row_dot(p.left, p.right), bound_of(impl, p), "out")


@law("Whole numbers give the whole number, in any order of the additions; the lesson's 6 and 70.",
     given=row_pairs(), needs=NEEDS, examples=(LESSON,))  # fmt: skip
def row_dot_of_whole_numbers_is_exact(impl: Implementation, p: RowPairs) -> None:
    left, right = whole(p.left), whole(p.right)
    want = [inner(a, b) for a, b in zip(left, right, strict=True)]
    assert_same_bits(dot(impl, left, right), np.array(want, p.dtype))


@law("The dots are the diagonal of left @ right.T: rows meet their own partner only.",
     given=row_pairs(), needs=NEEDS, examples=(LESSON,))  # fmt: skip
def row_dot_is_the_diagonal_of_the_product(impl: Implementation, p: RowPairs) -> None:
    want = np.diagonal(p.left @ p.right.T)
    assert_within(dot(impl, p.left, p.right), want, 2 * bound_of(impl, p))


@law("Exchanging the sides changes no bit.", given=row_pairs(), needs=NEEDS)
def row_dot_is_symmetric(impl: Implementation, p: RowPairs) -> None:
    assert_same_bits(dot(impl, p.left, p.right), dot(impl, p.right, p.left))


@law("With one factor the dot is the product, rounded once.", given=row_pairs(), needs=NEEDS)
def row_dot_of_one_factor_rounds_once(impl: Implementation, p: RowPairs) -> None:
    for k in range(p.left.shape[1]):
        left, right = p.left[:, k : k + 1], p.right[:, k : k + 1]
        assert_same_bits(dot(impl, left, right), (left * right)[:, 0])


@law("Without factors the dots are zero.", given=row_pairs(), needs=NEEDS)
def row_dot_of_no_factors_is_zero(impl: Implementation, p: RowPairs) -> None:
    got = dot(impl, p.left[:, :0], p.right[:, :0])
    assert_same_bits(got, np.zeros(len(p.left), p.dtype))


@law("A row of ones picks the sum of the other side's row.", given=row_pairs(), needs=NEEDS)
def row_dot_with_ones_sums(impl: Implementation, p: RowPairs) -> None:
    ones = np.ones_like(p.left)
    got, allowed = dot(impl, p.left, ones), bound(impl, p.left, ones)
    for b, row in enumerate(p.left):
        assert_equal(total(got[b]), total(row), allowed[b], f"out[{b}]")


@law("A unit vector picks its factor, to the bit.", given=row_pairs(), needs=NEEDS)
def row_dot_with_a_unit_vector_picks(impl: Implementation, p: RowPairs) -> None:
    for k in range(p.left.shape[1]):
        unit = with_entry(np.zeros_like(p.left), (slice(None), k), 1.0)
        assert_same_bits(dot(impl, unit, p.right), p.right[:, k])


@law("Permuting the factors of both sides changes nothing beyond rounding.",
     given=row_pairs(), needs=NEEDS)  # fmt: skip
def row_dot_ignores_the_order_of_factors(impl: Implementation, p: RowPairs) -> None:
    want = dot(impl, p.left, p.right)
    for order in orders(p.left.shape[1]):
        got = dot(impl, p.left[:, order], p.right[:, order])
        assert_within(got, want, 2 * bound_of(impl, p))


@law("Permuting the rows permutes the dots, up to rounding.", given=row_pairs(), needs=NEEDS)
def row_dot_follows_the_order_of_rows(impl: Implementation, p: RowPairs) -> None:
    want, allowed = dot(impl, p.left, p.right), bound_of(impl, p)
    for order in orders(len(p.left)):
        got = dot(impl, p.left[order], p.right[order])
        assert_within(got, want[order], 2 * allowed[order])


@law("A row's dot does not depend on the rest of the batch, up to rounding.",
     given=row_pairs(), needs=NEEDS)  # fmt: skip
def row_dot_of_a_row_alone(impl: Implementation, p: RowPairs) -> None:
    out, allowed = dot(impl, p.left, p.right), bound_of(impl, p)
    for b in range(len(out)):
        alone = dot(impl, p.left[b : b + 1], p.right[b : b + 1])
        assert_within(alone, out[b : b + 1], 2 * allowed[b : b + 1])


@law("Cut anywhere, the factors' two parts have dots that add up to the whole.",
     given=row_pairs(), needs=NEEDS)  # fmt: skip
def row_dot_of_two_groups_of_factors(impl: Implementation, p: RowPairs) -> None:
    out, allowed = dot(impl, p.left, p.right), bound_of(impl, p)
    for parts in cuts(p.left.shape[1]):
        dots = [dot(impl, p.left[:, part], p.right[:, part]) for part in parts]
        for b in range(len(out)):  # the parts' bounds add up to less than the whole's
            parts_sum = total([part[b] for part in dots])
            assert_equal(parts_sum, total(out[b]), 2 * allowed[b], f"out[{b}]")


@law("A factor that is zero on one side adds nothing, up to rounding.",
     given=row_pairs(), needs=NEEDS)  # fmt: skip
def row_dot_with_a_zero_factor(impl: Implementation, p: RowPairs) -> None:
    column = np.full((len(p.left), 1), 3, p.dtype)
    left, right = np.hstack([p.left, 0 * column]), np.hstack([p.right, column])
    allowed = bound_of(impl, p) + bound(impl, left, right)
    assert_within(dot(impl, left, right), dot(impl, p.left, p.right), allowed)


@law("Opposite powers of two on the two sides change no bit.", given=row_pairs(), needs=NEEDS)
def row_dot_of_opposite_scales(impl: Implementation, p: RowPairs) -> None:
    left, right = without_small(p.left), without_small(p.right)
    want = dot(impl, left, right)
    for power in POWERS:
        scale = p.dtype.type(2.0**power)
        assert_same_bits(dot(impl, left * scale, right / scale), want)


@law("A power of two on one side comes out as a factor, to the bit.",
     given=row_pairs(), needs=NEEDS)  # fmt: skip
def row_dot_scales(impl: Implementation, p: RowPairs) -> None:
    left, right = without_small(p.left), without_small(p.right)
    want = dot(impl, left, right)
    for power in POWERS:
        scale = p.dtype.type(2.0**power)
        assert_same_bits(dot(impl, left, right * scale), want * scale)


@law("Negating one side negates the dots, negating both changes nothing, to the bit.",
     given=row_pairs(), needs=NEEDS)  # fmt: skip
def row_dot_is_odd_in_each_side(impl: Implementation, p: RowPairs) -> None:
    want = dot(impl, p.left, p.right)
    assert_same_bits(dot(impl, -p.left, p.right), -want)
    assert_same_bits(dot(impl, -p.left, -p.right), want)


@law("The dot is additive in each side: (left + left') . right = left . right + left' . right.",
     given=row_pairs(), needs=NEEDS)  # fmt: skip
def row_dot_is_additive(impl: Implementation, p: RowPairs) -> None:
    left = coarse(p.left)  # so that the sum of two sides is exact
    parts = (left, left[:, ::-1], left + left[:, ::-1])
    allowed = np.sum([bound(impl, part, p.right) for part in parts], axis=0)
    first, second, both = (dot(impl, part, p.right) for part in parts)
    for b in range(len(both)):
        assert_equal(total([first[b], second[b]]), total(both[b]), allowed[b], f"out[{b}]")


@law("Turning two factors of both sides by 45 degrees and stretching by the root of 2 doubles.",
     given=row_pairs(), needs=NEEDS)  # fmt: skip
def row_dot_ignores_rotations(impl: Implementation, p: RowPairs) -> None:
    even = p.left.shape[1] // 2 * 2
    left, right = (coarse(side[:, :even]) for side in (p.left, p.right))
    turned = [
        np.hstack([side[:, ::2] + side[:, 1::2], side[:, ::2] - side[:, 1::2]])
        for side in (left, right)
    ]
    allowed = bound(impl, *turned) + 2 * bound(impl, left, right)
    assert_within(dot(impl, *turned), 2 * dot(impl, left, right), allowed)


@law("A row dotted with itself is positive, or zero for a row of zeros.",
     given=row_pairs(), needs=NEEDS)  # fmt: skip
def row_dot_with_itself_is_positive(impl: Implementation, p: RowPairs) -> None:
    left = without_small(p.left)
    got = dot(impl, left, left)
    assert (got >= 0).all(), f"a sum of squares is {got.min()}"
    assert ((got > 0) == left.any(axis=1)).all(), f"{got} for rows {left.tolist()}"


@law("No dot is larger than its rows' lengths allow (Cauchy and Schwarz).",
     given=row_pairs(), needs=NEEDS)  # fmt: skip
def row_dot_is_bounded_by_the_lengths(impl: Implementation, p: RowPairs) -> None:
    out, allowed = dot(impl, p.left, p.right), bound_of(impl, p)
    for b, (left, right) in enumerate(zip(p.left, p.right, strict=True)):
        least = max(abs(total(out[b])) - total(allowed[b]), total(0.0))
        assert least**2 <= inner(left, left) * inner(right, right), f"out[{b}] = {out[b]!r}"

"""Laws of the row-wise dot product: out_b = sum_k left_bk right_bk."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from npcf.verify import bounds
from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import law
from npcf.verify.conformance.laws._common import (
    POWERS,
    assert_equal,
    assert_same,
    inner,
    layouts_of,
    quiet,
    reach,
    whole,
    with_entry,
    without_small,
)
from npcf.verify.strategies import RowPairs, row_pairs
from npcf.verify.strategies.values import dtypes

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


BOTH = ("row_dot_forward", "row_dot_backward")


def gradients(impl: Implementation, left: Any, right: Any, d_out: Any) -> tuple[Any, Any]:
    """Return (d_left, d_right) after a forward."""
    d_left, d_right = impl.row_dot_backward(d_out, impl.row_dot_forward(left, right)[1])
    return d_left, d_right


def gradient_bounds(impl: Implementation, p: RowPairs) -> tuple[Any, Any]:
    """Return how far d_left and d_right may lie from exact arithmetic."""
    d_left, d_right = bounds.row_dot_backward(p.d_out, p.left, p.right, library=impl.library)
    return d_left, d_right


FACTORS = (8, 9, 16, 50)  # from eight on libraries add in several sums


@st.composite
def long_rows(draw: st.DrawFn) -> RowPairs:
    """Three pairs of rows whose every product and sum rounds."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype, k = draw(dtypes), draw(st.sampled_from(FACTORS))
    left, right = (rng.standard_normal((3, k)).astype(dtype) for _ in range(2))
    return RowPairs(left, right, rng.standard_normal(3).astype(dtype))


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


@law("With one factor the dot is the product, rounded once.", given=row_pairs(), needs=NEEDS)
def row_dot_of_one_factor_rounds_once(impl: Implementation, p: RowPairs) -> None:
    for k in range(p.left.shape[1]):
        left, right = p.left[:, k : k + 1], p.right[:, k : k + 1]
        assert_same_bits(dot(impl, left, right), (left * right)[:, 0])


@law("Without factors the dots are zero.", given=row_pairs(), needs=NEEDS)
def row_dot_of_no_factors_is_zero(impl: Implementation, p: RowPairs) -> None:
    got = dot(impl, p.left[:, :0], p.right[:, :0])
    assert_same_bits(got, np.zeros(len(p.left), p.dtype))


@law("Opposite powers of two on the two sides change no bit.", given=row_pairs(), needs=NEEDS)
def row_dot_of_opposite_scales(impl: Implementation, p: RowPairs) -> None:
    left, right = without_small(p.left), without_small(p.right)
    want = dot(impl, left, right)
    for power in POWERS:
        scale = p.dtype.type(2.0**power)
        assert_same_bits(dot(impl, left * scale, right / scale), want)


@law("An infinite factor makes the dot infinite with the sign of its partner; times zero, NaN.",
     given=row_pairs(), needs=NEEDS)  # fmt: skip
@quiet
def row_dot_of_an_infinite_factor(impl: Implementation, p: RowPairs) -> None:
    if p.left.size == 0:
        return
    left = with_entry(p.left, (-1, 0), np.inf)
    for partner, want in ((2.0, np.inf), (-2.0, -np.inf), (0.0, np.nan)):
        got = dot(impl, left, with_entry(p.right, (-1, 0), partner))
        assert_same_bits(got[-1], p.dtype.type(want))
        assert np.isfinite(got[:-1]).all(), "an infinity spread to other rows"


@law("NaN in a row makes its own dot NaN and leaves the others alone.",
     given=row_pairs(), needs=NEEDS)  # fmt: skip
@quiet
def row_dot_keeps_nan_in_its_row(impl: Implementation, p: RowPairs) -> None:
    if p.left.size == 0:
        return
    for left, right in (
        (with_entry(p.left, (-1, 0), np.nan), p.right),
        (p.left, with_entry(p.right, (-1, 0), np.nan)),
    ):
        is_nan = np.isnan(dot(impl, left, right))
        assert is_nan[-1], "NaN was lost"
        assert not is_nan[:-1].any(), "NaN spread to other rows"


@law("Euler: <d_left, left> = <d_out, out> = <d_right, right>, for out is linear in each side.",
     given=row_pairs(), needs=BOTH)  # fmt: skip
def row_dot_obeys_euler(impl: Implementation, p: RowPairs) -> None:
    out, cache = impl.row_dot_forward(p.left, p.right)
    got = impl.row_dot_backward(p.d_out, cache)
    of_out = reach(bound(impl, p.left, p.right), p.d_out)
    allowed = gradient_bounds(impl, p)
    parts = zip(("left", "right"), (p.left, p.right), got, allowed, strict=True)
    for name, side, d_side, of_side in parts:
        room = reach(of_side, side) + of_out
        assert_equal(inner(d_side, side), inner(p.d_out, out), room, f"<d_{name}, {name}>")


@law("Each gradient is d_out times the other side, rounded once, to the bit.",
     given=row_pairs(), needs=BOTH, examples=(LESSON,))  # fmt: skip
def row_dot_gradients_round_once(impl: Implementation, p: RowPairs) -> None:
    rows = p.d_out[:, None]
    assert_same(gradients(impl, p.left, p.right, p.d_out), (rows * p.right, rows * p.left))


@law("Each gradient depends on the other side alone.", given=row_pairs(), needs=BOTH)
def row_dot_gradients_do_not_read_their_own_side(impl: Implementation, p: RowPairs) -> None:
    d_left, d_right = gradients(impl, p.left, p.right, p.d_out)
    other = np.full(p.left.shape, 7, p.dtype)
    assert_same_bits(gradients(impl, other, p.right, p.d_out)[0], d_left, "d_left")
    assert_same_bits(gradients(impl, p.left, other, p.d_out)[1], d_right, "d_right")


@law("Long rows give the same bits in any memory layout.",
     given=long_rows(), needs=("row_dot_forward",))  # fmt: skip
def row_dot_of_long_rows_in_any_layout(impl: Implementation, p: RowPairs) -> None:
    out = impl.row_dot_forward(p.left, p.right)[0]
    for left, right in zip(layouts_of(p.left), layouts_of(p.right), strict=True):
        assert_same_bits(impl.row_dot_forward(left, right)[0], out)

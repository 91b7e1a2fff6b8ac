"""Laws of how the row dot treats its arguments, its result, and numbers that are none."""

import numpy as np

from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import law
from npcf.verify.conformance.laws._common import (
    assert_kind,
    assert_own_memory,
    layouts_of,
    quiet,
    refuses,
    unchanged,
    with_entry,
)
from npcf.verify.conformance.laws.row_dot import NEEDS, bound_of, dot
from npcf.verify.strategies import RowPairs, row_pairs


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


@law("The result is (B,) of the sides' dtype, for B = 0 too.", given=row_pairs(), needs=NEEDS)
def row_dot_has_one_number_a_row(impl: Implementation, p: RowPairs) -> None:
    assert_kind(dot(impl, p.left, p.right), (len(p.left),), p.dtype, "out")
    assert_kind(dot(impl, p.left[:0], p.right[:0]), (0,), p.dtype, "out of no rows")


@law("Neither side is changed.", given=row_pairs(), needs=NEEDS)
def row_dot_changes_no_argument(impl: Implementation, p: RowPairs) -> None:
    with unchanged(p.left, p.right):
        dot(impl, p.left, p.right)


@law("Strided, reversed, Fortran-ordered and read-only sides change nothing beyond rounding.",
     given=row_pairs(), needs=NEEDS)  # fmt: skip
def row_dot_in_any_layout(impl: Implementation, p: RowPairs) -> None:
    want = dot(impl, np.ascontiguousarray(p.left), np.ascontiguousarray(p.right))
    for left, right in zip(layouts_of(p.left), reversed([*layouts_of(p.right)]), strict=True):
        assert_within(dot(impl, left, right), want, 2 * bound_of(impl, p))


@law("The same sides twice give the same bits, and the first result stays as it was.",
     given=row_pairs(), needs=NEEDS)  # fmt: skip
def row_dot_is_deterministic(impl: Implementation, p: RowPairs) -> None:
    first = dot(impl, p.left, p.right)
    want = first.copy()
    dot(impl, p.right, -p.left)
    assert_same_bits(dot(impl, p.left, p.right), want)
    assert_same_bits(first, want, "first result, after other calls")


@law("The dots share no memory with a side, or with an earlier result.",
     given=row_pairs(), needs=NEEDS)  # fmt: skip
def row_dot_owns_its_memory(impl: Implementation, p: RowPairs) -> None:
    ones = np.ones((len(p.left), 1), p.dtype)  # then the left side itself would do
    for left, right in ((p.left, p.right), (p.left[:, :1], ones[:, : p.left.shape[1]])):
        assert_own_memory([dot(impl, left, right), dot(impl, left, right)], [left, right])


@law("Sides of unequal shapes raise; broadcasting would pair the wrong rows.",
     given=row_pairs(), needs=NEEDS)  # fmt: skip
def row_dot_refuses_unequal_shapes(impl: Implementation, p: RowPairs) -> None:
    rows, factors = p.left.shape
    for shape in ((rows + 2, factors), (rows, factors + 2)):
        refuses(f"{p.left.shape} with {shape}", dot, impl, p.left, np.ones(shape, p.dtype))


@law("A single row or column against many raises, though NumPy would broadcast it.",
     given=row_pairs(), needs=NEEDS)  # fmt: skip
def row_dot_refuses_to_broadcast(impl: Implementation, p: RowPairs) -> None:
    many = np.ones((len(p.left) + 2, p.left.shape[1] + 2), p.dtype)
    for few in (many[:1], many[:, :1], many[0]):
        for sides in ((many, few), (few, many)):
            refuses(f"{sides[0].shape} with {sides[1].shape}", dot, impl, *sides)

"""Laws of how the row dot's backward treats its arguments, its cache and its results."""

import numpy as np

from npcf.verify.assertions import assert_same_bits
from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import law
from npcf.verify.conformance.laws._common import (
    SPECIAL,
    assert_kind,
    assert_own_memory,
    assert_same,
    layouts_of,
    overwrite,
    quiet,
    refuses,
    unchanged,
    with_entry,
)
from npcf.verify.conformance.laws.row_dot_gradient import NEEDS, gradients
from npcf.verify.strategies import RowPairs, row_pairs


@law("NaN and infinities in one rating's d_out reach its own row only.",
     given=row_pairs(), needs=NEEDS)  # fmt: skip
@quiet
def row_dot_gradients_keep_nan_in_its_row(impl: Implementation, p: RowPairs) -> None:
    if p.left.size == 0:
        return
    ones = np.ones_like(p.left)
    for value in SPECIAL:
        for side in gradients(impl, ones, ones, with_entry(p.d_out, -1, value)):
            want = np.full(side.shape[1], value, p.dtype)
            assert_same_bits(side[-1], want, f"row with d_out {value}")
            assert np.isfinite(side[:-1]).all(), f"{value} spread to other rows"


@law("Both gradients have the shape and dtype of the sides, without rows or factors too.",
     given=row_pairs(), needs=NEEDS)  # fmt: skip
def row_dot_gradients_have_the_shape_of_the_sides(impl: Implementation, p: RowPairs) -> None:
    rows, factors = p.left.shape
    for shape in ((rows, factors), (rows, 0), (0, factors)):
        left, right = p.left[: shape[0], : shape[1]], p.right[: shape[0], : shape[1]]
        for side in gradients(impl, left, right, p.d_out[: shape[0]]):
            assert_kind(side, shape, p.dtype, "gradient")


@law("The backward changes neither d_out nor a side.", given=row_pairs(), needs=NEEDS)
def row_dot_gradients_change_no_argument(impl: Implementation, p: RowPairs) -> None:
    with unchanged(*p):
        gradients(impl, p.left, p.right, p.d_out)


@law("One cache serves twice: the second gradients have the bits of the first.",
     given=row_pairs(), needs=NEEDS)  # fmt: skip
def row_dot_cache_serves_twice(impl: Implementation, p: RowPairs) -> None:
    _, cache = impl.row_dot_forward(p.left, p.right)
    first = impl.row_dot_backward(p.d_out, cache)
    want = [side.copy() for side in first]
    assert_same(impl.row_dot_backward(p.d_out, cache), want, "second gradients")
    assert_same(first, want, "first gradients, after the second call")


@law("A cache survives other forwards: nothing is kept between calls.",
     given=row_pairs(), needs=NEEDS)  # fmt: skip
def row_dot_cache_survives_the_next_forward(impl: Implementation, p: RowPairs) -> None:
    want = gradients(impl, p.left, p.right, p.d_out)
    _, cache = impl.row_dot_forward(p.left, p.right)
    gradients(impl, p.right + p.dtype.type(1), -p.left, p.d_out)
    assert_same(impl.row_dot_backward(p.d_out, cache), want)


@law("Overwriting the dots does not change the gradients.", given=row_pairs(), needs=NEEDS)
def row_dot_gradients_do_not_read_the_dots(impl: Implementation, p: RowPairs) -> None:
    want = gradients(impl, p.left, p.right, p.d_out)
    out, cache = impl.row_dot_forward(p.left, p.right)
    overwrite(out)
    assert_same(impl.row_dot_backward(p.d_out, cache), want)


@law("Strided, reversed, Fortran-ordered and read-only inputs give the same bits.",
     given=row_pairs(), needs=NEEDS)  # fmt: skip
def row_dot_gradients_in_any_layout(impl: Implementation, p: RowPairs) -> None:
    want = gradients(impl, *map(np.ascontiguousarray, p))
    for inputs in zip(*map(layouts_of, p), strict=True):
        assert_same(gradients(impl, *inputs), want)


@law("The gradients share no memory with d_out, a side, or each other.",
     given=row_pairs(), needs=NEEDS)  # fmt: skip
def row_dot_gradients_own_their_memory(impl: Implementation, p: RowPairs) -> None:
    ones = np.ones(len(p.left), p.dtype)  # then the other side itself would do
    for d_out in (p.d_out, ones):
        _, cache = impl.row_dot_forward(p.left, p.right)
        got = [*impl.row_dot_backward(d_out, cache), *impl.row_dot_backward(d_out, cache)]
        assert_own_memory(got, [p.left, p.right, d_out])


@law("d_out of another shape than (B,) raises: a column or one number would broadcast.",
     given=row_pairs(), needs=NEEDS)  # fmt: skip
def row_dot_gradients_refuse_other_shapes(impl: Implementation, p: RowPairs) -> None:
    rows = np.ones((3, 4), p.dtype)
    _, cache = impl.row_dot_forward(rows, rows)
    for shape in ((4,), (3, 1), (1, 4), (1,), (3, 4), ()):
        refuses(f"d_out {shape} for 3 rows", impl.row_dot_backward, np.ones(shape, p.dtype), cache)

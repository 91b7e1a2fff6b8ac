"""Laws of the row-wise dot product: out_b = sum_k left_bk right_bk."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from npcf.verify import bounds
from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.conformance.law import law
from npcf.verify.conformance.laws._common import layouts_of
from npcf.verify.strategies import RowPairs, row_pairs
from npcf.verify.strategies.values import dtypes

NEEDS = ("row_dot_forward",)
LESSON = RowPairs(np.array([[1.0, 2], [3, 4]]), np.array([[2.0, 2], [10, 10]]), np.ones(2))
FACTORS = (8, 9, 16, 50)  # from eight on libraries add in several sums


@st.composite
def long_rows(draw: st.DrawFn) -> RowPairs:
    """Three pairs of rows whose every product and sum rounds."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype, k = draw(dtypes), draw(st.sampled_from(FACTORS))
    left, right = (rng.standard_normal((3, k)).astype(dtype) for _ in range(2))
    return RowPairs(left, right, rng.standard_normal(3).astype(dtype))


@law("The dots are the diagonal of left @ right.T: rows meet their own partner only.",
     given=row_pairs(), needs=NEEDS, examples=(LESSON,))  # fmt: skip
def row_dot_is_the_diagonal_of_the_product(impl: Any, p: RowPairs) -> None:
    allowed = 2 * bounds.row_dot(p.left, p.right, library=impl.library)
    want = np.diagonal(p.left @ p.right.T)
    assert_within(impl.row_dot_forward(p.left, p.right)[0], want, allowed)


@law("Long rows give the same bits in any memory layout.", given=long_rows(), needs=NEEDS)
def row_dot_of_long_rows_in_any_layout(impl: Any, p: RowPairs) -> None:
    out = impl.row_dot_forward(p.left, p.right)[0]
    for left, right in zip(layouts_of(p.left), layouts_of(p.right), strict=True):
        assert_same_bits(impl.row_dot_forward(left, right)[0], out)

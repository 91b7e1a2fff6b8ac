"""Laws of the row-wise dot product of long rows, where the order of the additions shows."""

import numpy as np
from hypothesis import strategies as st

from npcf.verify.assertions import assert_same_bits
from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import law
from npcf.verify.conformance.laws._common import layouts_of
from npcf.verify.strategies import RowPairs
from npcf.verify.strategies.values import dtypes

FACTORS = (8, 9, 16, 50)  # from eight on libraries add in several sums


@st.composite
def long_rows(draw: st.DrawFn) -> RowPairs:
    """Three pairs of rows whose every product and sum rounds."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype, k = draw(dtypes), draw(st.sampled_from(FACTORS))
    left, right = (rng.standard_normal((3, k)).astype(dtype) for _ in range(2))
    return RowPairs(left, right, rng.standard_normal(3).astype(dtype))


@law("Long rows give the same bits in any memory layout.",
     given=long_rows(), needs=("row_dot_forward",))  # fmt: skip
def row_dot_of_long_rows_in_any_layout(impl: Implementation, p: RowPairs) -> None:
    out = impl.row_dot_forward(p.left, p.right)[0]
    for left, right in zip(layouts_of(p.left), layouts_of(p.right), strict=True):
        assert_same_bits(impl.row_dot_forward(left, right)[0], out)


@law("Long rows give the same bits at each call.", given=long_rows(), needs=("row_dot_forward",))
def row_dot_of_long_rows_is_deterministic(impl: Implementation, p: RowPairs) -> None:
    first, second = (impl.row_dot_forward(p.left, p.right)[0] for _ in range(2))
    assert_same_bits(first, second)

"""The lookup in a table with more rows than 16 bits can number."""

import numpy as np
from hypothesis import strategies as st

from npcf.verify.assertions import assert_same_bits
from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import law

ROWS = 2**16 + 3  # more than 16 bits can number
far = st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=4)


@law("Rows far down a long table are looked up, and get their gradients.",
     given=far, needs=("embedding_forward", "embedding_backward"))  # fmt: skip
def lookup_in_a_long_table(impl: Implementation, p: list[int]) -> None:
    dtype = impl.dtypes[0]
    weight = np.arange(ROWS, dtype=dtype)[:, None]
    out, cache = impl.embedding_forward(weight, np.array(p))
    assert_same_bits(out, np.array(p, dtype)[:, None])
    got = impl.embedding_backward(np.ones_like(out), cache)
    assert_same_bits(got, np.bincount(p, minlength=ROWS).astype(dtype)[:, None])

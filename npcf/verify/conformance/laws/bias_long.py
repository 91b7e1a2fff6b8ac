"""Biases in tables with more rows than 16 bits can number."""

import numpy as np
from hypothesis import strategies as st

from npcf.verify.assertions import assert_same_bits
from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import law

ROWS = 2**16 + 3  # more than 16 bits can number
far = st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=4)


@law("Biases far down a long table are added, and get their gradients.",
     given=far, needs=("bias_forward", "bias_backward"))  # fmt: skip
def bias_in_a_long_table(impl: Implementation, p: list[int]) -> None:
    dtype, ids = impl.dtypes[0], np.array(p)
    table, dot = np.arange(ROWS, dtype=dtype), np.zeros(len(p), dtype)
    out, cache = impl.bias_forward(dot, table, -table, ids, ids[::-1])
    assert_same_bits(out, (ids - ids[::-1]).astype(dtype))
    for got in impl.bias_backward(np.ones_like(out), cache)[1:]:
        assert_same_bits(got, np.bincount(p, minlength=ROWS).astype(dtype))

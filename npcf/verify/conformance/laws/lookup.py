"""Laws of the lookup: out = weight[ids].  It copies, so they hold to the bit."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from npcf.verify.assertions import assert_same_bits
from npcf.verify.conformance.law import law
from npcf.verify.strategies import Lookup, lookups

FORWARD, BOTH = ("embedding_forward",), ("embedding_forward", "embedding_backward")
ROWS = 2**16 + 3  # more than 16 bits can number
far = st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=4)


@law("The lookup is the product of one-hot rows with the table.", given=lookups(), needs=FORWARD)
def lookup_is_the_one_hot_product(impl: Any, p: Lookup) -> None:
    one_hot = (p.ids[:, None] == np.arange(len(p.weight))).astype(p.dtype)
    assert_same_bits(impl.embedding_forward(p.weight, p.ids)[0], one_hot @ p.weight)


@law("NaN, infinities, negative zero, the largest and the smallest number are copied as they are.",
     given=lookups(min_batch=1), needs=FORWARD)  # fmt: skip
def lookup_copies_special_numbers(impl: Any, p: Lookup) -> None:
    limits = np.finfo(p.dtype)
    special = [np.nan, np.inf, -np.inf, -0.0, limits.max, limits.smallest_subnormal]
    weight = np.resize(np.array(special, p.dtype), (len(p.weight), len(special)))
    out, want = impl.embedding_forward(weight, p.ids)[0], weight[p.ids.astype(np.intp)]
    assert_same_bits(out, want)
    assert (np.signbit(out) == np.signbit(want)).all(), "a sign was lost"


@law("Rows far down a long table are looked up, and get their gradients.", given=far, needs=BOTH)
def lookup_in_a_long_table(impl: Any, p: list[int]) -> None:
    dtype = impl.dtypes[0]
    weight = np.arange(ROWS, dtype=dtype)[:, None]
    out, cache = impl.embedding_forward(weight, np.array(p))
    assert_same_bits(out, np.array(p, dtype)[:, None])
    got = impl.embedding_backward(np.ones_like(out), cache)
    assert_same_bits(got, np.bincount(p, minlength=ROWS).astype(dtype)[:, None])

"""Laws of the lookup: out = weight[ids].  It copies, so nearly all of them hold to the bit."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from npcf.verify import bounds
from npcf.verify.assertions import assert_same_bits
from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import law
from npcf.verify.conformance.laws._common import (
    assert_equal,
    inner,
    reach,
)
from npcf.verify.strategies import Lookup, lookups

NEEDS = ("embedding_forward",)
REPEATED = Lookup(np.array([[1.0], [2.0]]), np.array([1, 1]), np.ones((2, 1)))


def look_up(impl: Implementation, weight: Any, ids: Any) -> Any:
    """Return the rows alone."""
    return impl.embedding_forward(weight, ids)[0]


BOTH = ("embedding_forward", "embedding_backward")


def gradient(impl: Implementation, weight: Any, ids: Any, d_out: Any) -> Any:
    """Return d_weight (N, K) after a lookup."""
    return impl.embedding_backward(d_out, impl.embedding_forward(weight, ids)[1])


def bound_of(impl: Implementation, p: Lookup) -> Any:
    """Return how far d_weight may lie from exact arithmetic."""
    ids = p.ids.astype(np.intp)
    return bounds.embedding_backward(ids, p.d_out, len(p.weight), library=impl.library)


def mentions(p: Lookup) -> Any:
    """Return how often each row of the table is named, (N,)."""
    return np.bincount(p.ids.astype(np.intp), minlength=len(p.weight))


ROWS = 2**16 + 3  # more than 16 bits can number
far = st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=4)


@law("Row b of the result is row ids[b] of the table, to the bit.",
     given=lookups(), needs=NEEDS, examples=(REPEATED,))  # fmt: skip
def lookup_copies_rows(impl: Implementation, p: Lookup) -> None:
    out = look_up(impl, p.weight, p.ids)
    want = np.array([p.weight[i] for i in p.ids.tolist()], p.dtype)
    assert_same_bits(out, want.reshape(len(p.ids), p.weight.shape[1]))


@law("The lookup is the product of one-hot rows with the table.", given=lookups(), needs=NEEDS)
def lookup_is_the_one_hot_product(impl: Implementation, p: Lookup) -> None:
    one_hot = (p.ids[:, None] == np.arange(len(p.weight))).astype(p.dtype)
    assert_same_bits(look_up(impl, p.weight, p.ids), one_hot @ p.weight)


@law("Rows that nobody asks for are not read: NaN in them stays there.",
     given=lookups(), needs=NEEDS)  # fmt: skip
def lookup_reads_no_other_row(impl: Implementation, p: Lookup) -> None:
    spoilt = np.array(p.weight)
    spoilt[np.setdiff1d(np.arange(len(spoilt)), p.ids)] = np.nan
    assert_same_bits(look_up(impl, spoilt, p.ids), look_up(impl, p.weight, p.ids))


@law("NaN, infinities, negative zero, the largest and the smallest number are copied as they are.",
     given=lookups(min_batch=1), needs=NEEDS)  # fmt: skip
def lookup_copies_special_numbers(impl: Implementation, p: Lookup) -> None:
    limits = np.finfo(p.dtype)
    special = [np.nan, np.inf, -np.inf, -0.0, limits.max, limits.smallest_subnormal]
    weight = np.resize(np.array(special, p.dtype), (len(p.weight), len(special)))
    out, want = look_up(impl, weight, p.ids), weight[p.ids.astype(np.intp)]
    assert_same_bits(out, want)
    assert (np.signbit(out) == np.signbit(want)).all(), "a sign was lost"


@law("Lookup and gradient are adjoint: <lookup(W), D> = <W, gradient(D)>.",
     given=lookups(), needs=BOTH, examples=(REPEATED,))  # fmt: skip
def lookup_gradient_is_the_adjoint(impl: Implementation, p: Lookup) -> None:
    out, cache = impl.embedding_forward(p.weight, p.ids)
    d_weight = impl.embedding_backward(p.d_out, cache)
    allowed = reach(bound_of(impl, p), p.weight)
    assert_equal(inner(d_weight, p.weight), inner(out, p.d_out), allowed, "<W, gradient(D)>")


@law("Rows that no rating names get exactly zero.", given=lookups(), needs=BOTH)
def lookup_gradient_of_absent_rows_is_zero(impl: Implementation, p: Lookup) -> None:
    absent = gradient(impl, p.weight, p.ids, p.d_out)[mentions(p) == 0]
    assert_same_bits(absent, np.zeros_like(absent))


@law("A row named twice gets the sum of both, rounded once.",
     given=lookups(), needs=BOTH, examples=(REPEATED,))  # fmt: skip
def lookup_gradient_of_two_mentions_rounds_once(impl: Implementation, p: Lookup) -> None:
    d_weight = gradient(impl, p.weight, p.ids, p.d_out)
    for i in np.flatnonzero(mentions(p) == 2):
        first, second = p.d_out[p.ids == i]
        assert_same_bits(d_weight[i], first + second, f"d_weight[{i}]")


@law("A gradient of ones counts how often each row is named.",
     given=lookups(), needs=BOTH, examples=(REPEATED,))  # fmt: skip
def lookup_gradient_of_ones_counts(impl: Implementation, p: Lookup) -> None:
    d_weight = gradient(impl, p.weight, p.ids, np.ones(p.d_out.shape, p.dtype))
    want = np.broadcast_to(mentions(p)[:, None], p.weight.shape).astype(p.dtype)
    assert_same_bits(d_weight, want)


@law("The gradient does not depend on the numbers in the table.", given=lookups(), needs=BOTH)
def lookup_gradient_does_not_read_the_table(impl: Implementation, p: Lookup) -> None:
    want = gradient(impl, p.weight, p.ids, p.d_out)
    for value in (0.0, 3.0, np.nan):
        table = np.full(p.weight.shape, value, p.dtype)
        assert_same_bits(gradient(impl, table, p.ids, p.d_out), want)


@law("Rows far down a long table are looked up, and get their gradients.",
     given=far, needs=("embedding_forward", "embedding_backward"))  # fmt: skip
def lookup_in_a_long_table(impl: Implementation, p: list[int]) -> None:
    dtype = impl.dtypes[0]
    weight = np.arange(ROWS, dtype=dtype)[:, None]
    out, cache = impl.embedding_forward(weight, np.array(p))
    assert_same_bits(out, np.array(p, dtype)[:, None])
    got = impl.embedding_backward(np.ones_like(out), cache)
    assert_same_bits(got, np.bincount(p, minlength=ROWS).astype(dtype)[:, None])

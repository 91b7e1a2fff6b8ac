"""Laws of the lookup: out = weight[ids].  It copies, so nearly all of them hold to the bit."""

from typing import Any

import numpy as np

from npcf.verify.assertions import assert_same_bits
from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import law
from npcf.verify.conformance.laws._common import (
    POWERS,
    cuts,
    orders,
)
from npcf.verify.strategies import Lookup, lookups

NEEDS = ("embedding_forward",)
REPEATED = Lookup(np.array([[1.0], [2.0]]), np.array([1, 1]), np.ones((2, 1)))


def look_up(impl: Implementation, weight: Any, ids: Any) -> Any:
    """Return the rows alone."""
    return impl.embedding_forward(weight, ids)[0]


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


@law("The rows of a sum of two tables are the sums of their rows.", given=lookups(), needs=NEEDS)
def lookup_is_additive(impl: Implementation, p: Lookup) -> None:
    other = p.weight[::-1]  # both sides round the same sums
    want = look_up(impl, p.weight, p.ids) + look_up(impl, other, p.ids)
    assert_same_bits(look_up(impl, p.weight + other, p.ids), want)


@law("A table scaled by a power of two gives rows scaled by it.", given=lookups(), needs=NEEDS)
def lookup_scales(impl: Implementation, p: Lookup) -> None:
    out = look_up(impl, p.weight, p.ids)
    for power in POWERS:
        scale = p.dtype.type(2.0**power)
        assert_same_bits(look_up(impl, p.weight * scale, p.ids), out * scale)


@law("Ids in another order give the rows in that order.", given=lookups(), needs=NEEDS)
def lookup_follows_the_order_of_the_batch(impl: Implementation, p: Lookup) -> None:
    out = look_up(impl, p.weight, p.ids)
    for order in orders(len(p.ids)):
        assert_same_bits(look_up(impl, p.weight, p.ids[order]), out[order])


@law("Renumbering the rows of the table, and the ids alike, changes nothing.",
     given=lookups(), needs=NEEDS)  # fmt: skip
def lookup_ignores_the_numbering(impl: Implementation, p: Lookup) -> None:
    out = look_up(impl, p.weight, p.ids)
    for order in orders(len(p.weight)):  # row i moves to argsort(order)[i]
        renumbered = np.argsort(order)[p.ids.astype(np.intp)]
        assert_same_bits(look_up(impl, p.weight[order], renumbered), out)


@law("A lookup in what was looked up is one lookup, of ids looked up in ids.",
     given=lookups(min_batch=1), needs=NEEDS)  # fmt: skip
def lookups_compose(impl: Implementation, p: Lookup) -> None:
    second = np.arange(2 * len(p.ids)) // 2  # every row twice
    twice = look_up(impl, look_up(impl, p.weight, p.ids), second)
    assert_same_bits(twice, look_up(impl, p.weight, p.ids[second]))


@law("The rows of a batch are the rows of its two parts, wherever it is cut.",
     given=lookups(), needs=NEEDS)  # fmt: skip
def lookup_of_two_parts(impl: Implementation, p: Lookup) -> None:
    out = look_up(impl, p.weight, p.ids)
    for parts in cuts(len(p.ids)):
        joined = np.concatenate([look_up(impl, p.weight, p.ids[part]) for part in parts])
        assert_same_bits(joined, out)


@law("Columns do not mix: a table of some factors gives those factors of the rows.",
     given=lookups(), needs=NEEDS)  # fmt: skip
def lookup_keeps_factors_apart(impl: Implementation, p: Lookup) -> None:
    out = look_up(impl, p.weight, p.ids)
    for left, right in cuts(p.weight.shape[1]):
        assert_same_bits(look_up(impl, p.weight[:, left], p.ids), out[:, left])
        assert_same_bits(look_up(impl, p.weight[:, right], p.ids), out[:, right])


@law("All ids in their order give the table itself.", given=lookups(), needs=NEEDS)
def lookup_of_every_row(impl: Implementation, p: Lookup) -> None:
    assert_same_bits(look_up(impl, p.weight, np.arange(len(p.weight))), p.weight)


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

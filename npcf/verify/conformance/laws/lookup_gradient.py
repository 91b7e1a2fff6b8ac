"""Laws of the lookup's gradient: row n gets the sum of the d_out whose id is n, else zero."""

from typing import Any

import numpy as np

from npcf.verify import assert_within_exact, bounds, exact
from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import law
from npcf.verify.conformance.laws._common import (
    POWERS,
    assert_equal,
    inner,
    orders,
    reach,
    total,
    with_entry,
    without_small,
)
from npcf.verify.conformance.laws.lookup import REPEATED
from npcf.verify.strategies import Lookup, lookups

NEEDS = ("embedding_forward", "embedding_backward")


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


@law("Each row of the gradient is the exact sum over its ratings, within the bound.",
     given=lookups(), needs=NEEDS, examples=(REPEATED,))  # fmt: skip
def lookup_gradient_is_exact_within_the_bound(impl: Implementation, p: Lookup) -> None:
    want = exact.embedding_backward(p.ids.astype(np.intp), p.d_out, len(p.weight))
    got = gradient(impl, p.weight, p.ids, p.d_out)
    assert_within_exact(got, want, bound_of(impl, p), "d_weight")


@law("Lookup and gradient are adjoint: <lookup(W), D> = <W, gradient(D)>.",
     given=lookups(), needs=NEEDS, examples=(REPEATED,))  # fmt: skip
def lookup_gradient_is_the_adjoint(impl: Implementation, p: Lookup) -> None:
    out, cache = impl.embedding_forward(p.weight, p.ids)
    d_weight = impl.embedding_backward(p.d_out, cache)
    allowed = reach(bound_of(impl, p), p.weight)
    assert_equal(inner(d_weight, p.weight), inner(out, p.d_out), allowed, "<W, gradient(D)>")


@law("Nothing is lost or added: columns of the gradient have the sums of those of d_out.",
     given=lookups(), needs=NEEDS)  # fmt: skip
def lookup_gradient_keeps_column_sums(impl: Implementation, p: Lookup) -> None:
    d_weight, bound = gradient(impl, p.weight, p.ids, p.d_out), bound_of(impl, p)
    for k in range(p.weight.shape[1]):
        allowed = reach(bound[:, k], np.ones(len(bound)))
        assert_equal(total(d_weight[:, k]), total(p.d_out[:, k]), allowed, f"sum of column {k}")


@law("Rows that no rating names get exactly zero.", given=lookups(), needs=NEEDS)
def lookup_gradient_of_absent_rows_is_zero(impl: Implementation, p: Lookup) -> None:
    absent = gradient(impl, p.weight, p.ids, p.d_out)[mentions(p) == 0]
    assert_same_bits(absent, np.zeros_like(absent))


@law("A row named once gets its gradient as it is, to the bit.", given=lookups(), needs=NEEDS)
def lookup_gradient_of_one_mention_is_a_copy(impl: Implementation, p: Lookup) -> None:
    d_weight, times = gradient(impl, p.weight, p.ids, p.d_out), mentions(p)
    for b, i in enumerate(p.ids.tolist()):
        if times[i] == 1:
            assert_same_bits(d_weight[i], p.d_out[b], f"d_weight[{i}]")


@law("A row named twice gets the sum of both, rounded once.",
     given=lookups(), needs=NEEDS, examples=(REPEATED,))  # fmt: skip
def lookup_gradient_of_two_mentions_rounds_once(impl: Implementation, p: Lookup) -> None:
    d_weight = gradient(impl, p.weight, p.ids, p.d_out)
    for i in np.flatnonzero(mentions(p) == 2):
        first, second = p.d_out[p.ids == i]
        assert_same_bits(d_weight[i], first + second, f"d_weight[{i}]")


@law("A gradient of ones counts how often each row is named.",
     given=lookups(), needs=NEEDS, examples=(REPEATED,))  # fmt: skip
def lookup_gradient_of_ones_counts(impl: Implementation, p: Lookup) -> None:
    d_weight = gradient(impl, p.weight, p.ids, np.ones(p.d_out.shape, p.dtype))
    want = np.broadcast_to(mentions(p)[:, None], p.weight.shape).astype(p.dtype)
    assert_same_bits(d_weight, want)


@law("The order of the batch changes nothing beyond rounding.", given=lookups(), needs=NEEDS)
def lookup_gradient_ignores_the_order(impl: Implementation, p: Lookup) -> None:
    want = gradient(impl, p.weight, p.ids, p.d_out)
    for order in orders(len(p.ids)):
        got = gradient(impl, p.weight, p.ids[order], p.d_out[order])
        assert_within(got, want, 2 * bound_of(impl, p))


@law("Renumbering rows and ids renumbers the rows of the gradient; row 0 is like any other.",
     given=lookups(), needs=NEEDS)  # fmt: skip
def lookup_gradient_follows_the_numbering(impl: Implementation, p: Lookup) -> None:
    want, bound = gradient(impl, p.weight, p.ids, p.d_out), bound_of(impl, p)
    for order in orders(len(p.weight)):
        renumbered = np.argsort(order)[p.ids.astype(np.intp)]
        got = gradient(impl, p.weight[order], renumbered, p.d_out)
        assert_within(got, want[order], 2 * bound[order])


@law("The gradients of two parts of a batch add up to that of the whole.",
     given=lookups(), needs=NEEDS, examples=(REPEATED,))  # fmt: skip
def lookup_gradient_of_two_parts(impl: Implementation, p: Lookup) -> None:
    want = gradient(impl, p.weight, p.ids, p.d_out).astype(np.float64)
    middle = len(p.ids) // 2
    first, second = (
        gradient(impl, p.weight, p.ids[part], p.d_out[part]).astype(np.float64)
        for part in (slice(0, middle), slice(middle, None))
    )
    # the parts' own bounds are smaller than the whole's; adding them rounds once more, in float64
    rounding = bounds.PRECISION[np.dtype(np.float64)].u * np.abs(first + second)
    assert_within(first + second, want, 3 * bound_of(impl, p) + rounding)


@law("The gradient is additive: d_out cut in two by zeros gives two gradients that add up.",
     given=lookups(), needs=NEEDS)  # fmt: skip
def lookup_gradient_is_additive(impl: Implementation, p: Lookup) -> None:
    even = with_entry(p.d_out, slice(1, None, 2), 0.0)
    odd = with_entry(p.d_out, slice(0, None, 2), 0.0)
    probe = np.arange(1.0, p.weight.size + 1).reshape(p.weight.shape)
    parts = [inner(gradient(impl, p.weight, p.ids, part), probe) for part in (even, odd)]
    want = inner(gradient(impl, p.weight, p.ids, p.d_out), probe)
    assert_equal(
        parts[0] + parts[1], want, 3 * reach(bound_of(impl, p), probe), "<gradient, 1, 2, 3, ...>"
    )


@law("d_out scaled by a power of two, or negated, scales the gradient to the bit.",
     given=lookups(), needs=NEEDS)  # fmt: skip
def lookup_gradient_scales(impl: Implementation, p: Lookup) -> None:
    d_out = without_small(p.d_out)
    want = gradient(impl, p.weight, p.ids, d_out)
    for power in POWERS:
        scale = p.dtype.type(-(2.0**power))
        assert_same_bits(gradient(impl, p.weight, p.ids, d_out * scale), want * scale)


@law("The gradient does not depend on the numbers in the table.", given=lookups(), needs=NEEDS)
def lookup_gradient_does_not_read_the_table(impl: Implementation, p: Lookup) -> None:
    want = gradient(impl, p.weight, p.ids, p.d_out)
    for value in (0.0, 3.0, np.nan):
        table = np.full(p.weight.shape, value, p.dtype)
        assert_same_bits(gradient(impl, table, p.ids, p.d_out), want)


@law("Columns do not mix: one column of d_out makes one column of the gradient.",
     given=lookups(), needs=NEEDS)  # fmt: skip
def lookup_gradient_keeps_factors_apart(impl: Implementation, p: Lookup) -> None:
    want, bound = gradient(impl, p.weight, p.ids, p.d_out), bound_of(impl, p)
    for k in range(p.weight.shape[1]):
        one = slice(k, k + 1)
        got = gradient(impl, p.weight[:, one], p.ids, p.d_out[:, one])
        assert_within(got, want[:, one], 2 * bound[:, one])


@law("A gradient of zeros gives zeros.", given=lookups(), needs=NEEDS)
def lookup_gradient_of_zeros(impl: Implementation, p: Lookup) -> None:
    got = gradient(impl, p.weight, p.ids, np.zeros(p.d_out.shape, p.dtype))
    assert_same_bits(got, np.zeros(p.weight.shape, p.dtype))

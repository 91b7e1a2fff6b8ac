"""Laws of how the lookup's backward treats its arguments, its cache and its result."""

import numpy as np

from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import law
from npcf.verify.conformance.laws._common import (
    INTEGERS,
    SPECIAL,
    assert_kind,
    assert_own_memory,
    layouts_of,
    overwrite,
    quiet,
    refuses,
    unchanged,
    with_entry,
)
from npcf.verify.conformance.laws.lookup_gradient import NEEDS, bound_of, gradient
from npcf.verify.strategies import Lookup, lookups


@law("No ids give a gradient of zeros in the table's shape, for a table without rows too.",
     given=lookups(), needs=NEEDS)  # fmt: skip
def lookup_gradient_of_no_ids(impl: Implementation, p: Lookup) -> None:
    for table in (p.weight, p.weight[:0]):
        got = gradient(impl, table, p.ids[:0], p.d_out[:0])
        assert_same_bits(got, np.zeros(table.shape, p.dtype))


@law("NaN and infinities in one rating's gradient reach its own row only.",
     given=lookups(min_batch=1), needs=NEEDS)  # fmt: skip
@quiet
def lookup_gradient_keeps_nan_in_its_row(impl: Implementation, p: Lookup) -> None:
    last = int(p.ids[-1])
    for value in SPECIAL:
        got = gradient(impl, p.weight, p.ids, with_entry(p.d_out, -1, value))
        finite = np.isfinite(got).all(axis=1)
        if p.weight.shape[1]:
            assert not finite[last], f"{value} was lost in d_weight[{last}]"
        assert np.delete(finite, last).all(), f"{value} spread beyond d_weight[{last}]"


@law("The gradient has the table's shape and dtype.", given=lookups(), needs=NEEDS)
def lookup_gradient_has_the_shape_of_the_table(impl: Implementation, p: Lookup) -> None:
    got = gradient(impl, p.weight, p.ids, p.d_out)
    assert_kind(got, p.weight.shape, p.dtype, "d_weight")


@law("The backward changes neither d_out nor the table nor the ids.", given=lookups(), needs=NEEDS)
def lookup_gradient_changes_no_argument(impl: Implementation, p: Lookup) -> None:
    with unchanged(*p):
        gradient(impl, p.weight, p.ids, p.d_out)


@law("One cache serves twice: the second gradient has the bits of the first.",
     given=lookups(), needs=NEEDS)  # fmt: skip
def lookup_cache_serves_twice(impl: Implementation, p: Lookup) -> None:
    _, cache = impl.embedding_forward(p.weight, p.ids)
    first = impl.embedding_backward(p.d_out, cache)
    want = first.copy()
    second = impl.embedding_backward(p.d_out, cache)
    assert_same_bits(second, want, "second gradient")
    assert_same_bits(first, want, "first gradient, after the second call")


@law("A cache survives other lookups: nothing is kept between calls.",
     given=lookups(), needs=NEEDS)  # fmt: skip
def lookup_cache_survives_the_next_lookup(impl: Implementation, p: Lookup) -> None:
    want = gradient(impl, p.weight, p.ids, p.d_out)
    _, cache = impl.embedding_forward(p.weight, p.ids)
    gradient(impl, np.zeros((7, 2), p.dtype), np.array([6, 0, 6]), np.ones((3, 2), p.dtype))
    assert_same_bits(impl.embedding_backward(p.d_out, cache), want)


@law("Overwriting the rows that were looked up does not change the gradient.",
     given=lookups(), needs=NEEDS)  # fmt: skip
def lookup_gradient_does_not_read_the_rows(impl: Implementation, p: Lookup) -> None:
    want = gradient(impl, p.weight, p.ids, p.d_out)
    out, cache = impl.embedding_forward(p.weight, p.ids)
    overwrite(out)
    assert_same_bits(impl.embedding_backward(p.d_out, cache), want)


@law("Strided, reversed, Fortran-ordered and read-only d_out change nothing beyond rounding.",
     given=lookups(), needs=NEEDS)  # fmt: skip
def lookup_gradient_in_any_layout(impl: Implementation, p: Lookup) -> None:
    want = gradient(impl, p.weight, p.ids, np.ascontiguousarray(p.d_out))
    for d_out in layouts_of(p.d_out):
        assert_within(gradient(impl, p.weight, p.ids, d_out), want, 2 * bound_of(impl, p))


@law("Ids of every integer type give the same gradient, up to rounding.",
     given=lookups(), needs=NEEDS)  # fmt: skip
def lookup_gradient_by_any_integer(impl: Implementation, p: Lookup) -> None:
    want = gradient(impl, p.weight, p.ids, p.d_out)
    for integer in INTEGERS:
        got = gradient(impl, p.weight, p.ids.astype(integer), p.d_out)
        assert_within(got, want, 2 * bound_of(impl, p))


@law("The gradient shares no memory with d_out, the table, or an earlier gradient.",
     given=lookups(), needs=NEEDS)  # fmt: skip
def lookup_gradient_owns_its_memory(impl: Implementation, p: Lookup) -> None:
    every = np.arange(len(p.weight))  # then d_out itself would do
    for ids, d_out in ((p.ids, np.array(p.d_out)), (every, np.array(p.weight))):
        _, cache = impl.embedding_forward(p.weight, ids)
        got = [impl.embedding_backward(d_out, cache) for _ in range(2)]
        assert_own_memory(got, [d_out, p.weight])


@law("d_out of another shape than the rows raises.", given=lookups(min_batch=1), needs=NEEDS)
def lookup_gradient_refuses_other_shapes(impl: Implementation, p: Lookup) -> None:
    (b, k), (_, cache) = p.d_out.shape, impl.embedding_forward(p.weight, p.ids)
    for shape in ((b + 1, k), (b, k + 1), (b + 1,), (b, k, 1), ()):
        d_out = np.ones(shape, p.dtype)
        refuses(f"d_out {shape} for rows {(b, k)}", impl.embedding_backward, d_out, cache)

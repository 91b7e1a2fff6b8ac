"""Laws of how the lookup treats its arguments and its result, whatever the numbers are."""

import numpy as np

from npcf.verify.assertions import assert_same_bits
from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import law
from npcf.verify.conformance.laws._common import (
    INTEGERS,
    assert_kind,
    assert_own_memory,
    layouts_of,
    overwrite,
    refuses,
    unchanged,
)
from npcf.verify.conformance.laws.lookup import NEEDS, look_up
from npcf.verify.strategies import Lookup, lookups


@law("The result is (B, K) of the table's dtype, for no ids and for no factors too.",
     given=lookups(), needs=NEEDS)  # fmt: skip
def lookup_has_the_shape_of_its_rows(impl: Implementation, p: Lookup) -> None:
    b, k = len(p.ids), p.weight.shape[1]
    assert_kind(look_up(impl, p.weight, p.ids), (b, k), p.dtype, "out")
    assert_kind(look_up(impl, p.weight[:, :0], p.ids), (b, 0), p.dtype, "out of no factors")


@law("No ids give (0, K), even from a table without rows.", given=lookups(), needs=NEEDS)
def lookup_of_no_ids(impl: Implementation, p: Lookup) -> None:
    none, k = p.ids[:0], p.weight.shape[1]
    for table in (p.weight, p.weight[:0]):
        assert_kind(look_up(impl, table, none), (0, k), p.dtype, "out")


@law("Neither the table nor the ids are changed.", given=lookups(), needs=NEEDS)
def lookup_changes_no_argument(impl: Implementation, p: Lookup) -> None:
    with unchanged(p.weight, p.ids):
        look_up(impl, p.weight, p.ids)


@law("Strided, reversed, Fortran-ordered and read-only tables give the same bits.",
     given=lookups(), needs=NEEDS)  # fmt: skip
def lookup_in_any_layout(impl: Implementation, p: Lookup) -> None:
    out = look_up(impl, np.ascontiguousarray(p.weight), p.ids)
    for weight, ids in zip(layouts_of(p.weight), layouts_of(p.ids), strict=True):
        assert_same_bits(look_up(impl, weight, ids), out)


@law("Ids of every integer type name the same rows.", given=lookups(), needs=NEEDS)
def lookup_by_any_integer(impl: Implementation, p: Lookup) -> None:
    out = look_up(impl, p.weight, p.ids)
    for integer in INTEGERS:
        assert_same_bits(look_up(impl, p.weight, p.ids.astype(integer)), out)


@law("The rows are copies: they share no memory with the table, nor with an earlier result.",
     given=lookups(min_batch=1), needs=NEEDS)  # fmt: skip
def lookup_owns_its_rows(impl: Implementation, p: Lookup) -> None:
    weight = np.array(p.weight)
    every = np.arange(len(weight))
    for ids in (every, p.ids, p.ids[:1]):  # the first two would do as slices of the table
        assert_own_memory([look_up(impl, weight, ids), look_up(impl, weight, ids)], [weight])


@law("Overwriting the rows does not change the table or what is looked up next.",
     given=lookups(), needs=NEEDS)  # fmt: skip
def lookup_keeps_nothing_of_its_result(impl: Implementation, p: Lookup) -> None:
    weight = np.array(p.weight)
    first = look_up(impl, weight, p.ids)
    want = first.copy()
    with unchanged(weight):
        overwrite(first)
    assert_same_bits(look_up(impl, weight, p.ids), want)


@law("Another lookup in between does not change an earlier result.", given=lookups(), needs=NEEDS)
def lookup_survives_the_next(impl: Implementation, p: Lookup) -> None:
    first = look_up(impl, p.weight, p.ids)
    want = first.copy()
    look_up(impl, -p.weight[::-1], p.ids[::-1])
    assert_same_bits(first, want)


@law("The same lookup twice gives the same bits.", given=lookups(), needs=NEEDS)
def lookup_is_deterministic(impl: Implementation, p: Lookup) -> None:
    assert_same_bits(look_up(impl, p.weight, p.ids), look_up(impl, p.weight, p.ids))


@law("An id outside the table raises, wherever it stands; negative ids do not wrap.",
     given=lookups(min_batch=1), needs=NEEDS)  # fmt: skip
def lookup_refuses_ids_outside(impl: Implementation, p: Lookup) -> None:
    n, ids = len(p.weight), p.ids.astype(np.int64)
    for place in range(len(ids)):
        for bad in (n, -1):
            wrong = ids.copy()
            wrong[place] = bad
            refuses(f"id {bad} in a table of {n} rows", look_up, impl, p.weight, wrong)


@law("Ids far outside the table raise, up to the ends of the integers.",
     given=lookups(min_batch=1), needs=NEEDS)  # fmt: skip
def lookup_refuses_ids_far_outside(impl: Implementation, p: Lookup) -> None:
    ends = np.iinfo(np.int64)
    for bad in (2**31, 2**32, -(2**32), ends.max, ends.min):  # 32 bits would make 0 of 2**32
        wrong = p.ids.astype(np.int64)
        wrong[-1] = bad
        refuses(f"id {bad}", look_up, impl, p.weight, wrong)


@law("After ids were refused the arguments are as before, and the next lookup is right.",
     given=lookups(min_batch=1), needs=NEEDS)  # fmt: skip
def lookup_refuses_before_it_writes(impl: Implementation, p: Lookup) -> None:
    weight, wrong, out = np.array(p.weight), p.ids.astype(np.int64), look_up(impl, p.weight, p.ids)
    wrong[-1] = len(weight)
    with unchanged(weight, wrong, p.ids):
        refuses(f"id {wrong[-1]}", look_up, impl, weight, wrong)
    assert_same_bits(look_up(impl, weight, p.ids), out)


@law("Ids that are floating-point numbers raise, whole ones too.",
     given=lookups(min_batch=1), needs=NEEDS)  # fmt: skip
def lookup_refuses_floating_ids(impl: Implementation, p: Lookup) -> None:
    for floating in (np.float32, np.float64):
        refuses("a floating-point id", look_up, impl, p.weight, p.ids.astype(floating))


@law("Boolean ids raise: as an index they would be a mask.",
     given=lookups(min_batch=1), needs=NEEDS)  # fmt: skip
def lookup_refuses_booleans(impl: Implementation, p: Lookup) -> None:
    for mask in (p.ids > 0, np.ones(len(p.weight), bool)):
        refuses("a boolean id", look_up, impl, p.weight, mask)

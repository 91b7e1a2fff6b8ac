"""Laws of how the biases treat their arguments, their result, and numbers that are none."""

import numpy as np

from npcf.verify.assertions import assert_same_bits
from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import law
from npcf.verify.conformance.laws._common import (
    INTEGERS,
    assert_kind,
    assert_own_memory,
    layouts_of,
    quiet,
    refuses,
    unchanged,
    with_entry,
)
from npcf.verify.conformance.laws.bias import NEEDS, PAIRS, add, of_pairs, scaled
from npcf.verify.strategies import BiasInput, bias_inputs


@law("Biases that nobody asks for are not read: NaN in them stays there.",
     given=bias_inputs(), needs=NEEDS)  # fmt: skip
def bias_reads_no_other_entry(impl: Implementation, p: BiasInput) -> None:
    absent_users = np.setdiff1d(np.arange(len(p.user_bias)), p.users)
    absent_items = np.setdiff1d(np.arange(len(p.item_bias)), p.items)
    spoilt = p._replace(
        user_bias=with_entry(p.user_bias, absent_users, np.nan),
        item_bias=with_entry(p.item_bias, absent_items, np.nan),
    )
    assert_same_bits(add(impl, spoilt), add(impl, p))


@law("NaN in one bias reaches the ratings that name it, all of them and no other.",
     given=bias_inputs(), needs=NEEDS)  # fmt: skip
@quiet
def bias_carries_nan_to_its_ratings(impl: Implementation, p: BiasInput) -> None:
    for i in set(p.users.tolist()):
        got = add(impl, p._replace(user_bias=with_entry(p.user_bias, i, np.nan)))
        assert (np.isnan(got) == (p.users == i)).all(), f"user {i} is NaN, out {got}"
    for i in set(p.items.tolist()):
        got = add(impl, p._replace(item_bias=with_entry(p.item_bias, i, np.nan)))
        assert (np.isnan(got) == (p.items == i)).all(), f"item {i} is NaN, out {got}"


@law("An infinite bias makes its ratings infinite; opposite infinities make NaN.",
     given=bias_inputs(), needs=NEEDS)  # fmt: skip
@quiet
def bias_carries_infinities(impl: Implementation, p: BiasInput) -> None:
    for value in (np.inf, -np.inf):
        users = np.full_like(p.user_bias, value)
        got = add(impl, p._replace(user_bias=users))
        assert_same_bits(got, np.full_like(p.dot, value))
        both = p._replace(user_bias=users, item_bias=np.full_like(p.item_bias, -value))
        assert np.isnan(add(impl, both)).all(), "inf - inf is no number"


@law("The result is (B,) of the inputs' dtype, for no pairs and for one pair too.",
     given=bias_inputs(), needs=NEEDS, examples=(PAIRS,))  # fmt: skip
def bias_has_one_number_a_pair(impl: Implementation, p: BiasInput) -> None:
    for n in (len(p.dot), 0, min(len(p.dot), 1)):
        assert_kind(add(impl, of_pairs(p, slice(0, n))), (n,), p.dtype, "out")


@law("No argument is changed.", given=bias_inputs(), needs=NEEDS)
def bias_changes_no_argument(impl: Implementation, p: BiasInput) -> None:
    with unchanged(*p):
        add(impl, p)


@law("Strided, reversed and read-only inputs give the same bits.", given=bias_inputs(), needs=NEEDS)
def bias_in_any_layout(impl: Implementation, p: BiasInput) -> None:
    out = add(impl, BiasInput(*map(np.ascontiguousarray, p)))
    for inputs in zip(*map(layouts_of, p), strict=True):
        assert_same_bits(add(impl, BiasInput(*inputs)), out)


@law("Ids of every integer type name the same biases.", given=bias_inputs(), needs=NEEDS)
def bias_by_any_integer(impl: Implementation, p: BiasInput) -> None:
    out = add(impl, p)
    for users, items in zip(INTEGERS, reversed(INTEGERS), strict=True):
        got = add(impl, p._replace(users=p.users.astype(users), items=p.items.astype(items)))
        assert_same_bits(got, out)


@law("The same inputs twice give the same bits, and the first result stays as it was.",
     given=bias_inputs(), needs=NEEDS)  # fmt: skip
def bias_is_deterministic(impl: Implementation, p: BiasInput) -> None:
    first = add(impl, p)
    want = first.copy()
    add(impl, scaled(p, -2))
    assert_same_bits(add(impl, p), want)
    assert_same_bits(first, want, "first result, after other calls")


@law("The sums share no memory with the inputs, or with an earlier result.",
     given=bias_inputs(), needs=NEEDS)  # fmt: skip
def bias_owns_its_memory(impl: Implementation, p: BiasInput) -> None:
    for q in (p, scaled(p, 0)):  # zero biases: the dots themselves would do
        assert_own_memory([add(impl, q), add(impl, q)], [q.dot, q.user_bias, q.item_bias])


@law("A user or an item outside its table raises, wherever it stands.",
     given=bias_inputs(), needs=NEEDS)  # fmt: skip
def bias_refuses_ids_outside(impl: Implementation, p: BiasInput) -> None:
    for b in range(len(p.dot)):
        for bad in (len(p.user_bias), -1):
            wrong = p._replace(users=with_entry(p.users, b, bad))
            refuses(f"user {bad} of {len(p.user_bias)}", add, impl, wrong)
        for bad in (len(p.item_bias), -1):
            wrong = p._replace(items=with_entry(p.items, b, bad))
            refuses(f"item {bad} of {len(p.item_bias)}", add, impl, wrong)


@law("After an id was refused the arguments are as before, and the next sums are right.",
     given=bias_inputs(), needs=NEEDS)  # fmt: skip
def bias_refuses_before_it_writes(impl: Implementation, p: BiasInput) -> None:
    if len(p.dot) == 0:
        return
    out, copy = add(impl, p), BiasInput(*map(np.array, p))
    wrong = copy._replace(items=with_entry(p.items, -1, len(p.item_bias)))
    with unchanged(*wrong, copy.items):
        refuses("a foreign item", add, impl, wrong)
    assert_same_bits(add(impl, copy), out)


@law("Floating-point and boolean ids raise.", given=bias_inputs(), needs=NEEDS)
def bias_refuses_ids_that_are_no_integers(impl: Implementation, p: BiasInput) -> None:
    if len(p.dot) == 0:
        return
    for other in (np.float32, np.float64, np.bool_):
        refuses(f"users of {other}", add, impl, p._replace(users=p.users.astype(other)))
        refuses(f"items of {other}", add, impl, p._replace(items=p.items.astype(other)))


@law("Dots, users and items of unequal numbers raise, one against many too.",
     given=bias_inputs(), needs=NEEDS)  # fmt: skip
def bias_refuses_unequal_lengths(impl: Implementation, p: BiasInput) -> None:
    three, one = np.zeros(3, np.int64), np.zeros(1, np.int64)
    dots = {3: np.zeros(3, p.dtype), 1: np.zeros(1, p.dtype)}
    for n, users, items in ((3, one, three), (3, three, one), (1, three, three), (3, one, one)):
        wrong = p._replace(dot=dots[n], users=users, items=items)
        refuses(f"{n} dots, {len(users)} users, {len(items)} items", add, impl, wrong)


@law("Bias tables of one column (U, 1) raise: (B,) + (B, 1) would be (B, B).",
     given=bias_inputs(), needs=NEEDS)  # fmt: skip
def bias_refuses_columns(impl: Implementation, p: BiasInput) -> None:
    refuses("user_bias (U, 1)", add, impl, p._replace(user_bias=p.user_bias[:, None]))
    refuses("item_bias (I, 1)", add, impl, p._replace(item_bias=p.item_bias[:, None]))
    refuses("dot (B, 1)", add, impl, p._replace(dot=p.dot[:, None]))

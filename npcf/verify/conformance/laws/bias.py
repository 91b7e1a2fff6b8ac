"""Laws of the biases: out_b = dot_b + user_bias[users_b] + item_bias[items_b]."""

from typing import Any

import numpy as np

from npcf.verify import assert_within_exact, bounds, exact
from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import law
from npcf.verify.conformance.laws._common import (
    POWERS,
    coarse,
    cuts,
    orders,
    whole,
    without_small,
)
from npcf.verify.strategies import BiasInput, bias_inputs

NEEDS = ("bias_forward",)
PAIRS = BiasInput(
    np.array([0.5, 0.25]), np.array([1.0]), np.array([2.0, 4.0]), np.array([0, 0]),
    np.array([1, 0]), np.ones(2),
)  # fmt: skip


def add(impl: Implementation, p: BiasInput) -> Any:
    """Return the sums alone."""
    return impl.bias_forward(p.dot, p.user_bias, p.item_bias, p.users, p.items)[0]


def of_pairs(p: BiasInput, pairs: Any) -> BiasInput:
    """Return the input with some of its pairs, in their order."""
    return p._replace(
        dot=p.dot[pairs], users=p.users[pairs], items=p.items[pairs], d_out=p.d_out[pairs]
    )


def scaled(p: BiasInput, scale: Any) -> BiasInput:
    """Return the input with all that is added multiplied by `scale`."""
    return p._replace(
        dot=p.dot * scale, user_bias=p.user_bias * scale, item_bias=p.item_bias * scale
    )


def exchanged(p: BiasInput) -> BiasInput:
    """Return the input with users and items in each other's place."""
    return p._replace(user_bias=p.item_bias, item_bias=p.user_bias, users=p.items, items=p.users)


def bound_of(impl: Implementation, p: BiasInput) -> Any:
    """Return how far the sums may lie from exact arithmetic."""
    return bounds.bias(p.dot, p.user_bias, p.item_bias, p.users, p.items, library=impl.library)


@law("Each sum is exact within the bound.", given=bias_inputs(), needs=NEEDS, examples=(PAIRS,))
def bias_is_exact_within_the_bound(impl: Implementation, p: BiasInput) -> None:
    want = exact.bias(p.dot, p.user_bias, p.item_bias, p.users, p.items)
    assert_within_exact(add(impl, p), want, bound_of(impl, p), "out")


@law("Whole numbers give the whole number.", given=bias_inputs(), needs=NEEDS, examples=(PAIRS,))
def bias_of_whole_numbers_is_exact(impl: Implementation, p: BiasInput) -> None:
    dot, users, items = map(whole, (p.dot, p.user_bias, p.item_bias))
    got = add(impl, p._replace(dot=dot, user_bias=users, item_bias=items))
    assert_same_bits(got, dot + users[p.users] + items[p.items])


@law("Where two of the three are zero the third comes through as it is.",
     given=bias_inputs(), needs=NEEDS, examples=(PAIRS,))  # fmt: skip
def bias_alone_is_copied(impl: Implementation, p: BiasInput) -> None:
    zeros = scaled(p, 0)
    assert_same_bits(add(impl, zeros._replace(dot=p.dot)), p.dot)
    assert_same_bits(add(impl, zeros._replace(user_bias=p.user_bias)), p.user_bias[p.users])
    assert_same_bits(add(impl, zeros._replace(item_bias=p.item_bias)), p.item_bias[p.items])


@law("Where one of the three is zero the others' sum is rounded once.",
     given=bias_inputs(), needs=NEEDS)  # fmt: skip
def bias_of_two_rounds_once(impl: Implementation, p: BiasInput) -> None:
    zeros, users, items = scaled(p, 0), p.user_bias[p.users], p.item_bias[p.items]
    assert_same_bits(add(impl, p._replace(dot=zeros.dot)), users + items)
    assert_same_bits(add(impl, p._replace(user_bias=zeros.user_bias)), p.dot + items)
    assert_same_bits(add(impl, p._replace(item_bias=zeros.item_bias)), p.dot + users)


@law("Users up and items down by the same number changes nothing beyond rounding.",
     given=bias_inputs(), needs=NEEDS)  # fmt: skip
def bias_ignores_opposite_shifts(impl: Implementation, p: BiasInput) -> None:
    p = p._replace(user_bias=coarse(p.user_bias), item_bias=coarse(p.item_bias))
    for shift in (p.dtype.type(4), p.dtype.type(-0.5)):  # the shifted tables are exact
        moved = p._replace(user_bias=p.user_bias + shift, item_bias=p.item_bias - shift)
        allowed = bound_of(impl, p) + bound_of(impl, moved)
        assert_within(add(impl, moved), add(impl, p), allowed)


@law("Users and items exchanged give the same sums, up to rounding.",
     given=bias_inputs(), needs=NEEDS)  # fmt: skip
def bias_is_symmetric(impl: Implementation, p: BiasInput) -> None:
    assert_within(add(impl, exchanged(p)), add(impl, p), 2 * bound_of(impl, p))


@law("Pairs in another order give the sums in that order.", given=bias_inputs(), needs=NEEDS)
def bias_follows_the_order_of_pairs(impl: Implementation, p: BiasInput) -> None:
    out = add(impl, p)
    for order in orders(len(p.dot)):
        assert_same_bits(add(impl, of_pairs(p, order)), out[order])


@law("Renumbering users and items changes nothing.", given=bias_inputs(), needs=NEEDS)
def bias_ignores_the_numbering(impl: Implementation, p: BiasInput) -> None:
    out = add(impl, p)
    for by_user, by_item in zip(orders(len(p.user_bias)), orders(len(p.item_bias)), strict=True):
        renumbered = p._replace(
            user_bias=p.user_bias[by_user], users=np.argsort(by_user)[p.users],
            item_bias=p.item_bias[by_item], items=np.argsort(by_item)[p.items],
        )  # fmt: skip
        assert_same_bits(add(impl, renumbered), out)


@law("The sums of a batch are the sums of its two parts, wherever it is cut.",
     given=bias_inputs(), needs=NEEDS)  # fmt: skip
def bias_of_two_parts(impl: Implementation, p: BiasInput) -> None:
    out = add(impl, p)
    for parts in cuts(len(p.dot)):
        joined = np.concatenate([add(impl, of_pairs(p, part)) for part in parts])
        assert_same_bits(joined, out)


@law("All three scaled by a power of two, or negated, scale the sum to the bit.",
     given=bias_inputs(), needs=NEEDS)  # fmt: skip
def bias_scales(impl: Implementation, p: BiasInput) -> None:
    dot, users, items = map(without_small, (p.dot, p.user_bias, p.item_bias))
    p = p._replace(dot=dot, user_bias=users, item_bias=items)
    out = add(impl, p)
    for power in POWERS:
        scale = p.dtype.type(-(2.0**power))
        assert_same_bits(add(impl, scaled(p, scale)), out * scale)

"""Laws of the biases: out_b = dot_b + user_bias[users_b] + item_bias[items_b]."""

from typing import Any

import numpy as np

from npcf.verify import bounds
from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import law
from npcf.verify.conformance.laws._common import (
    assert_equal,
    coarse,
    inner,
    quiet,
    reach,
    refuses,
    total,
    whole,
    with_entry,
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


def scaled(p: BiasInput, scale: Any) -> BiasInput:
    """Return the input with all that is added multiplied by `scale`."""
    return p._replace(
        dot=p.dot * scale, user_bias=p.user_bias * scale, item_bias=p.item_bias * scale
    )


def bound_of(impl: Implementation, p: BiasInput) -> Any:
    """Return how far the sums may lie from exact arithmetic."""
    return bounds.bias(p.dot, p.user_bias, p.item_bias, p.users, p.items, library=impl.library)


BOTH = ("bias_forward", "bias_backward")
NAMES = ("d_dot", "d_user_bias", "d_item_bias")


def forward(impl: Implementation, p: BiasInput) -> Any:
    """Return (out, cache)."""
    return impl.bias_forward(p.dot, p.user_bias, p.item_bias, p.users, p.items)


def gradients(impl: Implementation, p: BiasInput) -> Any:
    """Return (d_dot, d_user_bias, d_item_bias)."""
    return impl.bias_backward(p.d_out, forward(impl, p)[1])


def bounds_of(impl: Implementation, p: BiasInput) -> Any:
    """Return how far the three gradients may lie from exact arithmetic."""
    sizes = len(p.user_bias), len(p.item_bias)
    return bounds.bias_backward(p.d_out, p.users, p.items, *sizes, library=impl.library)


def sides(p: BiasInput) -> Any:
    """Return the ids and the table of users, then of items."""
    return (p.users, p.user_bias), (p.items, p.item_bias)


@law("Whole numbers give the whole number.", given=bias_inputs(), needs=NEEDS, examples=(PAIRS,))
def bias_of_whole_numbers_is_exact(impl: Implementation, p: BiasInput) -> None:
    dot, users, items = map(whole, (p.dot, p.user_bias, p.item_bias))
    got = add(impl, p._replace(dot=dot, user_bias=users, item_bias=items))
    assert_same_bits(got, dot + users[p.users] + items[p.items])


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


@law("The dots receive d_out as it is.", given=bias_inputs(), needs=BOTH)
def bias_gradient_of_the_dot_is_a_copy(impl: Implementation, p: BiasInput) -> None:
    assert_same_bits(gradients(impl, p)[0], p.d_out, "d_dot")


@law("Users and items receive the same total: that of d_out.",
     given=bias_inputs(), needs=BOTH, examples=(PAIRS,))  # fmt: skip
def bias_gradients_have_equal_totals(impl: Implementation, p: BiasInput) -> None:
    for name, got, allowed in zip(NAMES, gradients(impl, p), bounds_of(impl, p), strict=True):
        room = reach(allowed, np.ones_like(allowed))
        assert_equal(total(got), total(p.d_out), room, f"sum of {name}")


@law("Forward and backward are adjoint: <d_out, out> = <d_dot, dot> + <d_u, u> + <d_i, i>.",
     given=bias_inputs(), needs=BOTH, examples=(PAIRS,))  # fmt: skip
def bias_gradients_are_the_adjoint(impl: Implementation, p: BiasInput) -> None:
    out, cache = forward(impl, p)
    terms = (p.dot, p.user_bias, p.item_bias)
    got = impl.bias_backward(p.d_out, cache)
    pairs = [inner(gradient, term) for gradient, term in zip(got, terms, strict=True)]
    of_out = bounds.bias(*terms, p.users, p.items, library=impl.library)
    allowed = reach(of_out, p.d_out)
    for bound, term in zip(bounds_of(impl, p), terms, strict=True):
        allowed += reach(bound, term)
    assert_equal(total(0.0) + sum(pairs), inner(out, p.d_out), allowed, "<gradients, inputs>")


@law("A gradient of ones counts how often each user and each item is named.",
     given=bias_inputs(), needs=BOTH, examples=(PAIRS,))  # fmt: skip
def bias_gradients_of_ones_count(impl: Implementation, p: BiasInput) -> None:
    got = gradients(impl, p._replace(d_out=np.ones_like(p.d_out)))
    for table, (ids, like) in zip(got[1:], sides(p), strict=True):
        assert_same_bits(table, np.bincount(ids, minlength=len(like)).astype(p.dtype))


@law("Each table's gradient is that of a lookup in a table of one column.",
     given=bias_inputs(),
     needs=(*BOTH, "embedding_forward", "embedding_backward"))  # fmt: skip
def bias_gradients_are_those_of_a_lookup(impl: Implementation, p: BiasInput) -> None:
    parts = zip(gradients(impl, p)[1:], sides(p), bounds_of(impl, p)[1:], strict=True)
    for got, (ids, table), allowed in parts:
        _, cache = impl.embedding_forward(table[:, None], ids)
        want = impl.embedding_backward(p.d_out[:, None], cache)
        assert_within(got, want[:, 0], 2 * allowed)


@law("Bias tables of one column (U, 1) raise: (B,) + (B, 1) would be (B, B).",
     given=bias_inputs(), needs=NEEDS)  # fmt: skip
def bias_refuses_columns(impl: Implementation, p: BiasInput) -> None:
    refuses("user_bias (U, 1)", add, impl, p._replace(user_bias=p.user_bias[:, None]))
    refuses("item_bias (I, 1)", add, impl, p._replace(item_bias=p.item_bias[:, None]))
    refuses("dot (B, 1)", add, impl, p._replace(dot=p.dot[:, None]))

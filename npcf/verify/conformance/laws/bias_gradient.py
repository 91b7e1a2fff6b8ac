"""Laws of the biases' gradients: d_dot = d_out; each table gets d_out summed over equal ids."""

from typing import Any

import numpy as np

from npcf.verify import assert_within_exact, bounds, exact
from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import law
from npcf.verify.conformance.laws._common import (
    POWERS,
    assert_equal,
    assert_same,
    inner,
    orders,
    reach,
    total,
    without_small,
)
from npcf.verify.conformance.laws.bias import PAIRS, exchanged, of_pairs
from npcf.verify.strategies import BiasInput, bias_inputs

NEEDS = ("bias_forward", "bias_backward")
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


def assert_all_within(got: Any, want: Any, allowed: Any, factor: int = 2) -> None:
    """Compare the three gradients, each entry allowed `factor` times its bound."""
    for name, *one in zip(NAMES, got, want, allowed, strict=True):
        assert_within(one[0], one[1], factor * one[2], name)


@law("All three gradients are exact within their bounds.",
     given=bias_inputs(), needs=NEEDS, examples=(PAIRS,))  # fmt: skip
def bias_gradients_are_exact_within_the_bound(impl: Implementation, p: BiasInput) -> None:
    sizes = len(p.user_bias), len(p.item_bias)
    want = exact.bias_backward(p.d_out, p.users, p.items, *sizes)
    parts = zip(NAMES, gradients(impl, p), want, bounds_of(impl, p), strict=True)
    for name, got, fractions, allowed in parts:
        assert_within_exact(got, fractions, allowed, name)


@law("The dots receive d_out as it is.", given=bias_inputs(), needs=NEEDS)
def bias_gradient_of_the_dot_is_a_copy(impl: Implementation, p: BiasInput) -> None:
    assert_same_bits(gradients(impl, p)[0], p.d_out, "d_dot")


@law("Users and items receive the same total: that of d_out.",
     given=bias_inputs(), needs=NEEDS, examples=(PAIRS,))  # fmt: skip
def bias_gradients_have_equal_totals(impl: Implementation, p: BiasInput) -> None:
    for name, got, allowed in zip(NAMES, gradients(impl, p), bounds_of(impl, p), strict=True):
        room = reach(allowed, np.ones_like(allowed))
        assert_equal(total(got), total(p.d_out), room, f"sum of {name}")


@law("Forward and backward are adjoint: <d_out, out> = <d_dot, dot> + <d_u, u> + <d_i, i>.",
     given=bias_inputs(), needs=NEEDS, examples=(PAIRS,))  # fmt: skip
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


@law("Biases that no rating names get exactly zero.", given=bias_inputs(), needs=NEEDS)
def bias_gradients_of_absent_entries_are_zero(impl: Implementation, p: BiasInput) -> None:
    for got, (ids, table) in zip(gradients(impl, p)[1:], sides(p), strict=True):
        absent = got[np.setdiff1d(np.arange(len(table)), ids)]
        assert_same_bits(absent, np.zeros_like(absent))


@law("A bias named once gets its gradient as it is; named twice, the sum of both, rounded once.",
     given=bias_inputs(), needs=NEEDS, examples=(PAIRS,))  # fmt: skip
def bias_gradients_of_few_mentions_round_once(impl: Implementation, p: BiasInput) -> None:
    for got, (ids, _) in zip(gradients(impl, p)[1:], sides(p), strict=True):
        for i in set(ids.tolist()):
            mentions = p.d_out[ids == i]
            if len(mentions) <= 2:  # either order of adding is the same
                assert_same_bits(got[i], mentions.sum(), f"entry {i}")


@law("A gradient of ones counts how often each user and each item is named.",
     given=bias_inputs(), needs=NEEDS, examples=(PAIRS,))  # fmt: skip
def bias_gradients_of_ones_count(impl: Implementation, p: BiasInput) -> None:
    got = gradients(impl, p._replace(d_out=np.ones_like(p.d_out)))
    for table, (ids, like) in zip(got[1:], sides(p), strict=True):
        assert_same_bits(table, np.bincount(ids, minlength=len(like)).astype(p.dtype))


@law("The order of the batch changes nothing beyond rounding.", given=bias_inputs(), needs=NEEDS)
def bias_gradients_ignore_the_order(impl: Implementation, p: BiasInput) -> None:
    want, allowed = gradients(impl, p), bounds_of(impl, p)
    for order in orders(len(p.dot)):
        got = gradients(impl, of_pairs(p, order))
        assert_all_within(got, (want[0][order], *want[1:]), allowed)


@law("Renumbering users and items renumbers the gradients; entry 0 is like any other.",
     given=bias_inputs(), needs=NEEDS)  # fmt: skip
def bias_gradients_follow_the_numbering(impl: Implementation, p: BiasInput) -> None:
    want, allowed = gradients(impl, p), bounds_of(impl, p)
    for by_user, by_item in zip(orders(len(p.user_bias)), orders(len(p.item_bias)), strict=True):
        users, items = np.argsort(by_user)[p.users], np.argsort(by_item)[p.items]
        got = gradients(impl, p._replace(users=users, items=items))
        for place, order in ((1, by_user), (2, by_item)):
            assert_within(got[place], want[place][order], 2 * allowed[place][order], NAMES[place])


@law("The gradients of two parts of a batch add up to those of the whole.",
     given=bias_inputs(), needs=NEEDS)  # fmt: skip
def bias_gradients_of_two_parts(impl: Implementation, p: BiasInput) -> None:
    want, allowed, middle = gradients(impl, p), bounds_of(impl, p), len(p.dot) // 2
    first, second = (
        gradients(impl, of_pairs(p, part)) for part in (slice(0, middle), slice(middle, None))
    )
    for place in (1, 2):
        for i, whole_batch in enumerate(want[place]):
            parts = total([first[place][i], second[place][i]])
            room = 3 * allowed[place][i]
            assert_equal(parts, total(whole_batch), room, f"{NAMES[place]}[{i}]")


@law("d_out scaled by a power of two, or negated, scales the gradients to the bit.",
     given=bias_inputs(), needs=NEEDS)  # fmt: skip
def bias_gradients_scale(impl: Implementation, p: BiasInput) -> None:
    p = p._replace(d_out=without_small(p.d_out))
    want = gradients(impl, p)
    for power in POWERS:
        scale = p.dtype.type(-(2.0**power))
        got = gradients(impl, p._replace(d_out=p.d_out * scale))
        assert_same(got, [array * scale for array in want])


@law("Users and items exchanged exchange their gradients, up to rounding.",
     given=bias_inputs(), needs=NEEDS)  # fmt: skip
def bias_gradients_exchange(impl: Implementation, p: BiasInput) -> None:
    d_dot, d_users, d_items = gradients(impl, exchanged(p))
    assert_all_within((d_dot, d_items, d_users), gradients(impl, p), bounds_of(impl, p))


@law("Users and items with the same ids get the same gradients, up to rounding.",
     given=bias_inputs(), needs=NEEDS)  # fmt: skip
def bias_gradients_of_the_same_ids_agree(impl: Implementation, p: BiasInput) -> None:
    p = p._replace(items=p.users, item_bias=p.user_bias)
    _, d_users, d_items = gradients(impl, p)
    assert_within(d_items, d_users, 2 * bounds_of(impl, p)[1])

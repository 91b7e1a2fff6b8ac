"""Laws of how the sigmoid range treats its arguments and its result, number by number."""

import numpy as np

from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import law
from npcf.verify.conformance.laws._common import (
    assert_kind,
    assert_own_memory,
    cuts,
    layouts_of,
    orders,
    refuses,
    unchanged,
)
from npcf.verify.conformance.laws.sigmoid_range import NEEDS, bound_of, out_of, squash
from npcf.verify.strategies import RangeInput, range_inputs


@law("Permuting x permutes the numbers, up to rounding.", given=range_inputs(), needs=NEEDS)
def sigmoid_range_follows_the_order(impl: Implementation, p: RangeInput) -> None:
    out, allowed = out_of(impl, p), 2 * bound_of(impl, p.x, p.low, p.high)
    for order in orders(len(p.x)):
        assert_within(squash(impl, p.x[order], p.low, p.high), out[order], allowed[order])


@law("The numbers of a batch are those of its two parts, wherever it is cut, up to rounding.",
     given=range_inputs(), needs=NEEDS)  # fmt: skip
def sigmoid_range_of_two_parts(impl: Implementation, p: RangeInput) -> None:
    out, allowed = out_of(impl, p), 2 * bound_of(impl, p.x, p.low, p.high)
    for parts in cuts(len(p.x)):  # vectorised loops and their remainders may use other exps
        joined = np.concatenate([squash(impl, p.x[part], p.low, p.high) for part in parts])
        assert_within(joined, out, allowed)


@law("The result is (B,) of the dtype of x, for B = 0 and B = 1 too.",
     given=range_inputs(), needs=NEEDS)  # fmt: skip
def sigmoid_range_has_the_shape_of_x(impl: Implementation, p: RangeInput) -> None:
    for n in (len(p.x), 0, min(len(p.x), 1)):
        assert_kind(squash(impl, p.x[:n], p.low, p.high), (n,), p.dtype, "out")


@law("x is not changed.", given=range_inputs(), needs=NEEDS)
def sigmoid_range_changes_no_argument(impl: Implementation, p: RangeInput) -> None:
    with unchanged(p.x):
        out_of(impl, p)


@law("Strided, reversed and read-only x change nothing beyond rounding.",
     given=range_inputs(), needs=NEEDS)  # fmt: skip
def sigmoid_range_in_any_layout(impl: Implementation, p: RangeInput) -> None:
    out, allowed = out_of(impl, p), 2 * bound_of(impl, p.x, p.low, p.high)
    for x in layouts_of(p.x):
        assert_within(squash(impl, x, p.low, p.high), out, allowed)


@law("The same x twice gives the same bits, and the first result stays as it was.",
     given=range_inputs(), needs=NEEDS)  # fmt: skip
def sigmoid_range_is_deterministic(impl: Implementation, p: RangeInput) -> None:
    first = out_of(impl, p)
    want = first.copy()
    squash(impl, -p.x, p.low - 1, p.high)
    assert_same_bits(out_of(impl, p), want)
    assert_same_bits(first, want, "first result, after other calls")


@law("The numbers share no memory with x, or with an earlier result.",
     given=range_inputs(), needs=NEEDS)  # fmt: skip
def sigmoid_range_owns_its_memory(impl: Implementation, p: RangeInput) -> None:
    assert_own_memory([out_of(impl, p), out_of(impl, p)], [p.x])


@law("A range whose low lies above its high raises.", given=range_inputs(), needs=NEEDS)
def sigmoid_range_refuses_low_above_high(impl: Implementation, p: RangeInput) -> None:
    for low, high in ((p.high + 1, p.low), (p.low + 0.25, p.low)):
        refuses(f"low {low} above high {high}", squash, impl, p.x, low, high)

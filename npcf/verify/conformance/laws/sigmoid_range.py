"""Laws of the sigmoid range: out_b = low + (high - low) / (1 + exp(-x_b))."""

from fractions import Fraction
from typing import Any

import numpy as np

from npcf.verify import assert_within_exact, bounds, exact
from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import law
from npcf.verify.conformance.laws._common import (
    POWERS,
    assert_equal,
    quiet,
    total,
)
from npcf.verify.strategies import RangeInput, range_inputs

NEEDS = ("sigmoid_range_forward",)
BOTH = RangeInput(np.array([-1.0, 0.0, 3.0]), 1.0, 5.0, np.ones(3))
SATURATED = 40  # from here on 1 + exp(-x) is 1 in float64 too


def squash(impl: Implementation, x: Any, low: float, high: float) -> Any:
    """Return the numbers alone."""
    return impl.sigmoid_range_forward(x, low, high)[0]


def out_of(impl: Implementation, p: RangeInput) -> Any:
    """Return what the whole input gives."""
    return squash(impl, p.x, p.low, p.high)


def bound_of(impl: Implementation, x: Any, low: float, high: float) -> Any:
    """Return how far the numbers may lie from exact arithmetic."""
    return bounds.sigmoid_range(x, low, high, impl.library)


def tame(x: Any) -> Any:
    """Return x within 30 of zero, where no product comes near the smallest numbers."""
    return np.clip(x, x.dtype.type(-30), x.dtype.type(30))


@law("Each number is exact within the bound.",
     given=range_inputs(), needs=NEEDS, examples=(BOTH,))  # fmt: skip
def sigmoid_range_is_exact_within_the_bound(impl: Implementation, p: RangeInput) -> None:
    want = exact.sigmoid_range(p.x, p.low, p.high)
    allowed = bound_of(impl, p.x, p.low, p.high)
    assert_within_exact(out_of(impl, p), want, allowed, "out")


@law("No number leaves the range by more than rounding.", given=range_inputs(), needs=NEEDS)
def sigmoid_range_lies_in_the_range(impl: Implementation, p: RangeInput) -> None:
    out, room = out_of(impl, p).astype(np.float64), bound_of(impl, p.x, p.low, p.high)
    assert (out >= p.low - room).all(), f"{out.min()} lies below {p.low}"
    assert (out <= p.high + room).all(), f"{out.max()} lies above {p.high}"


@law("In the range (0, 1) no number leaves it at all.", given=range_inputs(), needs=NEEDS)
def sigmoid_lies_in_the_unit_range(impl: Implementation, p: RangeInput) -> None:
    out = squash(impl, p.x, 0.0, 1.0)
    assert ((out >= 0) & (out <= 1)).all(), f"{out} leaves [0, 1]"


@law("The middle: zero gives one half of the unit range, to the bit.",
     given=range_inputs(), needs=NEEDS)  # fmt: skip
def sigmoid_of_zero_is_one_half(impl: Implementation, p: RangeInput) -> None:
    for zero in (0.0, -0.0):
        out = squash(impl, np.full_like(p.x, zero), 0.0, 1.0)
        assert_same_bits(out, np.full_like(p.x, 0.5))


@law("Mirrored: out(x) + out(-x) = low + high.", given=range_inputs(), needs=NEEDS)
def sigmoid_range_mirrors(impl: Implementation, p: RangeInput) -> None:
    up, down = (squash(impl, x, p.low, p.high) for x in (p.x, -p.x))
    allowed = sum(bound_of(impl, x, p.low, p.high) for x in (p.x, -p.x))
    want = Fraction(p.low) + Fraction(p.high)
    for b, x in enumerate(p.x):
        assert_equal(total([up[b], down[b]]), want, allowed[b], f"out({x}) + out({-x})")


@law("Monotone: a larger x gives no smaller number, up to the error of exp.",
     given=range_inputs(), needs=NEEDS)  # fmt: skip
def sigmoid_range_is_monotone(impl: Implementation, p: RangeInput) -> None:
    x = np.sort(p.x)
    out, room = squash(impl, x, p.low, p.high), bound_of(impl, x, p.low, p.high)
    fall = out[:-1].astype(np.float64) - out[1:].astype(np.float64)
    assert (fall <= room[:-1] + room[1:]).all(), f"falls by {fall.max()} for x = {x}"


@law("Strictly: within 4 of zero a step of 1 upwards gives a larger number.",
     given=range_inputs(), needs=NEEDS)  # fmt: skip
def sigmoid_range_rises(impl: Implementation, p: RangeInput) -> None:
    x = np.clip(p.x, p.dtype.type(-4), p.dtype.type(4))
    here, there = (squash(impl, z, p.low, p.low + 1) for z in (x, x + 1))
    assert (there > here).all(), f"from {here} to {there}"


@law("inf gives high, -inf gives low, NaN stays NaN.", given=range_inputs(), needs=NEEDS)
@quiet
def sigmoid_range_of_no_numbers(impl: Implementation, p: RangeInput) -> None:
    x = np.array([np.inf, -np.inf, np.nan], p.dtype)
    want = np.array([p.high, p.low, np.nan], p.dtype)  # ends are quarters: exact
    assert_same_bits(squash(impl, x, p.low, p.high), want)


@law("NaN, infinities and huge numbers do not disturb their neighbours.",
     given=range_inputs(), needs=NEEDS)  # fmt: skip
@quiet
def sigmoid_range_keeps_nan_in_its_place(impl: Implementation, p: RangeInput) -> None:
    want, allowed = out_of(impl, p), 2 * bound_of(impl, p.x, p.low, p.high)
    for value in (np.nan, np.inf, -np.inf, np.finfo(p.dtype).max):
        got = squash(impl, np.append(p.x, p.dtype.type(value)), p.low, p.high)
        assert_within(got[:-1], want, allowed)


@law("Far out, up to the largest number, the ends are reached exactly and nothing overflows.",
     given=range_inputs(), needs=NEEDS)  # fmt: skip
@quiet
def sigmoid_range_of_huge_numbers(impl: Implementation, p: RangeInput) -> None:
    x = np.array([1000, 1e4, np.finfo(p.dtype).max], p.dtype)
    assert_same_bits(squash(impl, x, p.low, p.high), np.full(3, p.high, p.dtype))
    assert_same_bits(squash(impl, -x, p.low, p.high), np.full(3, p.low, p.dtype))


@law("Saturated upwards: from 40 on the number is high exactly.", given=range_inputs(), needs=NEEDS)
def sigmoid_range_saturates_upwards(impl: Implementation, p: RangeInput) -> None:
    x = np.abs(p.x) + p.dtype.type(SATURATED)
    assert_same_bits(squash(impl, x, p.low, p.high), np.full_like(p.x, p.high))


@law("Not so downwards: at -80 a unit sigmoid is still above zero.",
     given=range_inputs(), needs=NEEDS)  # fmt: skip
def sigmoid_lives_far_below_zero(impl: Implementation, p: RangeInput) -> None:
    out = squash(impl, np.maximum(-np.abs(p.x), p.dtype.type(-80)), 0.0, 1.0)
    assert (out > 0).all(), f"{out} has died"


@law("A range of no height gives its only number.", given=range_inputs(), needs=NEEDS)
def sigmoid_range_of_no_height(impl: Implementation, p: RangeInput) -> None:
    out, allowed = squash(impl, p.x, p.high, p.high), bound_of(impl, p.x, p.high, p.high)
    assert_within(out, np.full_like(p.x, p.high), allowed)


@law("Every range is the unit range, stretched and shifted: out = low + (high - low) s.",
     given=range_inputs(), needs=NEEDS, examples=(BOTH,))  # fmt: skip
def sigmoid_range_stretches_the_unit_range(impl: Implementation, p: RangeInput) -> None:
    s, out = squash(impl, p.x, 0.0, 1.0), out_of(impl, p)
    low, height = Fraction(p.low), Fraction(p.high) - Fraction(p.low)
    allowed = bound_of(impl, p.x, p.low, p.high)
    allowed = allowed + float(height) * bound_of(impl, p.x, 0.0, 1.0)
    for b, x in enumerate(p.x):
        assert_equal(low + height * total(s[b]), total(out[b]), allowed[b], f"low + R s({x})")


@law("Both ends of the range raised by 1 raise every number by 1.",
     given=range_inputs(), needs=NEEDS)  # fmt: skip
def sigmoid_range_shifts(impl: Implementation, p: RangeInput) -> None:
    out, raised = out_of(impl, p), squash(impl, p.x, p.low + 1, p.high + 1)
    allowed = bound_of(impl, p.x, p.low, p.high)
    allowed = allowed + bound_of(impl, p.x, p.low + 1, p.high + 1)
    for b, x in enumerate(p.x):
        assert_equal(total(raised[b]), total(out[b]) + 1, allowed[b], f"raised out({x})")


@law("Both ends scaled by a power of two scale every number by it, to the bit.",
     given=range_inputs(), needs=NEEDS)  # fmt: skip
def sigmoid_range_scales(impl: Implementation, p: RangeInput) -> None:
    x = tame(p.x)
    want = squash(impl, x, p.low, p.high)
    for power in POWERS:
        scale = 2.0**power
        got = squash(impl, x, p.low * scale, p.high * scale)
        assert_same_bits(got, want * p.dtype.type(scale))


@law("The range turned over, (-high, -low), turns out(x) into -out(-x).",
     given=range_inputs(), needs=NEEDS)  # fmt: skip
def sigmoid_range_turns_over(impl: Implementation, p: RangeInput) -> None:
    turned, want = squash(impl, p.x, -p.high, -p.low), -squash(impl, -p.x, p.low, p.high)
    allowed = bound_of(impl, p.x, -p.high, -p.low) + bound_of(impl, -p.x, p.low, p.high)
    assert_within(turned, want, allowed)
